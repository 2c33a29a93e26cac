package mirror

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"citygate/trust/ledger"
)

// This file implements a mirror behind HTTP.

// Timeout is how long one answer over HTTP may take, headers and body.
const Timeout = 15 * time.Second

// HTTP is a tlog-tiles server.
type HTTP struct {
	// Base is the URL below which each log has its folder.
	Base string
	// Client is used as it is; nil means one that follows no redirect to
	// another host.
	Client *http.Client
}

// Checkpoint returns the log's newest checkpoint.
func (h HTTP) Checkpoint(ctx context.Context, log string) ([]byte, error) {
	return reader{h.get}.checkpoint(ctx, log)
}

// Rotation returns the last checkpoint under the n-th root policy.
func (h HTTP) Rotation(ctx context.Context, n int) ([]byte, error) {
	return reader{h.get}.rotation(ctx, n)
}

// Root returns the log's newest root as a COSE_Sign1.
func (h HTTP) Root(ctx context.Context, log string) ([]byte, error) {
	return reader{h.get}.root(ctx, log)
}

// Tile returns a tile with at least width hashes, if the server is right.
func (h HTTP) Tile(ctx context.Context, log string, level int, n uint64, width int) ([]byte, error) {
	return reader{h.get}.tile(ctx, log, level, n, width)
}

// Entries returns an entry bundle with at least width entries, if the server is
// right.
func (h HTTP) Entries(ctx context.Context, log string, n uint64, width int) ([]byte, error) {
	return reader{h.get}.entries(ctx, log, n, width)
}

func (h HTTP) get(ctx context.Context, log string, r ledger.Resource) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, Timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(h.Base, "/")+"/"+log+"/"+r.String(), nil)
	if err != nil {
		return nil, err
	}
	resp, err := h.client().Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	switch resp.StatusCode {
	case http.StatusOK:
		return readAll(resp.Body, limit(r.Kind))
	case http.StatusNotFound, http.StatusGone:
		return nil, ErrNotFound
	}
	return nil, fmt.Errorf("the server answers %s", resp.Status)
}

func (h HTTP) client() *http.Client {
	if h.Client != nil {
		return h.Client
	}
	return &http.Client{CheckRedirect: func(req *http.Request, via []*http.Request) error {
		if len(via) > 3 || req.URL.Host != via[0].URL.Host {
			return errors.New("redirect to another host")
		}
		return nil
	}}
}
