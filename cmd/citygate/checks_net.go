package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"time"

	"citygate/edge/kiosk"
)

// This file implements the checks of `citygate doctor` that look at other machines and at the running gateway.

func checkCert(_ context.Context, s setup) finding {
	if s.config.Cert == "" {
		return good("none is configured")
	}
	pair, err := tls.LoadX509KeyPair(s.config.Cert, s.config.Key)
	if err != nil {
		return fail(err.Error(), "enrol the device again")
	}
	leaf, err := x509.ParseCertificate(pair.Certificate[0])
	if err != nil {
		return fail(err.Error(), "enrol the device again")
	}
	if st, err := os.Stat(s.config.Key); err == nil && st.Mode().Perm()&0o077 != 0 {
		return fail(fmt.Sprintf("%s has mode %04o: others can read it", s.config.Key, st.Mode().Perm()), "chmod 600, and enrol the device again if others may have")
	}
	if leaf.Subject.CommonName != s.config.Device {
		return fail(fmt.Sprintf("it is for %q, the device is %q", leaf.Subject.CommonName, s.config.Device), "give the device the name of its certificate")
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

func checkBrokers(ctx context.Context, s setup) finding {
	if len(s.config.Brokers) == 0 {
		return warn("none is configured: events wait on this device", "set brokers")
	}
	var last error
	for _, b := range s.config.Brokers {
		err := dialBroker(ctx, s, b)
		if err == nil {
			return good(b + " answers")
		}
		last = err
	}
	return warn(last.Error(), "check the network; the gateway goes on answering and keeps its events")
}

// dialBroker connects and ends the connection: a session would drive out the running gateway's.
func dialBroker(ctx context.Context, s setup, broker string) error {
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
		if s.config.CA != "" {
			pem, err := readSmall(s.config.CA)
			if err != nil {
				return fmt.Errorf("ca: %w", err)
			}
			t.RootCAs = x509.NewCertPool()
			if !t.RootCAs.AppendCertsFromPEM(pem) {
				return fmt.Errorf("ca: %s has no certificate", s.config.CA)
			}
		}
		if s.config.Cert != "" {
			pair, err := tls.LoadX509KeyPair(s.config.Cert, s.config.Key)
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

// readiness asks the running gateway.
func askReadiness(ctx context.Context, s setup) (r kiosk.Readiness, err error) {
	ctx, cancel := context.WithTimeout(ctx, dialLimit)
	defer cancel()
	q, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.config.Listen+"/readyz", nil)
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

func checkPage(ctx context.Context, s setup) finding {
	r, err := askReadiness(ctx, s)
	if err != nil {
		return warn("the gateway does not run: "+err.Error(), "start it: systemctl start citygate")
	}
	if len(r.Conditions) > 0 { // the worst comes first
		c := r.Conditions[0]
		where := c.Code + " on http://" + s.config.Listen + "/readyz"
		if !r.Ready {
			return fail("out of service: "+c.Title, where)
		}
		return warn(c.Title, where)
	}
	if !r.Ready {
		return fail("the gateway runs and makes no progress", "see its log: journalctl -u citygate")
	}
	return good("http://" + s.config.Listen + "/ is ready")
}
