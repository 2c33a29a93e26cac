package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"citygate/internal/qrcode"
	"citygate/trust/registry"
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

// labelWriter writes records' codes. It keeps QR layouts, so it is used by one goroutine.
type labelWriter struct {
	labels
	o       *office
	level   qrcode.Level
	encoder qrcode.Encoder
	sheet   *qrcode.Sheet // nil without --sheet
}

// use hands a writer to f, and finishes the sheet afterwards: whole or not at all.
func (l labels) use(o *office, f func(*labelWriter) error) (err error) {
	w, err := l.open(o)
	if err != nil {
		return err
	}
	if l.Sheet == "" {
		return f(w)
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
	if err := errors.Join(f(w), w.sheet.Close(), file.Close()); err != nil {
		return err
	}
	return os.Rename(part, l.Sheet)
}

func (l labels) open(o *office) (*labelWriter, error) {
	w := &labelWriter{labels: l, o: o}
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

// write prints a record and writes its files.
func (w *labelWriter) write(i registry.Issued) error {
	a := answer{Request: i.Request, ID: i.ID.String(), Again: i.Again, Pending: i.Pending, Sealed: i.Code.Sealed(), Text: i.Text}
	if i.Pending {
		return w.o.answer(a, fmt.Sprintf("-\t%s\tpending", i.ID))
	}
	a.Index = &i.Index
	if w.Out != "" || w.sheet != nil {
		m, err := w.encoder.Encode(i.Text, w.level)
		if err != nil {
			return fmt.Errorf("code of %s: %w", i.ID, err)
		}
		if a.Files, err = w.files(i, m); err != nil {
			return err
		}
	}
	return w.o.answer(a, fmt.Sprintf("%d\t%s\t%s", i.Index, i.ID, i.Text))
}

// files puts a record's symbol on the sheet and writes one file of each format, each whole or not at all.
func (w *labelWriter) files(i registry.Issued, m qrcode.Matrix) ([]string, error) {
	caption := i.ID.String()
	if i.Code.Personal() {
		caption = fmt.Sprintf("%d", i.Index) // what is printed is seen by many
	}
	if w.sheet != nil {
		if err := w.sheet.Add(m, caption); err != nil {
			return nil, err
		}
	}
	if w.Out == "" {
		return nil, nil
	}
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
			b = m.PNG(w.Scale)
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
