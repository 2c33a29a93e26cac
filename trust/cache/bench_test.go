package cache_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"citygate/trust/cache"
	"citygate/trust/ledger"
	"citygate/trust/ledger/ledgertest"
	"citygate/trust/mirror"
)

// bigWorld is a nation whose one city has size identifiers, of which revoked
// are.
func bigWorld(size uint64, revoked int) (*ledgertest.Nation, *ledgertest.Source, *ledgertest.Big) {
	n := ledgertest.NewNation()
	city := n.AddRegistry("MA.156.1301", "sjz")
	n.AddIssuer(city, "ID.SJZ.EXAMPLE")
	for i := range revoked {
		n.SetStatus(city, uint64(i)*97, ledger.Revoked)
	}
	src := ledgertest.NewSource(n)
	big := ledgertest.NewBig(city.Records, size)
	src.ReplaceBig(big)
	return n, src, big
}

// write puts a nation's logs into a folder, as a local mirror.
func write(b testing.TB, dir string, n *ledgertest.Nation, big *ledgertest.Big) {
	put := func(log, resource string, data []byte, err error) {
		path := filepath.Join(dir, log, resource)
		if err == nil {
			err = os.MkdirAll(filepath.Dir(path), 0o755)
		}
		if err == nil {
			err = os.WriteFile(path, data, 0o644)
		}
		if err != nil {
			b.Fatal(err)
		}
	}
	for _, l := range n.Logs() {
		var s interface {
			Size() uint64
			Checkpoint(time.Time) []byte
			Tile(int, uint64, int) ([]byte, error)
			Bundle(uint64, int) ([]byte, error)
		} = l
		if l.Short == big.Short {
			s = big
		}
		put(l.Short, "checkpoint", s.Checkpoint(n.Time), nil)
		for level := 0; s.Size()>>(8*level) > 0; level++ {
			nodes := s.Size() >> (8 * level)
			for i := uint64(0); i*256 < nodes; i++ {
				if level == 0 && l.Short == big.Short && (i+1)*256 <= nodes {
					continue // never read
				}
				width := int(min(256, nodes-i*256))
				t, err := s.Tile(level, i, width)
				put(l.Short, ledger.TilePath(level, i, width), t, err)
				if level == 0 && l.Short != big.Short {
					e, err := s.Bundle(i, width)
					put(l.Short, ledger.EntriesPath(i, width), e, err)
				}
			}
		}
	}
}

// BenchmarkFirstSync11M is the first synchronisation of a city of 11 million
// identifiers, 1 % of them revoked, from a local mirror.
func BenchmarkFirstSync11M(b *testing.B) {
	n, _, big := bigWorld(11_000_000, 110_000)
	dir := b.TempDir()
	write(b, dir, n, big)
	root := n.Root
	for b.Loop() {
		path := filepath.Join(b.TempDir(), "trust.db")
		c, err := cache.Open(path, cache.Options{Root: root})
		if err != nil {
			b.Fatal(err)
		}
		if _, err := c.Sync(b.Context(), mirror.Dir{Path: dir}); err != nil {
			b.Fatal(err)
		}
		c.Close()
		if info, err := os.Stat(path); err == nil {
			b.ReportMetric(float64(info.Size())/1e6, "file-MB")
		}
	}
}

// BenchmarkLoad11M opens that city's database again.
func BenchmarkLoad11M(b *testing.B) {
	n, src, _ := bigWorld(11_000_000, 110_000)
	path := filepath.Join(b.TempDir(), "trust.db")
	c, err := cache.Open(path, cache.Options{Root: n.Root})
	if err != nil {
		b.Fatal(err)
	}
	if _, err := c.Sync(b.Context(), src); err != nil {
		b.Fatal(err)
	}
	c.Close()
	for b.Loop() {
		c, err := cache.Open(path, cache.Options{Root: n.Root})
		if err != nil {
			b.Fatal(err)
		}
		if l := c.View().Log("sjz-records"); l == nil || l.Size != 11_000_000 {
			b.Fatal("the log is not held")
		}
		c.Close()
	}
}

// BenchmarkApply256 applies one checkpoint with 256 new records, on disk, to a
// log of 2^24 identifiers.
func BenchmarkApply256(b *testing.B) {
	for name, size := range map[string]uint64{"2e20": 1 << 20, "2e24": 1 << 24} {
		b.Run(name, func(b *testing.B) {
			n, src, big := bigWorld(size, 100)
			c, err := cache.Open(filepath.Join(b.TempDir(), "trust.db"), cache.Options{Root: n.Root})
			if err != nil {
				b.Fatal(err)
			}
			defer c.Close()
			if _, err := c.Sync(b.Context(), src); err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				b.StopTimer()
				big.Grow(1)
				raw := big.Checkpoint(n.Time)
				b.StartTimer()
				if err := c.Apply(b.Context(), big.Short, raw, src); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
