package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"

	"citygate/internal/qrcode"
	"citygate/trust/registry"
	"golang.org/x/sync/errgroup"
)

// This file implements what becomes of an issued record: a line on standard output, and files for printing.

// labels are the flags about files.
type labels struct {
	Out    string   `type:"path" help:"Folder for the codes' files, one of each format for each record."`
	Format []string `default:"txt,png,svg" help:"Formats of the files: txt, png, svg."`
	Level  string   `default:"M" help:"Error correction of the QR code: L, M, Q or H."`
	Scale  int      `default:"8" help:"Pixels for each module in PNG files."`
	Module float64  `default:"0.6" help:"Millimetres for each module in SVG files and on sheets."`
	Sheet  string   `type:"path" placeholder:"FILE" help:"Write all labels on A4 pages of one PDF file."`
}

// labelWriter writes records' codes. It is used by one goroutine.
type labelWriter struct {
	labels
	o        *office
	level    qrcode.Level
	encoders []qrcode.Encoder  // one for each goroutine that draws
	block    []registry.Issued // records that wait to be drawn
	sheet    *qrcode.Sheet     // nil without --sheet
}

// use hands a writer to f, and finishes the sheet afterwards: whole or not at all.
func (l labels) use(o *office, f func(*labelWriter) error) (err error) {
	w, err := l.open(o)
	if err != nil {
		return err
	}
	all := func() error {
		if err := f(w); err != nil {
			return err
		}
		return w.flush()
	}
	if l.Sheet == "" {
		return all()
	}
	part := l.Sheet + ".part"
	file, err := os.Create(part)
	if err != nil {
		return fmt.Errorf("write sheet: %w", err)
	}
	defer func() {
		if err != nil {
			os.Remove(part)
		}
	}()
	if w.sheet, err = qrcode.NewSheet(file, l.Module); err != nil {
		return errors.Join(err, file.Close())
	}
	if err := errors.Join(all(), w.sheet.Close(), file.Close()); err != nil {
		return err
	}
	return os.Rename(part, l.Sheet)
}

func (l labels) open(o *office) (*labelWriter, error) {
	w := &labelWriter{labels: l, o: o, encoders: make([]qrcode.Encoder, runtime.GOMAXPROCS(0))}
	var err error
	if w.level, err = qrcode.ParseLevel(l.Level); err != nil {
		return nil, usageError{err}
	}
	if l.Scale < 1 || l.Scale > qrcode.MaxScale || !(l.Module > 0 && l.Module <= 100) {
		return nil, usageError{fmt.Errorf("--scale is 1 to %d pixels, --module above 0 and at most 100 mm", qrcode.MaxScale)}
	}
	for _, f := range l.Format {
		if !slices.Contains([]string{"txt", "png", "svg"}, f) {
			return nil, usageError{fmt.Errorf("unknown format %q: txt, png and svg are known", f)}
		}
	}
	if l.Out == "" {
		return w, nil
	}
	return w, made(l.Out)
}

// answer is the JSON form of an issued record.
type answer struct {
	Request string   `json:"request"`
	ID      string   `json:"id"`
	Again   bool     `json:"again,omitempty"`
	Pending bool     `json:"pending,omitempty"`
	Index   *uint64  `json:"index,omitempty"`
	Sealed  bool     `json:"sealed"`
	Text    string   `json:"text,omitempty"`
	Files   []string `json:"files,omitempty"`
}

// blockSize is how many labels are drawn at once and written in their order.
const blockSize = 256

// write takes a record. It is printed, and its files are written, with others of a block, or when flush is called. It stops when the command is
// told to.
func (w *labelWriter) write(i registry.Issued) error {
	w.block = append(w.block, i)
	if len(w.block) < blockSize {
		return nil
	}
	return w.flush()
}

// flush draws the labels that wait, on all processors, and then prints them in their order.
func (w *labelWriter) flush() error {
	if err := w.o.ctx.Err(); err != nil {
		return err
	}
	drawn := make([]label, len(w.block))
	var next atomic.Int64
	var workers errgroup.Group
	for n := range w.encoders {
		workers.Go(func() error {
			for {
				k := int(next.Add(1)) - 1
				if k >= len(drawn) {
					return nil
				}
				var err error
				if drawn[k], err = w.draw(&w.encoders[n], w.block[k]); err != nil {
					return err
				}
			}
		})
	}
	if err := workers.Wait(); err != nil {
		return err
	}
	w.block = w.block[:0]
	for _, l := range drawn {
		if w.sheet != nil && !l.Pending {
			if err := w.sheet.Add(l.matrix, l.caption); err != nil {
				return err
			}
		}
		if err := w.o.answer(l.answer, l.line); err != nil {
			return err
		}
	}
	return nil
}

// label is what becomes of a record.
type label struct {
	answer
	line    string
	matrix  qrcode.Matrix
	caption string // below the symbol
}

// draw makes a record's symbol and writes its files.
func (w *labelWriter) draw(e *qrcode.Encoder, i registry.Issued) (label, error) {
	l := label{answer: answer{Request: i.Request, ID: i.ID.String(), Again: i.Again, Pending: i.Pending, Sealed: i.Code.Sealed(), Text: i.Text}}
	if i.Pending {
		l.line = fmt.Sprintf("-\t%s\tpending", i.ID)
		return l, nil
	}
	l.Index, l.line, l.caption = &i.Index, fmt.Sprintf("%d\t%s\t%s", i.Index, i.ID, i.Text), i.ID.String()
	if i.Code.Personal() {
		l.caption = fmt.Sprintf("%d", i.Index) // what is printed is seen by many
	}
	if w.Out == "" && w.sheet == nil {
		return l, nil
	}
	var err error
	if l.matrix, err = e.Encode(i.Text, w.level); err != nil {
		return l, fmt.Errorf("code of %s: %w", i.ID, err)
	}
	if w.Out != "" {
		l.Files, err = w.files(e, i, l.matrix)
	}
	return l, err
}

// files writes one file of each format, each whole or not at all.
func (w *labelWriter) files(e *qrcode.Encoder, i registry.Issued, m qrcode.Matrix) ([]string, error) {
	name := fmt.Sprintf("%s-%d", strings.ReplaceAll(i.ID.String(), "/", "_"), i.Index)
	if i.Code.Personal() {
		name = fmt.Sprintf("personal-%d", i.Index) // a file's name is seen by many
	}
	var files []string
	for _, f := range w.Format {
		var b []byte
		switch f {
		case "txt":
			b = []byte(i.Text + "\n")
		case "png":
			b = e.PNG(m, w.Scale)
		case "svg":
			b = m.SVG(w.Module)
		}
		path := filepath.Join(w.Out, name+"."+f)
		if err := replace(path, b); err != nil {
			return nil, err
		}
		files = append(files, path)
	}
	return files, nil
}

// replace writes a file in one step. It does not sync: a label can be written again at any time.
func replace(path string, b []byte) error {
	part := path + ".part"
	err := os.WriteFile(part, b, 0o644)
	if err == nil {
		err = os.Rename(part, path)
	}
	if err != nil {
		os.Remove(part)
		return fmt.Errorf("write label: %w", err)
	}
	return nil
}
