package keyindex_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"citygate/internal/keyindex"
	"pgregory.net/rapid"
)

func open(t testing.TB, path string) *keyindex.Index {
	t.Helper()
	x, err := keyindex.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// The index does what a map of lists does, whenever it is flushed or opened again.
func TestModel(t *testing.T) {
	dir := t.TempDir()
	files := 0
	rapid.Check(t, func(rt *rapid.T) {
		files++
		path := filepath.Join(dir, fmt.Sprint(files))
		x := open(t, path)
		model, flushed := map[string][]uint64{}, map[string][]uint64{}
		row, saved := uint64(0), uint64(0)
		keys := rapid.IntRange(1, 2000).Draw(rt, "keys")
		for range rapid.IntRange(1, 12).Draw(rt, "steps") {
			switch rapid.IntRange(0, 3).Draw(rt, "step") {
			case 0, 1:
				for range rapid.IntRange(1, 700).Draw(rt, "rows") {
					key := fmt.Sprint("key ", (row*7919+row/3)%uint64(keys))
					x.Put(key, row)
					model[key] = append(model[key], row)
					row++
				}
			case 2:
				if err := x.Flush(fmt.Append(nil, row)); err != nil {
					rt.Fatal(err)
				}
				saved = row
				flushed = map[string][]uint64{}
				for k, v := range model {
					flushed[k] = slices.Clone(v)
				}
			case 3:
				x.Close()
				x = open(t, path)
				row, model = saved, map[string][]uint64{}
				for k, v := range flushed {
					model[k] = slices.Clone(v)
				}
			}
			if state := string(x.State()); saved == 0 && state != "" && state != "0" || saved > 0 && state != fmt.Sprint(saved) {
				rt.Fatalf("state %q, want %d", state, saved)
			}
		}
		for i := range keys + 3 {
			key := fmt.Sprint("key ", i)
			got, err := x.Rows(key)
			slices.Reverse(got)
			if err != nil || !slices.Equal(got, model[key]) {
				rt.Fatalf("%s: %v, want %v, %v", key, got, model[key], err)
			}
		}
		x.Close()
	})
}

// Keys with equal hashes are all given, over any number of blocks, and a row that is put twice comes once.
func TestEqualHashes(t *testing.T) {
	x := open(t, filepath.Join(t.TempDir(), "index"))
	defer x.Close()
	x.Collide(2)
	for range 2 {
		for i := range uint64(1500) {
			x.Put(fmt.Sprint(i), i)
		}
		if err := x.Flush(nil); err != nil {
			t.Fatal(err)
		}
	}
	seen := map[uint64]bool{}
	for i := range 50 {
		rows, err := x.Rows(fmt.Sprint(i))
		if err != nil || !slices.Contains(rows, uint64(i)) || !slices.IsSortedFunc(rows, func(a, b uint64) int { return int(b) - int(a) }) {
			t.Fatalf("key %d: %d rows, %v", i, len(rows), err)
		}
		for _, r := range rows {
			seen[r] = true
		}
	}
	if len(seen) != 1500 {
		t.Errorf("%d of 1500 rows", len(seen))
	}
}

// Every changed octet and every truncation is found: at once, or when the block is read. Nothing is answered wrongly.
func TestDamage(t *testing.T) {
	path := filepath.Join(t.TempDir(), "index")
	x := open(t, path)
	for i := range uint64(300) {
		x.Put(fmt.Sprint(i), i)
	}
	if err := x.Flush([]byte("state")); err != nil {
		t.Fatal(err)
	}
	x.Close()
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	check := func(what string, b []byte) {
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		x := open(t, path)
		defer x.Close()
		if x.State() == nil {
			return // taken as empty
		}
		damaged := false
		for i := range uint64(300) {
			rows, err := x.Rows(fmt.Sprint(i))
			if damaged = damaged || errors.Is(err, keyindex.ErrDamaged); err == nil && !slices.Equal(rows, []uint64{i}) {
				t.Fatalf("%s: key %d has rows %v", what, i, rows)
			}
		}
		if _, err := os.Stat(path); !damaged || err == nil {
			t.Errorf("%s: not found out", what)
		}
	}
	for i := 0; i < len(good); i += 1 + i/30 { // each octet of the header, then fewer
		bad := slices.Clone(good)
		bad[i] ^= 1
		check(fmt.Sprintf("octet %d", i), bad)
	}
	for _, n := range []int{0, 1, 43, 44, 100, len(good) - 1} {
		check(fmt.Sprintf("first %d octets", n), good[:n])
	}
	check("something behind", append(slices.Clone(good), 0))
}

func TestOpenAndFlushFail(t *testing.T) {
	dir := t.TempDir()
	if _, err := keyindex.Open(filepath.Join(dir, "file\x00")); err == nil {
		t.Error("opened")
	}
	x := open(t, filepath.Join(dir, "missing", "index"))
	x.Put("a", 1)
	if err := x.Flush(nil); err == nil {
		t.Error("flushed into a folder that is not there")
	}
	if rows, err := x.Rows("a"); err != nil || len(rows) != 1 {
		t.Errorf("after a failed flush: %v, %v", rows, err)
	}
	x.Put("b", keyindex.MaxRow+1)
	y := open(t, filepath.Join(dir, "index"))
	y.Put("b", keyindex.MaxRow+1)
	if err := y.Flush(nil); err == nil {
		t.Error("a row number of 49 bits was written")
	}
	if es, err := os.ReadDir(dir); err != nil || len(es) != 0 {
		t.Errorf("left behind: %v, %v", es, err)
	}
}

func BenchmarkRows(b *testing.B) {
	x := open(b, filepath.Join(b.TempDir(), "index"))
	defer x.Close()
	const n = 1 << 20
	for i := range uint64(n) {
		x.Put(fmt.Sprint("MA.156.1301.01/LAMP.", i), i)
	}
	if err := x.Flush(nil); err != nil {
		b.Fatal(err)
	}
	i := 0
	for b.Loop() {
		if rows, err := x.Rows(fmt.Sprint("MA.156.1301.01/LAMP.", i*7919%n)); err != nil || len(rows) != 1 {
			b.Fatal(rows, err)
		}
		i++
	}
}

// FuzzOpen reads anything as an index: it is taken whole, or as an empty one.
func FuzzOpen(f *testing.F) {
	path := filepath.Join(f.TempDir(), "index")
	x := open(f, path)
	for i := range uint64(300) {
		x.Put(fmt.Sprint(i), i)
	}
	if err := x.Flush([]byte("state")); err != nil {
		f.Fatal(err)
	}
	good, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add(good[:44])
	f.Add([]byte("keyidx01"))
	f.Fuzz(func(t *testing.T, b []byte) {
		path := filepath.Join(t.TempDir(), "index")
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		x := open(t, path)
		defer x.Close()
		for i := range 3 {
			if _, err := x.Rows(fmt.Sprint(i)); err != nil && !errors.Is(err, keyindex.ErrDamaged) {
				t.Fatal(err)
			}
		}
		x.Put("a", 1)
		if err := x.Flush([]byte("more")); err != nil && !errors.Is(err, keyindex.ErrDamaged) {
			t.Fatal(err)
		}
	})
}
