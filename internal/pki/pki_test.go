package pki_test

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"citygate/internal/pki"
)

// A server and a client of one authority talk TLS 1.3 with each other; the server sees the client's name; a client of
// another authority is turned away.
func TestMutualTLS(t *testing.T) {
	ours, other := t.TempDir(), t.TempDir()
	a := open(t, ours)
	serverCert, serverKey, err := a.Issue("broker", "127.0.0.1", "localhost")
	if err != nil {
		t.Fatal(err)
	}
	clientCert, clientKey, err := a.Issue("kiosk-1")
	if err != nil {
		t.Fatal(err)
	}
	strangerCert, strangerKey, err := open(t, other).Issue("kiosk-1")
	if err != nil {
		t.Fatal(err)
	}
	server := &tls.Config{
		Certificates: []tls.Certificate{pair(t, serverCert, serverKey)},
		ClientCAs:    pool(t, ours), ClientAuth: tls.RequireAndVerifyClientCert, MinVersion: tls.VersionTLS13,
	}
	for _, c := range []struct {
		name, cert, key string
		ok              bool
	}{{"ours", clientCert, clientKey, true}, {"stranger", strangerCert, strangerKey, false}} {
		t.Run(c.name, func(t *testing.T) {
			near, far := net.Pipe()
			defer near.Close()
			defer far.Close()
			client := tls.Client(near, &tls.Config{
				Certificates: []tls.Certificate{pair(t, c.cert, c.key)}, RootCAs: pool(t, ours), ServerName: "localhost",
			})
			go func() { _ = client.Handshake(); _, _ = client.Read(make([]byte, 1)) }()
			s := tls.Server(far, server)
			err := s.Handshake()
			if (err == nil) != c.ok {
				t.Fatalf("handshake: %v, want success %v", err, c.ok)
			}
			if c.ok && s.ConnectionState().PeerCertificates[0].Subject.CommonName != "kiosk-1" {
				t.Error("the server does not see the client's name")
			}
		})
	}
}

func TestIssueKeepsWhatIsGood(t *testing.T) {
	dir := t.TempDir()
	a := open(t, dir)
	cert, key, err := a.Issue("kiosk-1")
	if err != nil {
		t.Fatal(err)
	}
	before, _ := os.ReadFile(cert)
	if _, _, err := open(t, dir).Issue("kiosk-1"); err != nil {
		t.Fatal(err)
	}
	if after, _ := os.ReadFile(cert); string(after) != string(before) {
		t.Error("a good certificate was replaced")
	}
	if fi, _ := os.Stat(key); fi.Mode().Perm() != 0o600 {
		t.Errorf("key file has mode %v", fi.Mode())
	}
	later, err := pki.Open(dir, "root", func() time.Time { return time.Now().Add(60 * 24 * time.Hour) })
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := later.Issue("kiosk-1"); err != nil {
		t.Fatal(err)
	}
	if after, _ := os.ReadFile(cert); string(after) == string(before) {
		t.Error("an old certificate was kept")
	}
}

func TestDamagedAuthorityIsAnError(t *testing.T) {
	dir := t.TempDir()
	open(t, dir)
	if err := os.WriteFile(filepath.Join(dir, pki.RootCert), []byte("garbage"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := pki.Open(dir, "root", time.Now); err == nil {
		t.Fatal("a damaged root was replaced silently")
	}
}

func open(t *testing.T, dir string) *pki.Authority {
	t.Helper()
	a, err := pki.Open(dir, "root", time.Now)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func pair(t *testing.T, cert, key string) tls.Certificate {
	t.Helper()
	p, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func pool(t *testing.T, dir string) *x509.CertPool {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, pki.RootCert))
	if err != nil {
		t.Fatal(err)
	}
	p := x509.NewCertPool()
	p.AppendCertsFromPEM(b)
	return p
}
