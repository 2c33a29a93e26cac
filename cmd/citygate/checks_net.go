package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"time"

	"citygate/edge/config"
	"citygate/edge/kiosk"
)

// This file implements the checks of `citygate doctor` that look at other machines and at the running gateway.

func checkCert(_ context.Context, e *examination) finding {
	if e.config.Cert == "" {
		return good("none is configured")
	}
	pair, err := tls.LoadX509KeyPair(e.config.Cert, e.config.Key)
	if errors.Is(err, fs.ErrPermission) {
		return fail(err.Error(), "run the doctor as the gateway's user (sudo -u citygate)")
	}
	if err != nil {
		return fail(err.Error(), enrolHint)
	}
	leaf, err := x509.ParseCertificate(pair.Certificate[0])
	if err != nil {
		return fail(err.Error(), enrolHint)
	}
	if st, err := os.Stat(e.config.Key); err == nil && st.Mode().Perm()&0o077 != 0 {
		return fail(fmt.Sprintf("%s has mode %04o: others can read it", e.config.Key, st.Mode().Perm()), "chmod 600, and enrol the device again if others may have")
	}
	if leaf.Subject.CommonName != e.config.Device {
		return fail(fmt.Sprintf("it is for %q, the device is %q", leaf.Subject.CommonName, e.config.Device), "give the device the name of its certificate")
	}
	left := time.Until(leaf.NotAfter)
	found := fmt.Sprintf("ends %s", leaf.NotAfter.UTC().Format(time.DateOnly))
	switch {
	case left <= 0 || time.Now().Before(leaf.NotBefore):
		return fail(found+": not valid now", "renew it; check the clock")
	case left < certSoon:
		return warn(found, "renew it")
	}
	return good(found)
}

func checkBrokers(ctx context.Context, e *examination) finding {
	if len(e.config.Brokers) == 0 {
		return warn("none is configured: events wait on this device", "set brokers")
	}
	var last error
	for _, b := range e.config.Brokers {
		err := dialBroker(ctx, e.config, b)
		if err == nil {
			return good(b + " answers")
		}
		last = err
	}
	if errors.Is(last, fs.ErrNotExist) {
		return fail(last.Error(), enrolHint)
	}
	return warn(last.Error(), "check the network; the gateway goes on answering and keeps its events")
}

// dialBroker connects and ends the connection: a session would drive out the running gateway's.
func dialBroker(ctx context.Context, c config.Config, broker string) error {
	u, err := url.Parse(broker)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, dialLimit)
	defer cancel()
	var conn net.Conn
	if u.Scheme == "tcp" {
		conn, err = new(net.Dialer).DialContext(ctx, "tcp", u.Host)
	} else {
		t := &tls.Config{MinVersion: tls.VersionTLS13}
		if c.CA != "" {
			pem, err := readSmall(c.CA)
			if err != nil {
				return fmt.Errorf("ca: %w", err)
			}
			t.RootCAs = x509.NewCertPool()
			if !t.RootCAs.AppendCertsFromPEM(pem) {
				return fmt.Errorf("ca: %s has no certificate", c.CA)
			}
		}
		if c.Cert != "" {
			pair, err := tls.LoadX509KeyPair(c.Cert, c.Key)
			if err != nil {
				return err
			}
			t.Certificates = []tls.Certificate{pair}
		}
		conn, err = (&tls.Dialer{Config: t}).DialContext(ctx, "tcp", u.Host)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", broker, err)
	}
	return conn.Close()
}

// askReadiness asks the running gateway.
func askReadiness(ctx context.Context, listen string) (r kiosk.Readiness, err error) {
	ctx, cancel := context.WithTimeout(ctx, dialLimit)
	defer cancel()
	q, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+listen+"/readyz", nil)
	if err != nil {
		return r, err
	}
	res, err := http.DefaultClient.Do(q)
	if err != nil {
		return r, err
	}
	defer res.Body.Close()
	return r, json.NewDecoder(http.MaxBytesReader(nil, res.Body, maxSmall)).Decode(&r)
}

func checkPage(_ context.Context, e *examination) finding {
	r := e.page
	if r == nil {
		return warn("the gateway does not run: "+e.silent.Error(), "start it: systemctl start citygate")
	}
	if len(r.Conditions) > 0 { // the worst comes first
		c := r.Conditions[0]
		hint := c.Hint + " (" + c.Code + " on http://" + e.config.Listen + "/readyz)"
		if !r.Ready {
			return fail("out of service: "+c.Title, hint)
		}
		return warn(c.Title, hint)
	}
	if !r.Ready {
		return fail("the gateway runs and makes no progress", "see its log: journalctl -u citygate")
	}
	return good("http://" + e.config.Listen + "/ is ready")
}
