package main

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"citygate/trust/registry"
)

// This file implements issuing the records of a CSV file.

// csvChunk is how many records are issued in one step. A file that is interrupted is issued again from the start: what is there already is
// answered, not issued twice.
const csvChunk = 4096

// progressEvery is the time between two lines of progress.
const progressEvery = 2 * time.Second

type importCmd struct {
	Dir   string `required:"" type:"path" help:"${dir}"`
	CSV   string `arg:"" name:"csv" type:"path" help:"The file; - for standard input. Its first line names the columns: id, request, kind, not_after, not_before, personal, holder, places, language."`
	Fresh bool   `help:"Write fresh codes and leave the batch open; without it the batch is sealed at once."`
	labels
}

// Run issues what the file asks for, as issue --csv does.
func (c *importCmd) Run(o *office) error {
	return c.labels.use(o, func(w *labelWriter) error {
		return o.with(c.Dir, func(r *registry.Registry) error { return o.issueCSV(r, c.CSV, c.Fresh, w) })
	})
}

func (o *office) issueCSV(r *registry.Registry, path string, fresh bool, w *labelWriter) error {
	qs, err := o.readCSV(path)
	if err != nil {
		return err
	}
	started, said := time.Now(), time.Now()
	say := func(what string, n int) {
		if now := time.Now(); now.Sub(said) >= progressEvery || n == len(qs) {
			fmt.Fprintf(o.err, "%s %d of %d (%.0f records/s)\n", what, n, len(qs), float64(n)/now.Sub(started).Seconds())
			said = now
		}
	}
	for n := 0; n < len(qs); {
		part := qs[n:min(n+csvChunk, len(qs))]
		if _, err := r.Issue(o.ctx, part); err != nil {
			return fmt.Errorf("%s: after %d records: %w", path, n, err)
		}
		n += len(part)
		say("issued", n)
	}
	if !fresh {
		if _, err := r.Seal(o.ctx); err != nil {
			return err
		}
	}
	started = time.Now()
	for n := 0; n < len(qs); {
		part := qs[n:min(n+csvChunk, len(qs))]
		issued, err := r.Issue(o.ctx, part) // all are there: it answers
		if err != nil {
			return err
		}
		for _, i := range issued {
			if err := w.write(i); err != nil {
				return err
			}
			n++
			say("written", n)
		}
	}
	return nil
}

func (o *office) readCSV(path string) ([]registry.Request, error) {
	in := o.in
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		in = f
	}
	r := csv.NewReader(in)
	r.ReuseRecord = true
	header, err := r.Read()
	if err != nil {
		return nil, hinted{fmt.Errorf("%s: no first line: %w", path, err), "the first line names the columns, such as id,kind,not_after"}
	}
	columns := append([]string(nil), header...)
	columns[0] = strings.TrimPrefix(columns[0], "\ufeff") // spreadsheets put a byte order mark there
	if err := checkColumns(columns); err != nil {
		return nil, hinted{fmt.Errorf("%s: %w", path, err), "the columns are id, request, kind, not_after, not_before, personal, holder, places, language"}
	}
	var qs []registry.Request
	for {
		fields, err := r.Read()
		if errors.Is(err, io.EOF) {
			return qs, nil
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		q, err := csvRequest(columns, fields)
		if err != nil {
			line, _ := r.FieldPos(0)
			return nil, fmt.Errorf("%s: line %d: %w", path, line, err)
		}
		qs = append(qs, q)
	}
}

func checkColumns(columns []string) error {
	seen := make(map[string]bool)
	for _, c := range columns {
		if err := setField(&record{}, c, ""); err != nil {
			return err
		}
		if seen[c] {
			return fmt.Errorf("column %q comes twice", c)
		}
		seen[c] = true
	}
	if !seen["id"] {
		return errors.New("no column id")
	}
	return nil
}

func csvRequest(columns, fields []string) (registry.Request, error) {
	c := record{Kind: "unspecified"}
	for i, column := range columns {
		if fields[i] == "" {
			continue
		}
		if err := setField(&c, column, strings.Clone(fields[i])); err != nil {
			return registry.Request{}, err
		}
	}
	return c.request()
}

// setField puts one cell into a record. An empty cell changes nothing, so the call with one tells whether the column exists.
func setField(c *record, column, s string) (err error) {
	switch column {
	case "id":
		c.ID = s
	case "request":
		c.Request = s
	case "kind":
		c.Kind = s
	case "not_after":
		err = setTime(&c.NotAfter, s)
	case "not_before":
		err = setTime(&c.NotBefore, s)
	case "personal":
		if s != "" {
			c.Personal, err = strconv.ParseBool(s)
		}
	case "holder":
		c.Holder = s
	case "places":
		c.Place = strings.Fields(s)
	case "language":
		c.Language = s
	default:
		return fmt.Errorf("unknown column %q", column)
	}
	if err != nil {
		return fmt.Errorf("column %s: %q is no such value", column, s)
	}
	return nil
}

func setTime(to *time.Time, s string) (err error) {
	if s != "" {
		*to, err = time.Parse(time.RFC3339, s)
	}
	return err
}
