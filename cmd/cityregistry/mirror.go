package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
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

func (s sources) open() ([]mirror.Source, error) {
	var all []mirror.Source
	for _, from := range s.From {
		if strings.HasPrefix(from, "http://") || strings.HasPrefix(from, "https://") {
			all = append(all, mirror.HTTP{Base: strings.TrimSuffix(from, "/")})
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
		all = append(all, mirror.Dir{Path: from})
	}
	return all, nil
}

func isDir(path string) bool {
	st, err := os.Stat(path)
	return err == nil && st.IsDir()
}

type mirrorCmd struct {
	Dir    string   `required:"" type:"path" help:"Folder of the copies. serve serves it like a registry's."`
	Root   string   `required:"" type:"path" help:"The root policy to start from: the national root.json, from a place that you trust."`
	Follow []string `placeholder:"PREFIX" help:"Copy only this registry's logs, and the directory. Repeat for more."`
	sources
	Every time.Duration `help:"Copy again and again, such as 1m."`
}

// Run copies logs and prints the size of each.
func (c *mirrorCmd) Run(o *office) error {
	if c.Every < 0 || c.Every > 0 && c.Every < time.Second {
		return usageError{fmt.Errorf("--every %v is shorter than 1s", c.Every)}
	}
	b, err := o.read(c.Root)
	if err != nil {
		return err
	}
	root, err := ledger.ParseRootPolicy(b)
	if err != nil {
		return err
	}
	from, err := c.sources.open()
	if err != nil {
		return err
	}
	m, err := mirrored.Open(c.Dir, mirrored.Options{Root: root, Follow: c.Follow, Sources: from})
	if err != nil {
		return err
	}
	err = o.copyOnce(m)
	if c.Every == 0 {
		return err
	}
	t := time.NewTicker(c.Every)
	defer t.Stop()
	for {
		if err != nil {
			fmt.Fprintf(o.err, "cityregistry: %v\n", err) // sources come back
		}
		select {
		case <-o.ctx.Done():
			return nil
		case <-t.C:
			err = o.copyOnce(m)
		}
	}
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
	from, err := c.sources.open()
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
