// Package figures writes what a test has measured as JSON lines, one figure a line:
//
//	{"figure":"append_p99_ms","value":3.1,"unit":"ms","peer":"p99 of fsync","peer_value":2.9}
//
// A test that measures has a flag -figures with the name of the file, and opens it first, so that it measures only
// where it is asked to:
//
//	var figuresFile = flag.String("figures", "", "append the figures to this file as JSON lines")
//
//	func TestFigures(t *testing.T) {
//		f := figures.Open(t, *figuresFile)
//		f.Add(figures.Figure{Figure: "start_s", Value: start(t).Seconds(), Unit: "s"})
//	}
package figures

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
)

// Figure is one measured value, with that of a peer beside it: what the value is to be compared with, such as another
// program's time for the same work. Every line has all five keys; without a peer the last two are "" and 0.
type Figure struct {
	Figure    string  `json:"figure"` // its name, which stays the same from run to run
	Value     float64 `json:"value"`  // in Unit, and finite
	Unit      string  `json:"unit"`
	Peer      string  `json:"peer"`       // what was measured beside it; empty: nothing
	PeerValue float64 `json:"peer_value"` // in Unit too, unless Peer names another
}

// File is an open file of figures. It belongs to the test that opened it.
type File struct {
	t testing.TB
	f *os.File
}

// Open opens a file of figures to append to it, and creates it and its folder where they are missing. The file is
// closed when the test ends. An empty path means that nobody asked for figures, and skips the test; a relative one
// starts at the folder of the test's package. Other failures end the test.
func Open(t testing.TB, path string) *File {
	t.Helper()
	if path == "" {
		t.Skip("-figures is not set: nothing is measured")
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatalf("create the folder of the figures: %v", err)
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		t.Fatalf("open the file of figures: %v", err)
	}
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Errorf("close the file of figures: %v", err)
		}
	})
	return &File{t: t, f: f}
}

// Add logs a figure for people and appends it to the file. The line is one write, so that tests of several packages
// may append to the same file at a time. A failure ends the test, so Add is called from the test's own goroutine.
func (f *File) Add(line Figure) {
	f.t.Helper()
	if line.Peer == "" {
		f.t.Logf("%-26s %12.2f %s", line.Figure, line.Value, line.Unit)
	} else {
		f.t.Logf("%-26s %12.2f %-10s %s: %.2f", line.Figure, line.Value, line.Unit, line.Peer, line.PeerValue)
	}
	b, err := json.Marshal(line)
	if err != nil {
		f.t.Fatalf("figure %s: %v", line.Figure, err)
	}
	if _, err := f.f.Write(append(b, '\n')); err != nil {
		f.t.Fatalf("write figure %s: %v", line.Figure, err)
	}
}
