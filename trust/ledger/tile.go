package ledger

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/tlog"
)

// This file implements the resources of a log as C2SP tlog-tiles names and
// writes them.

// MaxTile and MaxBundle are the longest tile and entry bundle in bytes.
const (
	MaxTile   = TileWidth * tlog.HashSize
	MaxBundle = TileWidth * (2 + 1<<16 - 1)
)

// maxTileLevel is the highest level of tiles that tlog-tiles knows.
const maxTileLevel = 5

// TilePath returns the path of tile n of a level with width hashes, such as
// "tile/1/x001/234.p/12"; a full tile has width 256 and no ".p" part.
func TilePath(level int, n uint64, width int) string {
	return "tile/" + strconv.Itoa(level) + "/" + tilePath(n, width)
}

// EntriesPath returns the path of entry bundle n with width entries.
func EntriesPath(n uint64, width int) string { return "tile/entries/" + tilePath(n, width) }

// RootPath is the path of a log's newest root as a COSE_Sign1, for receipts.
const RootPath = "root.cose"

// RotationPath returns the path of the last checkpoint of the directory under
// the n-th root policy, counted from 0.
func RotationPath(n int) string { return "rotation/" + strconv.Itoa(n) }

// CheckpointPath is the path of a log's newest checkpoint.
const CheckpointPath = "checkpoint"

// tilePath writes n in groups of three digits, of which all but the last begin
// with x, and the width of a partial tile.
func tilePath(n uint64, width int) string {
	s := fmt.Sprintf("%03d", n%1000)
	for n >= 1000 {
		n /= 1000
		s = fmt.Sprintf("x%03d/%s", n%1000, s)
	}
	if width != TileWidth {
		s += ".p/" + strconv.Itoa(width)
	}
	return s
}

// ResourceKind says what a resource is.
type ResourceKind uint8

// The kinds of resources that a log has.
const (
	ResourceCheckpoint ResourceKind = 1 + iota
	ResourceTile
	ResourceEntries
	ResourceRotation
	ResourceRoot // the newest root as a COSE_Sign1, for receipts
)

// Resource is the parsed path of one resource of a log.
type Resource struct {
	Kind  ResourceKind
	Level int    // of a tile
	N     uint64 // of a tile, a bundle or a rotation
	Width int    // 256 for a full tile or bundle
}

// String returns the resource's path.
func (r Resource) String() string {
	switch r.Kind {
	case ResourceTile:
		return TilePath(r.Level, r.N, r.Width)
	case ResourceEntries:
		return EntriesPath(r.N, r.Width)
	case ResourceRotation:
		return RotationPath(int(r.N))
	case ResourceRoot:
		return RootPath
	}
	return CheckpointPath
}

// ParseResource reads a resource's path in its one form.
func ParseResource(path string) (Resource, error) {
	r := Resource{Width: TileWidth}
	kind, rest, _ := strings.Cut(path, "/")
	var err error
	switch kind {
	case CheckpointPath:
		r.Kind = ResourceCheckpoint
	case RootPath:
		r.Kind = ResourceRoot
	case "rotation":
		r.Kind = ResourceRotation
		r.N, err = strconv.ParseUint(rest, 10, 16)
	case "tile":
		err = r.parseTile(rest)
	default:
		err = errors.New("no such resource")
	}
	if err != nil || r.String() != path {
		return Resource{}, fmt.Errorf("%.80q is not the path of a log's resource", path)
	}
	return r, nil
}

func (r *Resource) parseTile(path string) error {
	level, rest, _ := strings.Cut(path, "/")
	r.Kind = ResourceEntries
	var err error
	if level != "entries" {
		r.Kind = ResourceTile
		if r.Level, err = strconv.Atoi(level); err != nil || r.Level < 0 || r.Level > maxTileLevel {
			return errors.New("bad level")
		}
	}
	rest, width, partial := strings.Cut(rest, ".p/")
	if partial {
		if r.Width, err = strconv.Atoi(width); err != nil || r.Width < 1 || r.Width >= TileWidth {
			return errors.New("bad width")
		}
	}
	groups := strings.Split(rest, "/")
	if len(groups) > 6 {
		return errors.New("bad number")
	}
	for _, g := range groups {
		d, err := strconv.ParseUint(strings.TrimPrefix(g, "x"), 10, 16)
		if err != nil || d > 999 {
			return errors.New("bad number")
		}
		r.N = r.N*1000 + d
	}
	return nil
}

// ParseTile splits a tile into its hashes: 1 to 256 of them.
func ParseTile(b []byte) ([]Hash, error) {
	if len(b) == 0 || len(b) > MaxTile || len(b)%tlog.HashSize != 0 {
		return nil, fmt.Errorf("tile of %d bytes", len(b))
	}
	hashes := make([]Hash, len(b)/tlog.HashSize)
	for i := range hashes {
		hashes[i] = Hash(b[i*tlog.HashSize:])
	}
	return hashes, nil
}

// AppendTile appends the bytes of a tile to b.
func AppendTile(b []byte, hashes []Hash) []byte {
	for i := range hashes {
		b = append(b, hashes[i][:]...)
	}
	return b
}

// AppendBundle appends one entry, at most 65,535 bytes, to an entry bundle: its
// length in two bytes, big-endian, then its bytes.
func AppendBundle(b, entry []byte) ([]byte, error) {
	if len(entry) >= 1<<16 {
		return nil, fmt.Errorf("log entry of %d bytes", len(entry))
	}
	return append(binary.BigEndian.AppendUint16(b, uint16(len(entry))), entry...), nil
}

// ParseBundle splits an entry bundle into its entries, 1 to 256 of them, which
// share the bytes of b.
func ParseBundle(b []byte) ([][]byte, error) {
	var entries [][]byte
	for len(b) > 0 {
		if len(b) < 2 || len(entries) == TileWidth {
			return nil, errors.New("entry bundle: too long, or cut off")
		}
		n := int(binary.BigEndian.Uint16(b))
		if len(b) < 2+n {
			return nil, fmt.Errorf("entry bundle: entry %d is cut off", len(entries))
		}
		entries = append(entries, b[2:2+n:2+n])
		b = b[2+n:]
	}
	if len(entries) == 0 {
		return nil, errors.New("entry bundle: empty")
	}
	return entries, nil
}

// LeafHash returns the hash of a log entry: SHA-256(00 || entry).
func LeafHash(entry []byte) Hash { return tlog.RecordHash(entry) }

// TileRoot returns the root of the subtree whose leaves are the hashes of a tile,
// full or partial.
func TileRoot(hashes []Hash) Hash { return RebuildRoot(nil, hashes) }
