package ledger_test

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/transparency-dev/merkle/compact"
	"github.com/transparency-dev/merkle/rfc6962"

	"citygate/trust/ledger"
)

// hashes returns n hashes that differ.
func hashes(n int) []ledger.Hash {
	out := make([]ledger.Hash, n)
	for i := range out {
		binary.BigEndian.PutUint64(out[i][:], uint64(i))
	}
	return out
}

// BenchmarkRebuild is the strip of 2^24 identifiers, rebuilt and checked.
func BenchmarkRebuild(b *testing.B) {
	strip := hashes(1 << 16)
	b.SetBytes(int64(len(strip)) * 32)
	b.ReportAllocs()
	for b.Loop() {
		t, err := ledger.NewTree(strip, nil)
		if err != nil || t.Root() == (ledger.Hash{}) {
			b.Fatal(err)
		}
	}
}

// BenchmarkRebuildPeer is the same by transparency-dev/merkle's compact range.
func BenchmarkRebuildPeer(b *testing.B) {
	strip := hashes(1 << 16)
	factory := compact.RangeFactory{Hash: rfc6962.DefaultHasher.HashChildren}
	b.ReportAllocs()
	for b.Loop() {
		r := factory.NewEmptyRange(0)
		for i := range strip {
			if err := r.Append(strip[i][:], nil); err != nil {
				b.Fatal(err)
			}
		}
		if _, err := r.GetRootHash(nil); err != nil {
			b.Fatal(err)
		}
	}
}

// tail serves the level-1 hashes and leaves of a made-up log.
type tail struct {
	strip []ledger.Hash
	open  []ledger.Hash
}

func (s tail) ReadTile(level int, n uint64, width int) ([]ledger.Hash, error) {
	if level == 0 {
		return s.open[:width], nil
	}
	return s.strip[n*256:][:width], nil
}

func (tail) SaveTile(int, uint64, []ledger.Hash) {}

// BenchmarkGrow256 applies 256 new records to logs of 2^20 and 2^24 identifiers,
// without a signature or a disk.
func BenchmarkGrow256(b *testing.B) {
	for name, full := range map[string]int{"2e20": 1 << 12, "2e24": 1 << 16} {
		b.Run(name, func(b *testing.B) {
			strip, open := hashes(full+1), hashes(10)
			old, err := ledger.NewTree(strip[:full], nil)
			if err != nil {
				b.Fatal(err)
			}
			next, err := ledger.NewTree(strip, open)
			if err != nil {
				b.Fatal(err)
			}
			size, root := next.Size(), next.Root()
			b.ReportAllocs()
			for b.Loop() {
				if _, err := ledger.Grow(old, size, root, tail{strip, open}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkStatus looks up one of 11 million records of which 1 % are revoked.
func BenchmarkStatus(b *testing.B) {
	const records = 11_000_000
	rng := rand.New(rand.NewPCG(1, 2))
	var raws [][]byte
	for range records / 100 {
		raw, err := ledger.StatusEntry{Index: rng.Uint64N(records), Status: ledger.Revoked}.Encode()
		if err != nil {
			b.Fatal(err)
		}
		raws = append(raws, raw)
	}
	set := new(ledger.StatusSet).With(raws)
	probes := make([]uint64, 4096)
	for i := range probes {
		probes[i] = rng.Uint64N(records)
	}
	b.ReportAllocs()
	i, bad := 0, 0
	for b.Loop() {
		if set.Of(probes[i&4095]) != ledger.Good {
			bad++
		}
		i++
	}
}

// BenchmarkFoldStatus folds the entries of 110,000 revocations.
func BenchmarkFoldStatus(b *testing.B) {
	var raws [][]byte
	for i := range 110_000 {
		raw, err := ledger.StatusEntry{Index: uint64(i * 97), Status: ledger.Revoked}.Encode()
		if err != nil {
			b.Fatal(err)
		}
		raws = append(raws, raw)
	}
	b.ReportAllocs()
	for b.Loop() {
		new(ledger.StatusSet).With(raws)
	}
}

// BenchmarkOpenCheckpoint checks a log's signature and three cosignatures.
func BenchmarkOpenCheckpoint(b *testing.B) {
	p, l := testPolicy(2)
	raw := l.Checkpoint(time.Unix(1782900000, 0))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := p.Open(raw); err != nil {
			b.Fatal(err)
		}
	}
}
