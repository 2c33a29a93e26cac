package main

import (
	"bytes"
	"context"
	"encoding/json"
	"image"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"citygate/internal/scene"

	"rsc.io/qr"
)

const scanText = "HTTPS://ID.SJZ.EXAMPLE/156.1301.01/LAMP.000421"

// picture draws a code on a street, tilted and a little noisy, or the street alone.
func picture(t *testing.T, text string) *image.Gray {
	t.Helper()
	s := scene.Scene{Width: 640, Height: 480, Seed: 4, Backdrop: scene.Street, Noise: 3, Defocus: 0.6}
	if text != "" {
		code, err := qr.Encode(text, qr.M)
		if err != nil {
			t.Fatal(err)
		}
		s.Codes = []scene.Code{{Matrix: scene.NewMatrix(code.Size, code.Size, code.Black), Module: 6,
			Center: scene.Point{X: 330, Y: 240}, Rotate: 8, Tilt: 12, TiltAxis: 80}}
	}
	return scene.Luma(s).Luma
}

func save(t *testing.T, dir, name string, m image.Image) string {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		t.Fatal(err)
	}
	return put(t, dir, name, b.Bytes())
}

func put(t *testing.T, dir, name string, b []byte) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, b, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func scanCommand(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = runScan(context.Background(), args, strings.NewReader(""), &out, &errs)
	return code, out.String(), errs.String()
}

func TestScanJSON(t *testing.T) {
	dir := t.TempDir()
	with, without := save(t, dir, "with.png", picture(t, scanText)), save(t, dir, "without.png", picture(t, ""))
	code, out, errs := scanCommand(t, "--json", "--formats", "qr", "--repeat", "3", with, without)
	if code != 0 || errs != "" {
		t.Fatalf("exit %d, %s", code, errs)
	}
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if len(lines) != 2 {
		t.Fatalf("%d lines for 2 files:\n%s", len(lines), out)
	}
	var got struct {
		File          string
		Width, Height int
		Symbols       []struct {
			Format, Text string
			Bytes        []byte
			Corners      [][2]float64
		}
		ScanMS *float64 `json:"scan_ms"`
	}
	if err := json.Unmarshal([]byte(lines[0]), &got); err != nil {
		t.Fatal(err)
	}
	if got.File != with || got.Width != 640 || got.Height != 480 || got.ScanMS == nil || *got.ScanMS <= 0 || len(got.Symbols) != 1 {
		t.Fatalf("got %s", lines[0])
	}
	s := got.Symbols[0]
	if s.Format != "qr" || s.Text != scanText || string(s.Bytes) != scanText || len(s.Corners) != 4 {
		t.Errorf("got %+v", s)
	}
	if !strings.Contains(lines[1], `"symbols":[]`) {
		t.Errorf("a picture without a code gave %s", lines[1])
	}
}

func TestScanText(t *testing.T) {
	dir := t.TempDir()
	with, without := save(t, dir, "with.png", picture(t, scanText)), save(t, dir, "without.png", picture(t, ""))
	evil := save(t, dir, "evil.png", picture(t, "a\x1b[2Jb"))
	code, out, _ := scanCommand(t, with, without, evil)
	if code != 0 {
		t.Errorf("exit %d", code)
	}
	for _, want := range []string{with + ": 1 code in 640x480", "qr         " + scanText + "\n", without + ": no code", `"a\x1b[2Jb"`} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
}

func TestScanGoesOnAfterBadFiles(t *testing.T) {
	dir := t.TempDir()
	good := save(t, dir, "good.png", picture(t, scanText))
	whole, err := os.ReadFile(good)
	if err != nil {
		t.Fatal(err)
	}
	bad := []string{
		filepath.Join(dir, "missing.png"),
		put(t, dir, "empty.png", nil),
		put(t, dir, "letter.txt", []byte("no picture at all")),
		put(t, dir, "cut.png", whole[:len(whole)/2]),
		put(t, dir, "bomb.pgm", []byte("P5 65535 65535 255\n")),
		dir,
	}
	code, out, errs := scanCommand(t, append(append([]string{"--json"}, bad...), good)...)
	if code != 3 {
		t.Errorf("exit %d, not 3", code)
	}
	if strings.Count(out, "\n") != 1 || !strings.Contains(out, scanText) {
		t.Errorf("the good file gave %q", out)
	}
	lines := strings.Split(strings.TrimSpace(errs), "\n")
	if len(lines) != len(bad) {
		t.Fatalf("%d lines for %d bad files:\n%s", len(lines), len(bad), errs)
	}
	for i, line := range lines {
		if !strings.HasPrefix(line, "citygate scan: ") || !strings.Contains(line, bad[i]) || !strings.HasSuffix(line, ")") {
			t.Errorf("no name or hint: %s", line)
		}
	}
}

func TestScanUsage(t *testing.T) {
	for _, args := range [][]string{{}, {"--json"}, {"--formats", "barcode", "x.png"}, {"--formats", "", "x.png"},
		{"--repeat", "0", "x.png"}, {"--repeat", "many", "x.png"}, {"--colour", "x.png"}} {
		code, out, errs := scanCommand(t, args...)
		if code != 3 || out != "" || strings.Count(errs, "\n") != 1 || !strings.Contains(errs, "--help") {
			t.Errorf("%q: exit %d, %q, %q", args, code, out, errs)
		}
	}
	if code, out, errs := scanCommand(t, "--help"); code != 0 || errs != "" || !strings.HasPrefix(out, "usage: citygate scan") {
		t.Errorf("--help: exit %d, %q, %q", code, out, errs)
	}
}

func TestScanInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	var out, errs bytes.Buffer
	if code := runScan(ctx, []string{"x.png"}, nil, &out, &errs); code != 3 || out.Len() > 0 {
		t.Errorf("exit %d, %s", code, out.String())
	}
}
