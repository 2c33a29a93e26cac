package enrolment

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"
)

// Path is where the endpoint takes requests, by POST.
const Path = "/v1/enrol"

// contentType is that of both directions.
const contentType = "application/cbor"

// askTimeout bounds one request with its answer.
const askTimeout = 20 * time.Second

// ErrPin is wrapped by an error of [Client.Ask] when the server does not hold the pinned key: somebody else answers, or
// the pin is of another fleet.
var ErrPin = errors.New("this server is not the pinned fleet")

// Client asks the fleet that it has a pin of. It is safe for concurrent use.
type Client struct {
	url  string
	http *http.Client
}

// NewClient returns a client for the server at base, "https://fleet.example:8491". Now is the device's clock: one that
// is behind, as after a first boot without a battery, does not keep a device from enrolling.
func NewClient(base string, pin Pin, now func() time.Time) (*Client, error) {
	u, err := url.Parse(base)
	if err != nil || u.Scheme != "https" || u.Hostname() == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, fmt.Errorf("%q is not an address such as https://fleet.example:8491", base)
	}
	t := &tls.Config{
		MinVersion: tls.VersionTLS13,
		// The chain is verified by verifyPin, against the pinned key and nothing else: the device's own list of
		// authorities would let any of them speak for the fleet.
		InsecureSkipVerify: true,
		VerifyConnection:   func(cs tls.ConnectionState) error { return verifyPin(pin, u.Hostname(), cs.PeerCertificates, now()) },
	}
	return &Client{url: u.JoinPath(Path).String(), http: &http.Client{
		Timeout:   askTimeout,
		Transport: &http.Transport{TLSClientConfig: t, Proxy: http.ProxyFromEnvironment, DisableKeepAlives: true},
		// A fleet that has moved says so in a new configuration, not by a redirect.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// verifyPin checks that the chain leads to a certificate with the pinned key and that its first one is for host. A
// clock behind the certificates is set forward for the check: only their end needs a clock, and that is checked as far
// as it can be.
func verifyPin(pin Pin, host string, chain []*x509.Certificate, now time.Time) error {
	roots, others := x509.NewCertPool(), x509.NewCertPool()
	found := false
	for _, c := range chain {
		if PinOf(c) == pin {
			roots.AddCert(c)
			found = true
		}
		others.AddCert(c)
		if now.Before(c.NotBefore) {
			now = c.NotBefore
		}
	}
	if !found {
		return ErrPin
	}
	_, err := chain[0].Verify(x509.VerifyOptions{DNSName: host, Roots: roots, Intermediates: others, CurrentTime: now})
	if err != nil {
		return fmt.Errorf("%w: %w", ErrPin, err)
	}
	return nil
}

// Ask sends an encoded request once and returns the fleet's answer.
func (c *Client) Ask(ctx context.Context, request []byte) (Answer, error) {
	q, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url, bytes.NewReader(request))
	if err != nil {
		return Answer{}, err
	}
	q.Header.Set("Content-Type", contentType)
	res, err := c.http.Do(q)
	if err != nil {
		if u := (*url.Error)(nil); errors.As(err, &u) {
			err = u.Err // the address is known to whoever asks
		}
		return Answer{}, fmt.Errorf("ask the fleet: %w", err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(io.LimitReader(res.Body, MaxAnswer+1))
	if err != nil {
		return Answer{}, fmt.Errorf("ask the fleet: %w", err)
	}
	if res.StatusCode != http.StatusOK {
		return Answer{}, fmt.Errorf("ask the fleet: %s: %.120q", res.Status, b)
	}
	return ParseAnswer(b)
}
