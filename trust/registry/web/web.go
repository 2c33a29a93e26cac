// Package web is what a registry shows to people: the citizen's page, which a code's URL opens, and the holder's page, which shows a
// person's code.
//
// Both are plain files. Their scripts do all the work in the browser: the code stands in the URL's fragment and reaches no server, and
// the ledger is read as a gateway reads it, from the published tree of the same host (root.json, {log}/checkpoint, tiles and entries),
// with signatures, quorums and roots checked there. So any host that serves files can serve them: [Write] makes the folder. [Handler]
// serves the same files beside the published logs.
package web

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"html"
	"io/fs"
	"mime"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"strings"

	"citygate/trust/cityid"
)

//go:embed site
var site embed.FS

// Folder is the folder of the pages' own files below the host's root. Its dot keeps it apart from every log and every identifier.
const Folder = "citygate.page"

// HolderPath is the path of the holder's page.
const HolderPath = "/" + Folder + "/holder.html"

// defaultHelp is the number that stands in the pages unless they are told another.
const defaultHelp = "12345"

// Policy is the pages' content security policy. A static host should send it as a header: what the pages themselves declare lacks
// only the ban on being framed, which browsers take from headers alone.
const Policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// Options are what the pages say. The zero value is good.
type Options struct {
	// Help is the telephone number that the pages name; empty is 12345.
	Help string
}

// files gives the content of every file by its path.
func (o Options) files() (map[string][]byte, error) {
	help := o.Help
	if help == "" {
		help = defaultHelp
	}
	if len(help) > 20 || strings.ContainsFunc(help, func(r rune) bool { return !strings.ContainsRune("0123456789+- ", r) }) {
		return nil, fmt.Errorf("help number %q: digits, space, + and - only", help)
	}
	all := map[string][]byte{}
	err := fs.WalkDir(site, "site", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := site.ReadFile(name)
		if err != nil {
			return err
		}
		if path.Ext(name) == ".html" {
			const meta = `<meta name="citygate-help" content="`
			b = []byte(strings.Replace(string(b), meta+defaultHelp, meta+html.EscapeString(help), 1))
		}
		all[strings.TrimPrefix(name, "site/")] = b
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("pages: %w", err)
	}
	return all, nil
}

// Write puts the pages into a folder for a host that serves files. The citizen's page is there twice: as index.html, and as 404.html,
// which such hosts show for the path of a code, where there is no file. The published logs and root.json belong beside them.
func Write(dir string, o Options) error {
	all, err := o.files()
	if err != nil {
		return err
	}
	all["404.html"] = all["index.html"]
	for name, b := range all {
		to := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			return fmt.Errorf("write pages: %w", err)
		}
		if err := os.WriteFile(to, b, 0o644); err != nil {
			return fmt.Errorf("write pages: %w", err)
		}
	}
	return nil
}

// Handler serves the pages, and what is none of them through another handler.
type Handler struct {
	files map[string]file
	next  http.Handler
}

type file struct {
	content     []byte
	contentType string
	tag         string // of HTTP caches
}

// New returns the pages in front of next, which serves the published logs.
func New(o Options, next http.Handler) (*Handler, error) {
	if next == nil {
		return nil, errors.New("pages: no handler of the published logs")
	}
	all, err := o.files()
	if err != nil {
		return nil, err
	}
	h := &Handler{files: map[string]file{}, next: next}
	for name, b := range all {
		sum := sha256.Sum256(b)
		h.files[name] = file{b, contentType(name), `"` + hex.EncodeToString(sum[:8]) + `"`}
	}
	return h, nil
}

func contentType(name string) string {
	switch path.Ext(name) {
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	}
	return mime.TypeByExtension(path.Ext(name))
}

// ServeHTTP answers GET and HEAD of a page's files, of the root, and of the paths that codes show, in the characters that codes have;
// published logs have names in small letters, so no path is both.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name := strings.TrimPrefix(r.URL.Path, "/")
	if _, err := cityid.FromPath(name); name == "" || err == nil && cityid.IssuedAlphabet(name) {
		name = "index.html"
	}
	f, ok := h.files[name]
	if !ok {
		h.next.ServeHTTP(w, r)
		return
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "read only", http.StatusMethodNotAllowed)
		return
	}
	header := w.Header()
	header.Set("Content-Security-Policy", Policy)
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("Cross-Origin-Opener-Policy", "same-origin")
	header.Set("Permissions-Policy", "camera=(), microphone=(), geolocation=()")
	header.Set("Cache-Control", "no-cache") // files have no versions in their names
	header.Set("ETag", f.tag)
	header.Set("Content-Type", f.contentType)
	if r.Header.Get("If-None-Match") == f.tag {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	header.Set("Content-Length", fmt.Sprint(len(f.content)))
	if r.Method == http.MethodGet {
		_, _ = w.Write(f.content) // who went away gets nothing
	}
}
