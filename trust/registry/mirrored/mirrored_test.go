package mirrored_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"citygate/trust/ledger"
	"citygate/trust/ledger/ledgertest"
	"citygate/trust/mirror"
	"citygate/trust/registry/mirrored"
)

// A nation with one city of a thousand records, and a folder that copies it.
type world struct {
	t    *testing.T
	n    *ledgertest.Nation
	city *ledgertest.Registry
	src  *ledgertest.Source
	dir  string
}

func newWorld(t *testing.T) *world {
	n := ledgertest.NewNation()
	w := &world{t: t, n: n, city: n.AddRegistry("MA.156.1301", "sjz"), dir: t.TempDir()}
	n.AddIssuer(w.city, "ID.SJZ.EXAMPLE")
	w.city.Records.Fill(1000)
	n.SetStatus(w.city, 3, ledger.Revoked)
	w.src = ledgertest.NewSource(n)
	return w
}

func (w *world) open(sources ...mirror.Source) *mirrored.Copy {
	w.t.Helper()
	c, err := mirrored.Open(w.dir, mirrored.Options{Root: w.n.Root, Sources: sources})
	if err != nil {
		w.t.Fatal(err)
	}
	return c
}

// sync copies everything, which has to work.
func (w *world) sync(c *mirrored.Copy) []mirrored.LogReport {
	w.t.Helper()
	reports, err := c.Sync(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	for _, r := range reports {
		if r.Err != nil {
			w.t.Fatalf("%s: %v", r.Log, r.Err)
		}
	}
	return reports
}

// check compares every byte of the copy with the source.
func (w *world) check() {
	w.t.Helper()
	for _, l := range w.n.Logs() {
		size := l.Size()
		same := func(path string, want []byte, err error) {
			w.t.Helper()
			got, err2 := os.ReadFile(filepath.Join(w.dir, "public", l.Short, filepath.FromSlash(path)))
			if err != nil || err2 != nil || !bytes.Equal(got, want) {
				w.t.Errorf("%s/%s: %d bytes, want %d: %v, %v", l.Short, path, len(got), len(want), err, err2)
			}
		}
		for n := uint64(0); n*256 < size; n++ {
			width := int(min(256, size-n*256))
			b, err := l.Bundle(n, width)
			same(ledger.EntriesPath(n, width), b, err)
		}
		for level := 0; size>>(8*level) > 0; level++ {
			count := size >> (8 * level)
			for n := uint64(0); n*256 < count; n++ {
				width := int(min(256, count-n*256))
				b, err := l.Tile(level, n, width)
				same(ledger.TilePath(level, n, width), b, err)
			}
		}
		raw, err := w.src.Checkpoint(w.t.Context(), l.Short)
		same("checkpoint", raw, err)
	}
}

func TestCopyIsByteForByte(t *testing.T) {
	w := newWorld(t)
	c := w.open(w.src)
	reports := w.sync(c)
	if len(reports) != 3 || reports[1].To != 1000 {
		t.Errorf("reports %+v", reports)
	}
	w.check()
	for _, more := range []int{1, 23, 256, 500, 3} {
		w.city.Records.Fill(more)
		w.n.SetStatus(w.city, uint64(more), ledger.Suspended)
		w.sync(c)
		w.check()
	}
	w.sync(w.open(w.src)) // a copy that was reopened
	w.check()
}

// A copy is a source like any other: a second copy of it is the same again.
func TestCopyOfACopy(t *testing.T) {
	w := newWorld(t)
	w.sync(w.open(w.src))
	first := w.dir
	w.dir = t.TempDir()
	w.sync(w.open(mirror.Dir{Path: filepath.Join(first, "public")}))
	w.check()
}

func TestInterruptedCopyGoesOn(t *testing.T) {
	w := newWorld(t)
	fail := true
	w.src.SetFault(func(log, resource string, b []byte) ([]byte, error) {
		if fail && log == "sjz-records" && resource == ledger.EntriesPath(2, 256) {
			return nil, errors.New("cut off")
		}
		return b, nil
	})
	c := w.open(w.src)
	reports, err := c.Sync(t.Context())
	if err != nil || reports[1].Err == nil || reports[1].To != 0 {
		t.Fatalf("reports %+v, %v", reports, err)
	}
	if _, err := os.Stat(filepath.Join(w.dir, "public", "sjz-records", "checkpoint")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a checkpoint stands before what it covers: %v", err)
	}
	fail = false
	w.sync(c)
	w.check()
	if n := w.src.Reads("sjz-records", ledger.EntriesPath(0, 256)); n != 1 {
		t.Errorf("bundle 0 was read %d times", n)
	}
}

// A source that lies in one bit of one file is not believed, and another one heals it; nothing false is ever kept.
func TestLyingSource(t *testing.T) {
	for _, resource := range []string{"checkpoint", ledger.EntriesPath(0, 256), ledger.EntriesPath(3, 232), ledger.TilePath(1, 0, 3), ledger.TilePath(0, 3, 232)} {
		for _, at := range []int{0, 40, -1} {
			w := newWorld(t)
			liar := ledgertest.NewSource(w.n)
			liar.SetFault(func(log, r string, b []byte) ([]byte, error) {
				if log != "sjz-records" || r != resource {
					return b, nil
				}
				b = bytes.Clone(b)
				b[(at+len(b))%len(b)] ^= 4
				return b, nil
			})
			c := w.open(liar)
			reports, err := c.Sync(t.Context())
			if err != nil || reports[1].Err == nil {
				t.Errorf("%s, byte %d: believed: %+v, %v", resource, at, reports, err)
			}
			if fork := (*ledger.ForkError)(nil); errors.As(reports[1].Err, &fork) {
				t.Errorf("%s, byte %d: a lie was taken for a fork", resource, at)
			}
			w.sync(w.open(liar, w.src))
			w.check()
		}
	}
}

func TestDamagedCopyHeals(t *testing.T) {
	w := newWorld(t)
	w.sync(w.open(w.src))
	for _, resource := range []string{"checkpoint", ledger.TilePath(1, 0, 3), ledger.TilePath(0, 3, 232)} {
		path := filepath.Join(w.dir, "public", "sjz-records", filepath.FromSlash(resource))
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, bad := range [][]byte{nil, b[:len(b)/2], append(bytes.Clone(b[:len(b)-9]), b[:9]...)} {
			if err := os.WriteFile(path, bad, 0o644); err != nil {
				t.Fatal(err)
			}
			w.sync(w.open(w.src))
			w.check()
		}
	}
}

func TestForkIsKeptAsEvidence(t *testing.T) {
	w := newWorld(t)
	c := w.open(w.src)
	w.sync(c)
	fork := ledgertest.NewLog(w.city.Records.Short, w.city.Records.Origin, w.city.Records.Witnesses...)
	for i := range w.city.Records.Size() {
		e := w.city.Records.Entry(i)
		if i == 700 {
			e = []byte("another entry")
		}
		fork.Append(e)
	}
	before, err := os.ReadFile(filepath.Join(w.dir, "public", "sjz-records", "checkpoint"))
	if err != nil {
		t.Fatal(err)
	}
	for _, more := range []int{0, 50} { // the same size, and a larger one
		fork.Fill(more)
		w.src.Replace(fork)
		reports, err := c.Sync(t.Context())
		found := (*ledger.ForkError)(nil)
		if err != nil || !errors.As(reports[1].Err, &found) {
			t.Fatalf("%d more: %+v, %v", more, reports, err)
		}
		if after, _ := os.ReadFile(filepath.Join(w.dir, "public", "sjz-records", "checkpoint")); !bytes.Equal(after, before) {
			t.Error("a fork replaced the copy")
		}
	}
	notes, _ := filepath.Glob(filepath.Join(w.dir, "evidence", "sjz-records-*.note"))
	if len(notes) < 2 {
		t.Errorf("evidence: %v", notes)
	}
}

// A source that is behind, or frozen, neither rolls the copy back nor keeps another source from advancing it.
func TestSourceThatIsBehind(t *testing.T) {
	w := newWorld(t)
	old := ledgertest.NewSource(w.n)
	old.Replace(w.city.Records.Clone())
	w.sync(w.open(w.src))
	w.city.Records.Fill(300)
	w.sync(w.open(old, w.src))
	w.check()
	reports, err := w.open(old).Sync(t.Context())
	if err != nil || reports[1].Err == nil || !strings.Contains(reports[1].Err.Error(), "behind") || reports[1].To != 1300 {
		t.Errorf("reports %+v, %v", reports, err)
	}
	w.check()
}

func TestFollowAndOptions(t *testing.T) {
	w := newWorld(t)
	w.n.AddRegistry("MA.156.1302", "ts")
	c, err := mirrored.Open(w.dir, mirrored.Options{Root: w.n.Root, Sources: []mirror.Source{w.src}, Follow: []string{"MA.156.1302"}})
	if err != nil {
		t.Fatal(err)
	}
	if reports := w.sync(c); len(reports) != 3 || reports[1].Log != "ts-records" {
		t.Errorf("followed %+v", reports)
	}
	for _, o := range []mirrored.Options{{}, {Root: w.n.Root}, {Root: w.n.Root, Sources: []mirror.Source{w.src}, Follow: []string{"x"}}} {
		if _, err := mirrored.Open(w.dir, o); err == nil {
			t.Errorf("opened with %+v", o)
		}
	}
	d, err := c.Directory()
	if err != nil || d.Registry("MA.156.1301") == nil {
		t.Errorf("directory: %v", err)
	}
}
