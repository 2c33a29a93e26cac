// Package keyindex finds the rows of an append-only sequence that have a key, such as a name, for tens of millions of rows in little memory. It
// keeps a keyed hash and a row number for each, sorted in one file; what came since the file was written is in memory, and the caller
// flushes it when that is [MaxDelta] rows.
//
// The index is a cache of the sequence: hashes may be equal, so a caller compares the rows that it is given with the key, and a file that is
// missing, torn or of another version is an empty index, which the caller fills again from the sequence. What the caller needs to go on
// from, such as the number of rows that are in, it hands to Flush as its state.
//
//	x, err := keyindex.Open(path)
//	for row := range rowsAfter(x.State()) { x.Put(row.Key, row.Number) }
//	rows, err := x.Rows("MA.156.1301.01/LAMP.000421")
//
// # File
//
//	offset  size  content
//	0       8     "keyidx01"
//	8       16    key of the hash, random
//	24      8     number of entries n, big-endian
//	32      8     length of the state
//	40      4     CRC-32C of the 40 octets before, the first hashes and the state
//	44            blocks of 256 entries, the last one shorter: entries of 8 octets of hash and 6 of row number, big-endian, in ascending order,
//	              and CRC-32C of the block
//	              first hash of each block, 8 octets
//	              the state
//
// A file is written beside the old one, synced and renamed, so a crash leaves the old or the new one; readers of the old one keep it open.
// Several processes may keep an index in one file: each reads its own version, and the last one to flush wins.
package keyindex

import (
	"bytes"
	"cmp"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"slices"
	"sort"
)

const (
	magic      = "keyidx01"
	keySize    = 16
	headerSize = 44
	blockLen   = 256
	entrySize  = 8 + 6
	crcSize    = 4
	blockSize  = blockLen*entrySize + crcSize
)

// MaxDelta is how many rows should be in memory before they are flushed, about 12 MB.
const MaxDelta = 1 << 18

// MaxRow is the largest row number.
const MaxRow = 1<<48 - 1

// maxState bounds the state, in bytes.
const maxState = 1 << 30

// ErrDamaged says that the file does not hold what was written. It has been removed: the next Open gives an empty index.
var ErrDamaged = errors.New("index is damaged; it is made anew when it is opened again")

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

type entry struct{ hash, row uint64 }

func compare(a, b entry) int { return cmp.Or(cmp.Compare(a.hash, b.hash), cmp.Compare(a.row, b.row)) }

// An Index is used by one goroutine at a time.
type Index struct {
	path  string
	key   [keySize]byte
	hash  func(key string) uint64 // see Collide
	f     *os.File                // nil while there is no file
	n     uint64                  // entries in it
	first []uint64                // first hash of each block
	state []byte
	buf   []byte // of the block that was read last

	delta map[uint64]uint64   // newest row of each hash that came since
	more  map[uint64][]uint64 // older rows of the same hashes, ascending
	count int                 // rows in both
}

// Open opens the index in a file, or begins an empty one. The error is about a file that cannot be read; one that holds no index is replaced.
func Open(path string) (*Index, error) {
	x := New()
	x.path = path
	f, err := os.Open(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("open index: %w", err)
	}
	if err == nil && x.load(f) != nil {
		f.Close()
		x.clear()
	}
	return x, nil
}

// New begins an empty index that has no file and stays in memory: Flush fails.
func New() *Index {
	x := new(Index)
	x.hash = x.keyedHash
	x.clear()
	return x
}

func (x *Index) clear() {
	x.f, x.n, x.first, x.state = nil, 0, nil, nil
	rand.Read(x.key[:])
	x.clearDelta()
}

func (x *Index) clearDelta() {
	x.delta, x.more, x.count = make(map[uint64]uint64), make(map[uint64][]uint64), 0
}

// load reads everything but the blocks.
func (x *Index) load(f *os.File) error {
	bad := errors.New("no index")
	head := make([]byte, headerSize)
	if _, err := io.ReadFull(f, head); err != nil || string(head[:8]) != magic {
		return bad
	}
	st, err := f.Stat()
	if err != nil {
		return err
	}
	n, stateLen := binary.BigEndian.Uint64(head[24:]), binary.BigEndian.Uint64(head[32:])
	if n > uint64(st.Size()) || stateLen > maxState || uint64(st.Size()) != uint64(blocksEnd(n))+8*blocks(n)+stateLen {
		return bad
	}
	tail := make([]byte, 8*blocks(n)+stateLen)
	if _, err := f.ReadAt(tail, blocksEnd(n)); err != nil {
		return err
	}
	if crc32.Update(crc32.Checksum(head[:40], castagnoli), castagnoli, tail) != binary.BigEndian.Uint32(head[40:]) {
		return bad
	}
	x.f, x.n, x.state = f, n, bytes.Clone(tail[8*blocks(n):])
	copy(x.key[:], head[8:])
	x.first = make([]uint64, blocks(n))
	for i := range x.first {
		x.first[i] = binary.BigEndian.Uint64(tail[8*i:])
	}
	return nil
}

func blocks(n uint64) uint64 { return (n + blockLen - 1) / blockLen }

// blocksEnd is the offset behind the blocks of n entries.
func blocksEnd(n uint64) int64 { return int64(headerSize + n*entrySize + blocks(n)*crcSize) }

// State is what the last Flush was given, nil for an empty index. It is not to be changed.
func (x *Index) State() []byte { return x.state }

// Reset makes the index empty, as when its state does not fit the sequence.
func (x *Index) Reset() error {
	err := x.Close()
	x.clear()
	return err
}

// Put notes that a row has a key. Rows come in their order.
func (x *Index) Put(key string, row uint64) {
	h := x.hash(key)
	if old, ok := x.delta[h]; ok {
		x.more[h] = append(x.more[h], old)
	}
	x.delta[h] = row
	x.count++
}

// Delta is how many rows only memory has.
func (x *Index) Delta() int { return x.count }

// keyedHash cannot be made to collide by those who choose the keys, as they do not know the index's own.
func (x *Index) keyedHash(key string) uint64 {
	var buf [256]byte
	sum := sha256.Sum256(append(append(buf[:0], x.key[:]...), key...))
	return binary.BigEndian.Uint64(sum[:])
}

// Rows gives the rows that may have a key, the newest first: those that have it, and, once in ten billion, another.
func (x *Index) Rows(key string) ([]uint64, error) {
	h := x.hash(key)
	var rows []uint64
	if newest, ok := x.delta[h]; ok {
		rows = append(rows, newest)
		for _, r := range slices.Backward(x.more[h]) {
			rows = append(rows, r)
		}
	}
	// The first block that may have the hash is the one before the first that begins with it or more.
	b, _ := slices.BinarySearch(x.first, h)
	old := len(rows)
	for b = max(0, b-1); b < len(x.first) && x.first[b] <= h; b++ {
		es, err := x.block(b)
		if err != nil {
			return nil, err
		}
		for i := sort.Search(es.len(), func(i int) bool { return es.at(i).hash >= h }); i < es.len() && es.at(i).hash == h; i++ {
			rows = append(rows, es.at(i).row)
		}
	}
	slices.Reverse(rows[old:])
	return rows, nil
}

// Collide makes the keys of an empty index have n hashes, so that tests see what a caller makes of rows that lack the key.
func (x *Index) Collide(n uint64) {
	x.hash = func(key string) uint64 { return x.keyedHash(key) % n }
}

// block is the octets of a block's entries.
type block []byte

func (b block) len() int { return len(b) / entrySize }

func (b block) at(i int) entry {
	e := b[i*entrySize:]
	return entry{binary.BigEndian.Uint64(e), uint64(binary.BigEndian.Uint16(e[8:]))<<32 | uint64(binary.BigEndian.Uint32(e[10:]))}
}

// block reads one block. It is valid until the next call.
func (x *Index) block(b int) (block, error) {
	n := min(blockLen, x.n-uint64(b)*blockLen)
	if x.buf == nil {
		x.buf = make([]byte, blockSize)
	}
	raw := x.buf[:n*entrySize+crcSize]
	_, err := x.f.ReadAt(raw, headerSize+int64(b)*blockSize)
	if err != nil {
		return nil, fmt.Errorf("read index %s: %w", x.path, err)
	}
	body := raw[:n*entrySize]
	if crc32.Checksum(body, castagnoli) != binary.BigEndian.Uint32(raw[len(body):]) {
		os.Remove(x.path)
		return nil, fmt.Errorf("%s: %w", x.path, ErrDamaged)
	}
	return body, nil
}

// Close closes the file. What only memory has is forgotten.
func (x *Index) Close() error {
	if x.f == nil {
		return nil
	}
	return x.f.Close()
}
