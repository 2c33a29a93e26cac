package relay

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

// This file implements the output that asks another machine to open.

// SignatureHeader carries the base64 Ed25519 signature, by the gateway's event key, over
// "citygate/v1 relay" || 00 || body.
const SignatureHeader = "Citygate-Signature"

const (
	tryLimit  = 700 * time.Millisecond // for one request
	tryAgain  = 100 * time.Millisecond // after a failed one
	readLimit = 4 << 10                // bytes of an answer that are looked at
)

// Webhook is an output that sends a POST request with the pulse as JSON, signed. A status of 2xx is a pulse given;
// anything else, and silence, is tried again until the deadline. Repetitions carry the same epoch and number: the
// receiver gives one pulse for them. Redirects are not followed.
type Webhook struct {
	url    string
	key    ed25519.PrivateKey
	client *http.Client
}

// NewWebhook returns a webhook at an address that [Check] accepts.
func NewWebhook(url string, key ed25519.PrivateKey) *Webhook {
	return &Webhook{url: url, key: key, client: &http.Client{
		Transport:     &http.Transport{MaxIdleConns: 1, IdleConnTimeout: 30 * time.Second},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// Pulse sends the request until it succeeds or ctx ends. The error is that of the last try that came to its own end: what
// the other side answered says more than that the time was over.
func (w *Webhook) Pulse(ctx context.Context, p Pulse) error {
	body, err := json.Marshal(p)
	if err != nil {
		return fmt.Errorf("webhook: %w", err)
	}
	sig := base64.StdEncoding.EncodeToString(ed25519.Sign(w.key, Signed(body)))
	var last error
	for {
		err := w.try(ctx, body, sig)
		if err == nil {
			return nil
		}
		if last == nil || ctx.Err() == nil {
			last = err
		}
		pause := time.NewTimer(tryAgain)
		select {
		case <-pause.C:
		case <-ctx.Done():
			pause.Stop()
			return fmt.Errorf("webhook: %w", last)
		}
	}
}

// Signed is what the signature covers.
func Signed(body []byte) []byte {
	return append([]byte("citygate/v1 relay\x00"), body...)
}

func (w *Webhook) try(ctx context.Context, body []byte, sig string) error {
	ctx, cancel := context.WithTimeout(ctx, tryLimit)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, w.url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set(SignatureHeader, sig)
	res, err := w.client.Do(r)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, readLimit)) // so that the connection can be used again
	if res.StatusCode/100 != 2 {
		return errors.New("status " + res.Status)
	}
	return nil
}

// Close ends idle connections.
func (w *Webhook) Close() error {
	w.client.CloseIdleConnections()
	return nil
}
