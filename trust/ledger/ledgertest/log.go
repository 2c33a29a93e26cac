package ledgertest

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"citygate/trust/ledger"
)

// Key returns the Ed25519 key that follows from a name.
func Key(name string) ed25519.PrivateKey {
	seed := sha256.Sum256([]byte("ledgertest " + name))
	return ed25519.NewKeyFromSeed(seed[:])
}

// VKey returns the key's verifier key in C2SP form under the same name.
func VKey(name string) string {
	v, err := note.NewEd25519VerifierKey(name, Key(name).Public().(ed25519.PublicKey))
	must(err)
	return v
}

// Signer returns a note signer with the key that follows from a name.
func Signer(name string) note.Signer {
	data := append([]byte{1}, Key(name).Seed()...)
	_, rest, _ := strings.Cut(VKey(name), "+")
	id, _, _ := strings.Cut(rest, "+")
	s, err := note.NewSigner("PRIVATE+KEY+" + name + "+" + id + "+" + base64.StdEncoding.EncodeToString(data))
	must(err)
	return s
}

// must stops on an error that only a mistake in a test can cause.
func must(err error) {
	if err != nil {
		panic("ledgertest: " + err.Error())
	}
}

// Log is one log in memory, signed by its key, which is named like its origin,
// and by witnesses.
type Log struct {
	Short, Origin string
	// Witnesses cosign each checkpoint.
	Witnesses []string
	// SignAs names the log's key. It is Origin unless a test changes it.
	SignAs string

	entries [][]byte
	hashes  []tlog.Hash // by stored hash index
}

// NewLog returns an empty log.
func NewLog(short, origin string, witnesses ...string) *Log {
	return &Log{Short: short, Origin: origin, SignAs: origin, Witnesses: witnesses}
}

// Clone returns a copy that can grow another way: a second history.
func (l *Log) Clone() *Log {
	c := *l
	c.entries = append([][]byte(nil), l.entries...)
	c.hashes = append([]tlog.Hash(nil), l.hashes...)
	return &c
}

// ReadHashes implements tlog.HashReader.
func (l *Log) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	for i, x := range indexes {
		if x >= int64(len(l.hashes)) {
			return nil, fmt.Errorf("hash %d is not stored", x)
		}
		out[i] = l.hashes[x]
	}
	return out, nil
}

// Append adds entries and returns the first one's index.
func (l *Log) Append(entries ...[]byte) uint64 {
	first := l.Size()
	for _, e := range entries {
		hashes, err := tlog.StoredHashes(int64(len(l.entries)), e, l)
		must(err)
		l.hashes = append(l.hashes, hashes...)
		l.entries = append(l.entries, e)
	}
	return first
}

// Pad adds null entries up to a multiple of 256, which seals a records log.
func (l *Log) Pad() {
	for l.Size()%ledger.TileWidth != 0 {
		l.Append([]byte{0})
	}
}

// Fill adds n public records that no code has.
func (l *Log) Fill(n int) {
	for range n {
		l.Append(fmt.Appendf(nil, "\x01filler %d of %s", l.Size(), l.Origin))
	}
}

// Size returns the number of entries.
func (l *Log) Size() uint64 { return uint64(len(l.entries)) }

// Entry returns entry i.
func (l *Log) Entry(i uint64) []byte { return l.entries[i] }

// Root returns the root of the log's first size entries.
func (l *Log) Root(size uint64) ledger.Hash {
	h, err := tlog.TreeHash(int64(size), l)
	must(err)
	return h
}

// Path returns the 8 sibling hashes of a sealed record, leaf upward.
func (l *Log) Path(i uint64) []byte {
	leaves, err := l.Tile(0, i/ledger.TileWidth, ledger.TileWidth)
	must(err)
	hashes, err := ledger.ParseTile(leaves)
	must(err)
	return ledger.Path((*[ledger.TileWidth]ledger.Hash)(hashes), int(i%ledger.TileWidth))
}

// Checkpoint returns the signed checkpoint of the whole log, cosigned by all of
// its witnesses at one time.
func (l *Log) Checkpoint(at time.Time) []byte { return l.CheckpointOf(l.Size(), at, l.Witnesses...) }

// CheckpointOf returns the signed checkpoint of the first size entries, cosigned
// by some witnesses.
func (l *Log) CheckpointOf(size uint64, at time.Time, witnesses ...string) []byte {
	cp := ledger.Checkpoint{Origin: l.Origin, Size: size, Root: l.Root(size)}
	raw, err := note.Sign(&note.Note{Text: cp.Text()}, Signer(l.SignAs))
	must(err)
	for _, w := range witnesses {
		raw = append(raw, Cosign(w, cp.Text(), at)...)
	}
	return raw
}

// Cosign returns the signature line of a witness's cosignature/v1 on a
// checkpoint's text.
func Cosign(witness, text string, at time.Time) []byte {
	sig := ed25519.Sign(Key(witness), fmt.Appendf(nil, "cosignature/v1\ntime %d\n%s", at.Unix(), text))
	key := append([]byte{4}, Key(witness).Public().(ed25519.PublicKey)...)
	id := sha256.Sum256(append([]byte(witness+"\n"), key...))
	line := binary.BigEndian.AppendUint64(id[:4:4], uint64(at.Unix()))
	return fmt.Appendf(nil, "— %s %s\n", witness, base64.StdEncoding.EncodeToString(append(line, sig...)))
}

// Tile returns width hashes of tile n of a level.
func (l *Log) Tile(level int, n uint64, width int) ([]byte, error) {
	return tlog.ReadTileData(tlog.Tile{H: ledger.TileHeight, L: level, N: int64(n), W: width}, l)
}

// Bundle returns width entries of entry bundle n.
func (l *Log) Bundle(n uint64, width int) ([]byte, error) {
	if n*ledger.TileWidth+uint64(width) > l.Size() {
		return nil, fmt.Errorf("bundle %d of %s has no %d entries", n, l.Short, width)
	}
	var b []byte
	var err error
	for _, e := range l.entries[n*ledger.TileWidth:][:width] {
		if b, err = ledger.AppendBundle(b, e); err != nil {
			return nil, err
		}
	}
	return b, nil
}
