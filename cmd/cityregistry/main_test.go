package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"image/png"
	"io"
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"citygate/trust/code"
	"citygate/trust/registry"
	"citygate/trust/registry/witness"
	"github.com/makiuchi-d/gozxing"
	"github.com/makiuchi-d/gozxing/qrcode"
)

// A desk runs commands in one folder, with witnesses that know every log that logs tells.
type desk struct {
	t         *testing.T
	dir       string
	witnesses []*witness.Witness
	flags     []string // --witness for each
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	t.Parallel() // nearly all time goes into waiting for the disk and for checkpoints
	var skeys []string
	for i := range 3 {
		skey, _, err := witness.GenerateKey(fmt.Sprintf("witness.example/w%d", i+1))
		if err != nil {
			t.Fatal(err)
		}
		skeys = append(skeys, skey)
	}
	return newDeskWith(t, skeys)
}

// newDeskWith is newDesk with witnesses that have these keys.
func newDeskWith(t *testing.T, skeys []string) *desk {
	t.Helper()
	d := &desk{t: t, dir: t.TempDir()}
	for i, skey := range skeys {
		w, err := witness.New(witness.Options{Dir: d.path(fmt.Sprintf("w%d", i)), Key: skey})
		if err != nil {
			t.Fatal(err)
		}
		s := httptest.NewServer(w)
		t.Cleanup(func() { s.Close(); w.Close() })
		d.witnesses, d.flags = append(d.witnesses, w), append(d.flags, "--witness", w.VerifierKey()+"="+s.URL)
	}
	return d
}

func (d *desk) path(parts ...string) string {
	return filepath.Join(append([]string{d.dir}, parts...)...)
}

// try runs one command and gives its answers, its other output and its error.
func (d *desk) try(stdin string, args ...string) (out, stderr string, err error) {
	d.t.Helper()
	var o, e bytes.Buffer
	desk := &office{ctx: d.t.Context(), in: strings.NewReader(stdin), out: &o, err: &e, logger: slog.New(slog.DiscardHandler),
		opts: registry.Options{CheckpointInterval: 100 * time.Millisecond}}
	err = desk.execute(args)
	return o.String(), e.String(), err
}

// do runs a command that has to work.
func (d *desk) do(args ...string) string {
	d.t.Helper()
	out, stderr, err := d.try("", args...)
	if err != nil {
		d.t.Fatalf("%s: %v\n%s", args[0], err, stderr)
	}
	return out
}

// found makes a national registry and a city that may issue.
func (d *desk) found(flags ...string) {
	d.t.Helper()
	flags = append(flags, d.flags...)
	d.do(append([]string{"init", "--dir", d.path("cn"), "--national", "--origin", "citygate.example", "--name", "zh=国家登记处,en=National registry"}, flags...)...)
	d.do(append([]string{"init", "--dir", d.path("sjz"), "--prefix", "MA.156.1301", "--short", "sjz", "--host", "ID.SJZ.EXAMPLE",
		"--name", "zh=石家庄,en=Shijiazhuang"}, flags...)...)
	for key := range strings.Lines(d.do("logs", "--dir", d.path("cn"), "--dir", d.path("sjz"))) {
		for _, w := range d.witnesses {
			if err := w.AddLog(strings.TrimSpace(key)); err != nil {
				d.t.Fatal(err)
			}
		}
	}
	d.do("allocate", "--dir", d.path("cn"), "--self")
	d.write("request.json", d.do("enrol", "--dir", d.path("sjz")))
	d.write("allocation.json", d.do("allocate", "--dir", d.path("cn"), "--request", d.path("request.json")))
	d.do("accept", "--dir", d.path("sjz"), "--allocation", d.path("allocation.json"))
}

func (d *desk) write(name, content string) {
	d.t.Helper()
	if err := os.WriteFile(d.path(name), []byte(content), 0o644); err != nil {
		d.t.Fatal(err)
	}
}

func decode(t *testing.T, line string) (a answer) {
	t.Helper()
	if err := json.Unmarshal([]byte(line), &a); err != nil {
		t.Fatalf("answer %q: %v", line, err)
	}
	return a
}

func TestOfficeLife(t *testing.T) {
	d := newDesk(t)
	d.found()
	lamp := "MA.156.1301.01/LAMP.000421"
	issue := []string{"issue", "--json", "--dir", d.path("sjz"), "--kind", "street-asset", "--id", lamp}
	fresh := decode(t, d.do(append(issue, "--fresh")...))
	if fresh.Sealed || fresh.Index == nil || *fresh.Index != 0 || fresh.Again {
		t.Fatalf("fresh: %+v", fresh)
	}
	sealed := decode(t, d.do(append(issue, "--out", d.path("labels"))...))
	if !sealed.Sealed || *sealed.Index != 0 || !sealed.Again || len(sealed.Files) != 3 {
		t.Fatalf("sealed: %+v", sealed)
	}
	if p, err := code.ParseText(sealed.Text); err != nil || !p.Code.Sealed() {
		t.Fatalf("text: %v", err)
	}
	if got := scan(t, d.path("labels", "MA.156.1301.01_LAMP.000421-0.png")); got != sealed.Text {
		t.Errorf("the PNG says %.60q", got)
	}
	if b, err := os.ReadFile(d.path("labels", "MA.156.1301.01_LAMP.000421-0.txt")); err != nil || string(b) != sealed.Text+"\n" {
		t.Errorf("the text file says %.60q, %v", b, err)
	}
	if out := d.do("suspend", "--dir", d.path("sjz"), "--id", lamp); out != "0\t"+lamp+"\tsuspended\n" {
		t.Errorf("suspend: %q", out)
	}
	if out := d.do("restore", "--dir", d.path("sjz"), "--index", "0"); !strings.HasSuffix(out, "\tgood\n") {
		t.Errorf("restore: %q", out)
	}
	if out := d.do("revoke", "--dir", d.path("sjz"), "--id", lamp); !strings.HasSuffix(out, "\trevoked\n") {
		t.Errorf("revoke: %q", out)
	}
	if out := d.do("code", "--json", "--dir", d.path("sjz"), "--id", lamp); decode(t, out).Text != sealed.Text {
		t.Errorf("code: %q", out)
	}
	out := d.do("issue", "--json", "--dir", d.path("sjz"), "--id", "MA.156.1301.02/PASS.1", "--personal", "--kind", "credential", "--out", d.path("labels"))
	if p := decode(t, out); !p.Sealed || filepath.Base(p.Files[0]) != fmt.Sprintf("personal-%d.txt", *p.Index) {
		t.Errorf("personal: %+v", p)
	}
	d.do("issue", "--dir", d.path("cn"), "--id", "MA.156.1301", "--kind", "organisation")
	heads := d.do("publish", "--dir", d.path("sjz"))
	if f := strings.Fields(heads); len(f) != 8 || f[0] != "sjz-records" || f[1] != "512" || f[5] != "3" {
		t.Errorf("publish: %q", heads)
	}
	if out := d.do("seal", "--dir", d.path("sjz")); out != "" {
		t.Errorf("nothing to seal, yet: %q", out)
	}
}

// scan reads a QR code with an independent reader.
func scan(t *testing.T, path string) string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	img, err := png.Decode(f)
	if err != nil {
		t.Fatal(err)
	}
	bmp, err := gozxing.NewBinaryBitmapFromImage(img)
	if err != nil {
		t.Fatal(err)
	}
	r, err := qrcode.NewQRCodeReader().Decode(bmp, nil)
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return r.GetText()
}

func TestCSV(t *testing.T) {
	d := newDesk(t)
	d.found()
	var b strings.Builder
	b.WriteString("\ufeffid,kind,not_after,places,personal\n")
	for i := range 600 {
		fmt.Fprintf(&b, "MA.156.1301.01/LAMP.%06d,street-asset,,MA.156.1301,\n", i)
	}
	b.WriteString("MA.156.1301.02/PASS.7,credential,2031-01-01T00:00:00Z,,true\n")
	d.write("assets.csv", b.String())
	args := []string{"issue", "--json", "--dir", d.path("sjz"), "--csv", d.path("assets.csv")}
	first, progress, err := d.try("", args...)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(progress, "issued 601 of 601") || !strings.Contains(progress, "written 601 of 601") {
		t.Errorf("progress: %q", progress)
	}
	n := 0
	for line := range strings.Lines(first) {
		if a := decode(t, line); !a.Sealed {
			t.Fatalf("line %d: %+v", n, a)
		}
		n++
	}
	if n != 601 {
		t.Errorf("%d answers", n)
	}
	d.do("seal", "--dir", d.path("sjz"), "--sheet", d.path("labels.pdf"))
	if pdf, err := os.ReadFile(d.path("labels.pdf")); err != nil || !bytes.HasPrefix(pdf, []byte("%PDF-1.4\n")) || !bytes.HasSuffix(pdf, []byte("%%EOF\n")) {
		t.Errorf("sheet: %d bytes, %v", len(pdf), err)
	}
	if again, _, err := d.try(b.String(), "import", "--json", "--dir", d.path("sjz"), "-"); err != nil || again != first {
		t.Errorf("again, from standard input: other answers, %v", err)
	}
	d.interrupted(args)
}

// interrupted stops a command that has begun to answer: it ends at once, leaves no half sheet, and says what to do.
func (d *desk) interrupted(args []string) {
	d.t.Helper()
	ctx, cancel := context.WithCancel(d.t.Context())
	defer cancel()
	out := &stopper{stop: cancel}
	o := &office{ctx: ctx, in: strings.NewReader(""), out: out, err: io.Discard, logger: slog.New(slog.DiscardHandler),
		opts: registry.Options{CheckpointInterval: 100 * time.Millisecond}}
	err := o.execute(append(args, "--sheet", d.path("half.pdf"), "--out", d.path("half")))
	if !errors.Is(err, context.Canceled) || hint(err) == "" || out.lines == 0 || out.lines > blockSize {
		d.t.Errorf("after %d lines: %v, hint %q", out.lines, err, hint(err))
	}
	if left, _ := filepath.Glob(d.path("half.pdf*")); left != nil {
		d.t.Errorf("left behind: %v", left)
	}
}

// stopper interrupts a command at its first line.
type stopper struct {
	stop  func()
	lines int
}

func (s *stopper) Write(b []byte) (int, error) {
	s.stop()
	s.lines += bytes.Count(b, []byte("\n"))
	return len(b), nil
}

func TestMain(m *testing.M) {
	registry.RouteTesseraLogs(slog.New(slog.DiscardHandler))
	flag.Parse()
	flag.Set("test.parallel", "8")
	os.Exit(m.Run())
}
