package registry

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"citygate/trust/ledger"
)

// Handler serves the published trees of one or more registries as tlog-tiles asks, at /{log}/checkpoint, /{log}/tile/... and so on, and a national
// root.json. Checkpoints must be asked for again each time; tiles and entry bundles never change, so caches may keep them for ever. It reads files
// and nothing else, so it goes on while the registry is down.
type Handler struct {
	dirs []string
}

// NewHandler serves the public folders of the registries, or of mirrors, in dirs. The first that has a log answers for it.
func NewHandler(dirs ...string) *Handler {
	h := &Handler{}
	for _, d := range dirs {
		h.dirs = append(h.dirs, filepath.Join(d, "public"))
	}
	return h
}

// rootFile is the root policy's name in the published tree, and maxChanging the longest checkpoint or root policy.
const (
	rootFile    = "root.json"
	maxChanging = 1 << 20
)

const (
	cacheNever   = "no-cache"
	cacheForever = "public, max-age=31536000, immutable"
)

// ServeHTTP answers GET and HEAD.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Access-Control-Allow-Origin", "*") // everything here is public, and a phone's page checks it itself
	w.Header().Set("X-Content-Type-Options", "nosniff")
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "read only", http.StatusMethodNotAllowed)
		return
	}
	path, ok := resource(r.URL.Path)
	if !ok {
		http.NotFound(w, r)
		return
	}
	f, err := h.find(path)
	if errors.Is(err, fs.ErrNotExist) {
		w.Header().Set("Cache-Control", cacheNever) // it may come
		http.NotFound(w, r)
		return
	}
	if err != nil {
		http.Error(w, "cannot read", http.StatusInternalServerError)
		return
	}
	defer f.Close()
	if path == rootFile || strings.HasSuffix(path, "/checkpoint") || strings.HasSuffix(path, "/"+ledger.RootPath) {
		serveChanging(w, r, path, f)
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Cache-Control", cacheForever)
	http.ServeContent(w, r, "", time.Time{}, f)
}

// serveChanging serves a small file that is replaced from time to time. Its tag is its content's hash: two checkpoints may be published
// within one second, which a time of modification would not tell apart.
func serveChanging(w http.ResponseWriter, r *http.Request, path string, f *os.File) {
	b, err := io.ReadAll(io.LimitReader(f, maxChanging))
	if err != nil {
		http.Error(w, "cannot read", http.StatusInternalServerError)
		return
	}
	contentType := "text/plain; charset=utf-8"
	switch {
	case path == rootFile:
		contentType = "application/json"
	case strings.HasSuffix(path, ledger.RootPath):
		contentType = `application/cose; cose-type="cose-sign1"`
	}
	sum := sha256.Sum256(b)
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Cache-Control", cacheNever)
	w.Header().Set("ETag", fmt.Sprintf(`"%x"`, sum[:16]))
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(b))
}

// resource takes the paths of tlog-tiles and nothing else: no dots but the one of a partial tile, so neither Tessera's state nor a
// temporary file nor a parent folder can be asked for.
func resource(path string) (string, bool) {
	path = strings.TrimPrefix(path, "/")
	if path == rootFile {
		return path, true
	}
	log, rest, ok := strings.Cut(path, "/")
	if !ok || log == "" || strings.ContainsFunc(log, func(c rune) bool { return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyz0123456789_-", c) }) {
		return "", false
	}
	if rest == "checkpoint" {
		return path, true
	}
	if r, err := ledger.ParseResource(rest); err == nil && r.Kind == ledger.ResourceRotation {
		return path, log == ledger.DirectoryLog
	}
	if rest == ledger.RootPath {
		return path, true
	}
	tile, ok := strings.CutPrefix(rest, "tile/")
	if !ok {
		return "", false
	}
	for i, part := range strings.Split(tile, "/") {
		if i == 0 && part == "entries" {
			continue
		}
		digits := strings.TrimPrefix(strings.TrimSuffix(part, ".p"), "x")
		if digits == "" || len(digits) > 3 || strings.ContainsFunc(digits, func(c rune) bool { return c < '0' || c > '9' }) {
			return "", false
		}
	}
	return path, true
}

func (h *Handler) find(path string) (*os.File, error) {
	for _, dir := range h.dirs {
		f, err := os.Open(filepath.Join(dir, filepath.FromSlash(path)))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("serve: %w", err)
		}
		if st, err := f.Stat(); err != nil || !st.Mode().IsRegular() {
			f.Close()
			continue
		}
		return f, nil
	}
	return nil, fs.ErrNotExist
}
