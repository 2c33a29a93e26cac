package main

// This file implements `citygate scan`: the codes in pictures.

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"math"
	"slices"
	"strconv"
	"syscall"
	"time"
	"unicode"

	"citygate/scanner"
	"citygate/scanner/camera"
)

// Exit codes of scan.
const (
	scanRead       = 0 // every file could be read, whether or not a code was in it
	scanUnreadable = 3 // a file could not be read, or the command line is wrong
)

const maxRepeat = 10_000

const scanUsage = `usage: citygate scan [--json] [--formats LIST] [--repeat N] [--debug OUT.png] FILE…

Reads the codes in PNG, JPEG, PGM, GIF, BMP and WebP pictures.

  --json           one line of JSON for each file
  --formats LIST   formats to look for, such as qr,datamatrix,aztec (default: all)
  --repeat N       scan each picture N times and give the median time (default: 1)
  --debug OUT.png  draw what the scanner saw and tried in the one FILE, and say
                   it: levels, finder patterns, attempts, sampled modules

Exit status: 0 if all files could be read, also when no code is in them; 3 if
a file could not be read, or for wrong usage.
`

// scanFlags is what the command line says.
type scanFlags struct {
	json    bool
	formats scanner.Formats
	repeat  int
	debug   string // file of the picture; "": none
	files   []string
}

// scanResult is one file's line of JSON; its form is fixed.
type scanResult struct {
	File    string       `json:"file"`
	Width   int          `json:"width"`
	Height  int          `json:"height"`
	Symbols []scanSymbol `json:"symbols"`
	ScanMS  float64      `json:"scan_ms"`
	Trace   *scanTrace   `json:"trace,omitempty"` // with --debug
}

type scanSymbol struct {
	Format  string        `json:"format"`
	Text    string        `json:"text"`
	Bytes   []byte        `json:"bytes"`
	Corners [4][2]float64 `json:"corners"`
}

// runScan reads the files of the command line and returns the exit code. A
// file that cannot be read does not keep the others from being read.
func runScan(ctx context.Context, args []string, _ io.Reader, stdout, stderr io.Writer) int {
	o, err := parseScan(args)
	if errors.Is(err, flag.ErrHelp) {
		fmt.Fprint(stdout, scanUsage)
		return scanRead
	}
	if err != nil {
		fmt.Fprintf(stderr, "citygate scan: %v (citygate scan --help shows the usage)\n", err)
		return scanUnreadable
	}
	code := scanRead
	s := scanner.New(scanner.Options{Formats: o.formats})
	for _, file := range o.files {
		if ctx.Err() != nil {
			fmt.Fprintf(stderr, "citygate scan: interrupted before %s\n", file)
			return scanUnreadable
		}
		frame, err := camera.LoadImage(file)
		if err != nil {
			fmt.Fprintf(stderr, "citygate scan: %v%s\n", err, scanHint(err))
			code = scanUnreadable
			continue
		}
		r := scanFrame(s, file, frame, o.repeat)
		if o.debug != "" {
			if err := debugScan(s, frame, o.debug, &r); err != nil {
				fmt.Fprintf(stderr, "citygate scan: %v\n", err)
				return scanUnreadable
			}
		}
		if err := printScan(stdout, o.json, r); err != nil {
			fmt.Fprintf(stderr, "citygate scan: write the answer: %v\n", err)
			return scanUnreadable
		}
	}
	return code
}

func parseScan(args []string) (scanFlags, error) {
	var o scanFlags
	set := flag.NewFlagSet("scan", flag.ContinueOnError)
	set.SetOutput(io.Discard)
	set.BoolVar(&o.json, "json", false, "")
	set.IntVar(&o.repeat, "repeat", 1, "")
	set.StringVar(&o.debug, "debug", "", "")
	formats := set.String("formats", "all", "")
	if err := set.Parse(args); err != nil {
		return o, err
	}
	var err error
	if o.formats, err = scanner.ParseFormats(*formats); err != nil {
		return o, err
	}
	if o.repeat < 1 || o.repeat > maxRepeat {
		return o, fmt.Errorf("--repeat %d is not between 1 and %d", o.repeat, maxRepeat)
	}
	if o.files = set.Args(); len(o.files) == 0 {
		return o, errors.New("no file is given")
	}
	if o.debug != "" && len(o.files) > 1 {
		return o, errors.New("--debug draws one file at a time")
	}
	return o, nil
}

// scanHint is what a person can do about an unreadable file.
func scanHint(err error) string {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return " (is the name right?)"
	case errors.Is(err, syscall.EISDIR):
		return " (name the pictures in it)"
	case errors.Is(err, fs.ErrPermission):
		return " (may this user read it?)"
	case errors.Is(err, camera.ErrTooLarge):
		return " (make the picture smaller)"
	case errors.Is(err, camera.ErrBroken):
		return " (was it copied whole?)"
	case errors.Is(err, camera.ErrFormat):
		return " (convert it to one of these)"
	}
	return ""
}

// scanFrame scans a picture repeat times. The time is that of scanning alone,
// in the one goroutine that does it.
func scanFrame(s *scanner.Scanner, file string, f scanner.Frame, repeat int) scanResult {
	times := make([]time.Duration, repeat)
	var found []scanner.Symbol
	for i := range times {
		began := time.Now()
		found = s.Scan(f)
		times[i] = time.Since(began)
	}
	slices.Sort(times)
	median := (times[(repeat-1)/2] + times[repeat/2]) / 2
	r := scanResult{File: file, Width: f.Width, Height: f.Height, Symbols: []scanSymbol{},
		ScanMS: float64(median.Microseconds()) / 1000}
	for _, sym := range found {
		out := scanSymbol{Format: sym.Format.String(), Text: sym.Text, Bytes: slices.Concat([]byte{}, sym.Bytes)}
		for i, p := range sym.Corners {
			out.Corners[i] = [2]float64{hundredths(p.X), hundredths(p.Y)}
		}
		r.Symbols = append(r.Symbols, out)
	}
	return r
}

// hundredths rounds a place in a picture; JSON knows no infinities.
func hundredths(f float64) float64 {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return 0
	}
	return math.Round(f*100) / 100
}

func printScan(w io.Writer, asJSON bool, r scanResult) error {
	if asJSON {
		enc := json.NewEncoder(w)
		enc.SetEscapeHTML(false)
		return enc.Encode(r)
	}
	codes := fmt.Sprintf("%d codes", len(r.Symbols))
	switch len(r.Symbols) {
	case 0:
		codes = "no code"
	case 1:
		codes = "1 code"
	}
	if _, err := fmt.Fprintf(w, "%s: %s in %dx%d pixels, %.1f ms\n", r.File, codes, r.Width, r.Height, r.ScanMS); err != nil {
		return err
	}
	for _, s := range r.Symbols {
		if _, err := fmt.Fprintf(w, "  %-10s %s\n", s.Format, printable(s.Text)); err != nil {
			return err
		}
	}
	if r.Trace != nil {
		return printTrace(w, r.Trace)
	}
	return nil
}

// printable quotes a text that would do something to a terminal.
func printable(s string) string {
	for _, r := range s {
		if !unicode.IsPrint(r) {
			return strconv.Quote(s)
		}
	}
	return s
}
