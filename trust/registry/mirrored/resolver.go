package mirrored

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"citygate/internal/cose"
	"citygate/trust/cityid"
	"citygate/trust/code"
	"citygate/trust/ledger"
	"golang.org/x/mod/sumdb/tlog"
)

// This file implements the answering side of resolution: from an identifier to its record, with proof.

// A Resolver answers GET /resolve/{identifier} from published trees, a registry's or a mirror's: the newest record of a public identifier as a C2SP
// tlog-proof, whose extra data is the log entry, or with ?form=receipt as a COSE receipt. It needs no trust, as those who ask check the proof: it can invent nothing, and what it hides another one
// shows. Personal records are commitments, so they cannot be resolved.
//
// Where a name is, it keeps on the disk, in index/ beside public/, so that eleven million records take little memory and a new Resolver goes on where
// the last one stopped. Where it may not write, it keeps 40 bytes of memory for each record. It is safe for concurrent use.
type Resolver struct {
	// Logger gets what an operator should know; nil discards. It is set before the first question.
	Logger *slog.Logger

	dirs []string
	some int // see names

	mu   sync.Mutex // guards logs and what is in them
	logs map[string]*index
}

// index is what is known of one log: where its public records are.
type index struct {
	dir    string
	size   uint64
	raw    []byte // the checkpoint of that size
	root   tlog.Hash
	signed cose.Sign1 // the newest root that was signed for receipts
	names  *names
}

// resolvePrefix begins the path of a question.
const resolvePrefix = "/resolve/"

// NewResolver answers from the public folders in dirs.
func NewResolver(dirs ...string) *Resolver {
	return &Resolver{Logger: slog.New(slog.DiscardHandler), dirs: dirs, some: worthKeeping, logs: make(map[string]*index)}
}

// Close closes the files of names. No question may come any more.
func (r *Resolver) Close() error {
	var errs []error
	for _, x := range r.logs {
		errs = append(errs, x.names.Close())
	}
	return errors.Join(errs...)
}

// ServeHTTP answers GET and HEAD.
func (r *Resolver) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	w.Header().Set("Access-Control-Allow-Origin", "*")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Cache-Control", "no-cache")
	if q.Method != http.MethodGet && q.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "read only", http.StatusMethodNotAllowed)
		return
	}
	name, ok := strings.CutPrefix(q.URL.Path, resolvePrefix)
	id, err := cityid.Parse(name)
	if !ok || err != nil {
		http.Error(w, "not an identifier", http.StatusBadRequest)
		return
	}
	prove, contentType := r.Prove, "text/plain; charset=utf-8"
	switch q.URL.Query().Get("form") {
	case "":
	case "receipt":
		prove, contentType = r.Receipt, ReceiptType
	default:
		http.Error(w, "no such form", http.StatusBadRequest)
		return
	}
	proof, err := prove(id)
	switch {
	case errors.Is(err, errUnknown):
		http.Error(w, "no public record of this identifier here", http.StatusNotFound)
	case errors.Is(err, errNoRoot):
		http.Error(w, "the registry signs no receipts, or not yet for what it has just published", http.StatusNotFound)
	case err != nil:
		http.Error(w, "cannot read", http.StatusInternalServerError)
	default:
		w.Header().Set("Content-Type", contentType)
		w.Write(proof)
	}
}

var errUnknown = errors.New("no record of the identifier")

// Prove gives the tlog-proof of an identifier's newest record.
func (r *Resolver) Prove(id cityid.ID) ([]byte, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	x, n, entry, err := r.find(id)
	if err != nil {
		return nil, err
	}
	return x.prove(n, entry)
}

// find gives the log, the index and the entry of an identifier's newest record.
func (r *Resolver) find(id cityid.ID) (*index, uint64, []byte, error) {
	if err := r.refresh(); err != nil {
		return nil, 0, nil, err
	}
	for _, short := range sortedNames(r.logs) {
		x := r.logs[short]
		rows, err := x.names.Rows(id.String())
		if err != nil {
			x.forget() // the next question reads the log again
			return nil, 0, nil, err
		}
		for _, n := range rows {
			if n >= x.size {
				continue
			}
			entries, err := x.entries(n / ledger.TileWidth)
			if err != nil {
				return nil, 0, nil, err
			}
			entry := entries[n%ledger.TileWidth]
			if got, ok := public(entry); ok && got == id {
				return x, n, entry, nil
			}
		}
	}
	return nil, 0, nil, errUnknown
}

func sortedNames(m map[string]*index) []string {
	var names []string
	for n := range m {
		names = append(names, n)
	}
	slices.Sort(names)
	return names
}

// refresh reads what has been published since.
func (r *Resolver) refresh() error {
	for _, folder := range r.dirs {
		dir := filepath.Join(folder, "public")
		es, err := os.ReadDir(dir)
		if err != nil {
			return fmt.Errorf("resolve: %w", err)
		}
		for _, e := range es {
			if !e.IsDir() || !ledger.ValidShort(e.Name()) || e.Name() == ledger.DirectoryLog {
				continue
			}
			x := r.logs[e.Name()]
			if x == nil {
				x = &index{dir: filepath.Join(dir, e.Name())}
				x.names = openNames(filepath.Join(folder, "index"), e.Name(), r.some, r.Logger)
				r.logs[e.Name()] = x
			}
			if x.dir != filepath.Join(dir, e.Name()) {
				continue // the first folder that has a log answers for it
			}
			if err := x.refresh(); err != nil {
				return err
			}
		}
	}
	return nil
}

// refresh reads the entries that the checkpoint covers and the index lacks.
func (x *index) refresh() error {
	raw, err := readFile(filepath.Join(x.dir, ledger.CheckpointPath))
	if err != nil || raw == nil || bytes.Equal(raw, x.raw) {
		return err
	}
	text, _, _ := bytes.Cut(raw, []byte("\n\n"))
	cp, err := ledger.ParseCheckpointText(string(text) + "\n")
	if err != nil {
		return fmt.Errorf("resolve: %s: %w", x.dir, err)
	}
	from := x.size
	x.size, x.raw, x.root = cp.Size, raw, cp.Root
	if from == 0 {
		from = x.resume()
	}
	for n := from / ledger.TileWidth; n*ledger.TileWidth < cp.Size; n++ {
		entries, err := x.entries(n)
		if err != nil {
			x.size, x.raw = from, nil
			return err
		}
		for i, e := range entries {
			if id, ok := public(e); ok {
				x.names.Put(id.String(), n*ledger.TileWidth+uint64(i))
			}
		}
		x.keep(min((n+1)*ledger.TileWidth, cp.Size))
	}
	return nil
}

// public gives the identifier of a public record's entry.
func public(entry []byte) (cityid.ID, bool) {
	if len(entry) == 0 || entry[0] != code.TypePublic {
		return cityid.ID{}, false
	}
	claims, err := code.Code{Body: entry}.Claims()
	if err != nil {
		return cityid.ID{}, false
	}
	id, err := claims.ID()
	return id, err == nil
}

// entries reads a bundle, as wide as the checkpoint's size makes it.
func (x *index) entries(n uint64) ([][]byte, error) {
	w := width(n, x.size)
	b, err := os.ReadFile(filepath.Join(x.dir, filepath.FromSlash(ledger.EntriesPath(n, w))))
	if errors.Is(err, os.ErrNotExist) { // a partial bundle goes away when the full one is there
		b, err = os.ReadFile(filepath.Join(x.dir, filepath.FromSlash(ledger.EntriesPath(n, ledger.TileWidth))))
	}
	if err != nil {
		return nil, fmt.Errorf("resolve: %w", err)
	}
	entries, err := ledger.ParseBundle(b)
	if err != nil || len(entries) < w {
		return nil, fmt.Errorf("resolve: bundle %d of %s is damaged", n, x.dir)
	}
	return entries[:w], nil
}

// prove writes a tlog-proof: inclusion of entry n under the checkpoint.
func (x *index) prove(n uint64, entry []byte) ([]byte, error) {
	tree := tlog.Tree{N: int64(x.size), Hash: x.root}
	p, err := tlog.ProveRecord(tree.N, int64(n), tlog.TileHashReader(tree, tileFiles{x.dir}))
	if err != nil {
		return nil, fmt.Errorf("resolve: %s: %w", x.dir, err)
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s\nextra %s\nindex %d\n", proofHeader, base64.StdEncoding.EncodeToString(entry), n)
	for _, h := range p {
		fmt.Fprintf(&b, "%s\n", h)
	}
	b.WriteByte('\n')
	b.Write(x.raw)
	return b.Bytes(), nil
}

// proofHeader is the first line of a C2SP tlog-proof.
const proofHeader = "c2sp.org/tlog-proof@v1"

// tileFiles reads tiles for package tlog, which checks them against the root.
type tileFiles struct{ dir string }

// Height implements tlog.TileReader.
func (tileFiles) Height() int { return ledger.TileHeight }

// ReadTiles implements tlog.TileReader.
func (f tileFiles) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	out := make([][]byte, len(tiles))
	for i, t := range tiles {
		b, err := os.ReadFile(filepath.Join(f.dir, filepath.FromSlash(ledger.TilePath(t.L, uint64(t.N), t.W))))
		if errors.Is(err, os.ErrNotExist) {
			b, err = os.ReadFile(filepath.Join(f.dir, filepath.FromSlash(ledger.TilePath(t.L, uint64(t.N), ledger.TileWidth))))
		}
		if err != nil {
			return nil, err
		}
		if len(b) < t.W*tlog.HashSize {
			return nil, fmt.Errorf("tile %s is short", t.Path())
		}
		out[i] = b[:t.W*tlog.HashSize]
	}
	return out, nil
}

// SaveTiles implements tlog.TileReader.
func (tileFiles) SaveTiles([]tlog.Tile, [][]byte) {}
