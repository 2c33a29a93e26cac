package main

import (
	"bytes"
	"context"
	"encoding/json"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestDebugPicture wants a picture that shows all of it, and the same in words and as JSON, for a frame with a code and for
// one without.
func TestDebugPicture(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"code.png": scanText, "street.png": ""} {
		file, out := save(t, dir, name, picture(t, text)), filepath.Join(dir, "debug-"+name)
		var said, errs bytes.Buffer
		if code := runScan(context.Background(), []string{"--debug", out, file}, nil, &said, &errs); code != 0 {
			t.Fatalf("exit %d: %s", code, errs.String())
		}
		if !strings.Contains(said.String(), "finder patterns\n") || strings.Contains(said.String(), "read: version 3-M") != (text != "") {
			t.Errorf("%s: %s", name, said.String())
		}
		b, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		m, err := png.Decode(bytes.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		green := 0
		for y := range m.Bounds().Dy() {
			for x := range m.Bounds().Dx() {
				if m.At(x, y) == readInk {
					green++
				}
			}
		}
		// The legend is green too; an outline and its words are much more.
		if m.Bounds().Dx() < 1000 || m.Bounds().Dy() < 700 || (green > 3000) != (text != "") {
			t.Errorf("%s: %v, %d pixels of what was read", name, m.Bounds(), green)
		}
		said.Reset()
		if code := runScan(context.Background(), []string{"--json", "--debug", out, file}, nil, &said, &errs); code != 0 {
			t.Fatalf("exit %d: %s", code, errs.String())
		}
		var r scanResult
		if err := json.Unmarshal(said.Bytes(), &r); err != nil || r.Trace == nil || len(r.Trace.Levels) < 3 {
			t.Fatalf("%v: %s", err, said.String())
		}
		if text == "" {
			continue
		}
		if a := r.Trace.Attempts[0]; a.Fate != "read" || a.Width != 29 || len(a.Modules) != 29 || !strings.HasPrefix(a.Modules[0], "#######.") || len(r.Trace.Finders) < 3 {
			t.Errorf("%+v", a)
		}
	}
	var errs bytes.Buffer
	if code := runScan(context.Background(), []string{"--debug", "x.png", "a.png", "b.png"}, nil, &errs, &errs); code != 3 {
		t.Errorf("two files: exit %d", code)
	}
}
