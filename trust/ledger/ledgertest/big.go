package ledgertest

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"citygate/trust/ledger"
)

// Big is a records log too large to build: the hashes of its full subtrees are
// made up, and so are its open leaves, but all tiles from there up and its
// checkpoints are true. It has no entries.
type Big struct {
	Short, Origin string
	size          uint64
	levels        [][]ledger.Hash // by level from 2 up: hashes of all full nodes
}

// NewBig returns a log of size identifiers that stands for l.
func NewBig(l *Log, size uint64) *Big {
	b := &Big{Short: l.Short, Origin: l.Origin, size: size}
	below := func(n uint64) []ledger.Hash { return b.strip(n, ledger.TileWidth) }
	for nodes := size >> 16; nodes > 0; nodes >>= 8 {
		level := make([]ledger.Hash, nodes)
		for n := range level {
			level[n] = ledger.TileRoot(below(uint64(n)))
		}
		b.levels = append(b.levels, level)
		below = func(n uint64) []ledger.Hash { return level[n*ledger.TileWidth:][:ledger.TileWidth] }
	}
	return b
}

// strip makes up width hashes of level-1 tile n.
func (b *Big) strip(n uint64, width int) []ledger.Hash {
	hashes := make([]ledger.Hash, width)
	for i := range hashes {
		hashes[i] = made(1, n*ledger.TileWidth+uint64(i))
	}
	return hashes
}

func made(level byte, n uint64) ledger.Hash {
	return sha256.Sum256(binary.BigEndian.AppendUint64([]byte{level}, n))
}

// Size returns the number of identifiers.
func (b *Big) Size() uint64 { return b.size }

// Grow adds full made-up subtrees of 256 identifiers each.
func (b *Big) Grow(subtrees uint64) {
	*b = *NewBig(&Log{Short: b.Short, Origin: b.Origin}, b.size+subtrees*ledger.TileWidth)
}

// Tile returns width hashes of tile n of a level.
func (b *Big) Tile(level int, n uint64, width int) ([]byte, error) {
	if n*ledger.TileWidth+uint64(width) > b.size>>(8*level) {
		return nil, fmt.Errorf("tile %d/%d has no %d hashes", level, n, width)
	}
	var hashes []ledger.Hash
	switch level {
	case 0:
		for i := range uint64(width) {
			hashes = append(hashes, made(0, n*ledger.TileWidth+i))
		}
	case 1:
		hashes = b.strip(n, width)
	default:
		hashes = b.levels[level-2][n*ledger.TileWidth:][:width]
	}
	return ledger.AppendTile(nil, hashes), nil
}

// Bundle fails: a big log has no entries.
func (b *Big) Bundle(n uint64, _ int) ([]byte, error) {
	return nil, fmt.Errorf("log %s has no entry bundle %d", b.Short, n)
}

// Root returns the root of the whole log.
func (b *Big) Root() ledger.Hash {
	var peaks []ledger.Hash // roots of the perfect subtrees, widest first
	for level := 7; level >= 0; level-- {
		nodes := b.size >> (8 * level)
		if nodes == 0 || nodes%ledger.TileWidth == 0 {
			continue
		}
		raw, err := b.Tile(level, nodes/ledger.TileWidth, int(nodes%ledger.TileWidth))
		must(err)
		hashes, err := ledger.ParseTile(raw)
		must(err)
		for width := ledger.TileWidth / 2; width > 0; width /= 2 {
			if len(hashes)&width != 0 {
				peaks, hashes = append(peaks, ledger.TileRoot(hashes[:width])), hashes[width:]
			}
		}
	}
	h := peaks[len(peaks)-1]
	for i := len(peaks) - 2; i >= 0; i-- {
		h = tlog.NodeHash(peaks[i], h)
	}
	return h
}

// Checkpoint returns the signed checkpoint, cosigned by the three witnesses.
func (b *Big) Checkpoint(at time.Time) []byte {
	text := ledger.Checkpoint{Origin: b.Origin, Size: b.size, Root: b.Root()}.Text()
	raw, err := note.Sign(&note.Note{Text: text}, Signer(b.Origin))
	must(err)
	for _, w := range Witnesses() {
		raw = append(raw, Cosign(w, text, at)...)
	}
	return raw
}
