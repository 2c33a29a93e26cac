package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"citygate/trust/ledger"
	"citygate/trust/mirror"
	"citygate/trust/registry"
	"citygate/trust/registry/mirrored"
)

// This file implements the commands about copies: mirror and restore-from-mirror.

// sources are the flags that say where a log's bytes come from.
type sources struct {
	From []string `required:"" sep:"none" placeholder:"URL|DIR" help:"Where to read: the URL of a server of logs, or a folder with their tree. Repeat for more."`
}

// open gives the sources, which say on standard error how far a long log is.
func (s sources) open(o *office) ([]mirror.Source, error) {
	var all []mirror.Source
	for _, from := range s.From {
		if strings.HasPrefix(from, "http://") || strings.HasPrefix(from, "https://") {
			all = append(all, watch(mirror.HTTP{Base: strings.TrimSuffix(from, "/")}, o.err))
			continue
		}
		if st, err := os.Stat(from); err != nil {
			return nil, fmt.Errorf("source: %w", err)
		} else if !st.IsDir() {
			return nil, fmt.Errorf("source %s is neither a URL nor a folder", from)
		}
		if public := filepath.Join(from, "public"); isDir(public) {
			from = public
		}
		all = append(all, watch(mirror.Dir{Path: from}, o.err))
	}
	return all, nil
}

func isDir(path string) bool {
	st, err := os.Stat(path)
	return err == nil && st.IsDir()
}

// copies are the flags of a folder of copies.
type copies struct {
	Dir    string   `required:"" type:"path" help:"Folder of the copies. serve serves it like a registry's."`
	Root   string   `required:"" type:"path" help:"The root policy to start from: the national root.json, from a place that you trust."`
	Follow []string `placeholder:"PREFIX" help:"Copy only this registry's logs, and the directory. Repeat for more."`
	sources
	Every time.Duration `help:"Do it again and again, such as 1m."`
}

func (c copies) open(o *office) (*mirrored.Copy, error) {
	if c.Every < 0 || c.Every > 0 && c.Every < time.Second {
		return nil, usageError{fmt.Errorf("--every %v is shorter than 1s", c.Every)}
	}
	b, err := o.read(c.Root)
	if err != nil {
		return nil, err
	}
	root, err := ledger.ParseRootPolicy(b)
	if err != nil {
		return nil, err
	}
	from, err := c.sources.open(o)
	if err != nil {
		return nil, err
	}
	return mirrored.Open(c.Dir, mirrored.Options{Root: root, Follow: c.Follow, Sources: from})
}

// repeat does something once, or until the command is told to stop, whatever goes wrong: sources and witnesses come back.
func (o *office) repeat(every time.Duration, do func() error) error {
	err := do()
	if every == 0 {
		return err
	}
	t := time.NewTicker(every)
	defer t.Stop()
	for {
		if err != nil {
			fmt.Fprintf(o.err, "cityregistry: %v\n", err)
		}
		select {
		case <-o.ctx.Done():
			return nil
		case <-t.C:
			err = do()
		}
	}
}

type mirrorCmd struct{ copies }

// Run copies logs and prints the size of each.
func (c *mirrorCmd) Run(o *office) error {
	m, err := c.copies.open(o)
	if err != nil {
		return err
	}
	return o.repeat(c.Every, func() error { return o.copyOnce(m) })
}

type monitorCmd struct {
	copies
	Book   []string      `type:"path" help:"A registry's folder, whose books the logs are compared with. Repeat for more."`
	MaxAge time.Duration `default:"15m" help:"How old a log's newest checkpoint may be."`
}

// errFindings makes the exit status tell that something was found.
var errFindings = errors.New("the logs are not as they should be")

// Run copies logs, reads all of them, and prints what it finds.
func (c *monitorCmd) Run(o *office) error {
	m, err := c.copies.open(o)
	if err != nil {
		return err
	}
	return o.repeat(c.Every, func() error { return c.once(o, m) })
}

func (c *monitorCmd) once(o *office, m *mirrored.Copy) error {
	reports, syncErr := m.Sync(o.ctx)
	w := mirrored.Watch{Now: time.Now(), MaxAge: c.MaxAge}
	var books []*registry.BookReader
	for _, dir := range c.Book {
		b, err := registry.ReadBooks(dir)
		if err != nil {
			return err
		}
		defer b.Close()
		books = append(books, b)
		w.Books = append(w.Books, b.Logs()...)
	}
	w.InBook = func(log string, index uint64, entry []byte) bool {
		return slices.ContainsFunc(books, func(b *registry.BookReader) bool { return b.Has(log, index, entry) })
	}
	findings, err := m.Monitor(reports, w)
	if err != nil {
		return errors.Join(syncErr, err)
	}
	for _, f := range findings {
		v := map[string]any{"finding": f.Kind, "log": f.Log, "index": f.Index, "detail": f.Detail}
		if err := o.answer(v, fmt.Sprintf("%s\t%s\t%d\t%s", f.Kind, f.Log, f.Index, f.Detail)); err != nil {
			return err
		}
	}
	errs := []error{syncErr}
	for _, r := range reports {
		if r.Log != ledger.DirectoryLog {
			errs = append(errs, r.Err)
		}
	}
	if len(findings) > 0 {
		errs = append(errs, hinted{fmt.Errorf("%w: %d findings", errFindings, len(findings)),
			"each line names what the log's registry has to explain; forks are kept in evidence/ below --dir"})
	}
	err = errors.Join(errs...)
	if err == nil {
		fmt.Fprintf(o.err, "nothing found in %d logs\n", len(reports))
	}
	return err
}

// copyOnce copies and prints, and joins what went wrong.
func (o *office) copyOnce(m *mirrored.Copy) error {
	reports, err := m.Sync(o.ctx)
	errs := []error{err}
	for _, r := range reports {
		if err := o.answer(copied(r), fmt.Sprintf("%s\t%d\t%d", r.Log, r.From, r.To)); err != nil {
			return err
		}
		if r.Log != ledger.DirectoryLog { // the directory's is err
			errs = append(errs, r.Err)
		}
	}
	return errors.Join(errs...)
}

func copied(r mirrored.LogReport) map[string]any {
	v := map[string]any{"log": r.Log, "from": r.From, "to": r.To}
	if r.Err != nil {
		v["error"] = r.Err.Error()
	}
	return v
}

type restoreFromMirrorCmd struct {
	Dir string `required:"" type:"path" help:"The registry's folder: registry.json and keys have to be there, logs must not."`
	sources
}

// Run rebuilds logs and books.
func (c *restoreFromMirrorCmd) Run(o *office) error {
	from, err := c.sources.open(o)
	if err != nil {
		return err
	}
	restored, err := registry.RestoreFromMirror(o.ctx, c.Dir, from...)
	if err != nil {
		return err
	}
	for _, l := range restored {
		v := map[string]any{"log": l.Log, "size": l.Size, "records": l.Records, "lost": l.Lost}
		line := fmt.Sprintf("%s\t%d entries\t%d records\t%d personal records whose content is lost", l.Log, l.Size, l.Records, l.Lost)
		if err := o.answer(v, line); err != nil {
			return err
		}
	}
	return nil
}
