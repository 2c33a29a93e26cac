package mirrored

import (
	"encoding/binary"
	"log/slog"
	"path/filepath"

	"citygate/internal/durable"
	"citygate/internal/keyindex"
	"golang.org/x/mod/sumdb/tlog"
)

// This file implements where the names of a log are: an index on the disk, which says for which size and root of the log it is.

// worthKeeping is how many records at the end of a log are read again rather than written with every checkpoint.
const worthKeeping = 1 << 14

type names struct {
	*keyindex.Index
	logger *slog.Logger
	some   int  // how many new names are worth writing
	stay   bool // it cannot be written
}

func openNames(dir, log string, some int, logger *slog.Logger) *names {
	n := &names{logger: logger, some: some}
	err := durable.MkdirAll(dir, 0o755)
	if err == nil {
		n.Index, err = keyindex.Open(filepath.Join(dir, log+".names"))
	}
	if err != nil {
		logger.Warn("index of names stays in memory", "log", log, "error", err)
		n.Index, n.stay = keyindex.New(), true
	}
	return n
}

// resume gives the size up to which the names are known, zero if they are another log's.
func (x *index) resume() uint64 {
	state := x.names.State()
	if state == nil {
		return 0
	}
	if len(state) == 8+tlog.HashSize {
		size := binary.BigEndian.Uint64(state)
		if root, err := x.rootAt(size); size <= x.size && err == nil && root == tlog.Hash(state[8:]) {
			return size
		}
	}
	x.names.Reset()
	return 0
}

// rootAt gives the root of the log when it had a size.
func (x *index) rootAt(size uint64) (tlog.Hash, error) {
	tree := tlog.Tree{N: int64(x.size), Hash: x.root}
	return tlog.TreeHash(int64(size), tlog.TileHashReader(tree, tileFiles{x.dir}))
}

// keep writes the names up to a size, if many are new.
func (x *index) keep(size uint64) {
	if n := x.names.Delta(); x.names.stay || n < x.names.some || n < keyindex.MaxDelta && size < x.size {
		return
	}
	root, err := x.rootAt(size)
	if err == nil {
		err = x.names.Flush(append(binary.BigEndian.AppendUint64(nil, size), root[:]...))
	}
	if err != nil {
		x.names.stay = true
		x.names.logger.Warn("index of names cannot be written", "log", filepath.Base(x.dir), "size", size, "error", err)
	}
}

// forget has the whole log read again.
func (x *index) forget() {
	x.names.Reset()
	x.size, x.raw = 0, nil
}
