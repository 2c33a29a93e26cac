package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"citygate/edge/config"
	"citygate/edge/control"
	"citygate/internal/durable"
)

// This file implements the rotation of the client certificate. The key is made here and never leaves: a first command
// brings the request for a certificate, a second one the certificate. The pair is kept in state_dir, since the daemon
// writes nowhere else, and goes before the configured one while it lasts longer.

// Files in state_dir.
const (
	rotatedFile = "client.pem"     // certificate and key that were rotated in
	pendingFile = "client-new.key" // key whose certificate has not come yet
)

const (
	piece       = 250             // bytes of base64 in one text of a message
	maxPieces   = 15              // texts of one message, one of its 16 left
	trialDial   = 5 * time.Second // for a broker to answer
	trialReject = 2 * time.Second // a broker that does not refuse the certificate by then has taken it
)

// rotate answers without arguments with a request for a certificate, and with one it takes it.
func (o *orders) rotate(ctx context.Context, args map[string]string) (map[string]string, error) {
	if o.inForce.CA == "" || o.inForce.Cert == "" {
		return nil, errors.New("this gateway has no client certificate to rotate")
	}
	if args["cert-1"] == "" {
		return o.requestCertificate()
	}
	der, err := joinPieces(args, "cert")
	if err != nil {
		return nil, err
	}
	until, err := o.installCertificate(ctx, der)
	if err != nil {
		return nil, err
	}
	o.d.end(errReload)
	return map[string]string{"until": until.UTC().Format(time.RFC3339)}, control.ErrEnding
}

// requestCertificate makes a key, unless one waits for its certificate already, and the request for it.
func (o *orders) requestCertificate() (map[string]string, error) {
	path := filepath.Join(o.inForce.StateDir, pendingFile)
	key, err := readECKey(path)
	if errors.Is(err, os.ErrNotExist) {
		key, err = makeECKey(path)
	}
	if err != nil {
		return nil, fmt.Errorf("key of the next certificate: %w", err)
	}
	request := &x509.CertificateRequest{Subject: pkix.Name{CommonName: o.inForce.Device}}
	der, err := x509.CreateCertificateRequest(rand.Reader, request, key)
	if err != nil {
		return nil, fmt.Errorf("make request: %w", err)
	}
	return cutPieces(der, "csr")
}

// installCertificate checks a certificate, tries it at a broker, and keeps it with its key.
func (o *orders) installCertificate(ctx context.Context, der []byte) (time.Time, error) {
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return time.Time{}, fmt.Errorf("certificate: %w", err)
	}
	path := filepath.Join(o.inForce.StateDir, pendingFile)
	key, err := readECKey(path)
	if err != nil {
		return time.Time{}, fmt.Errorf("no key waits for a certificate (rotate-certificate without arguments makes one): %w", err)
	}
	pem1, err := os.ReadFile(o.inForce.CA)
	if err != nil {
		return time.Time{}, err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem1)
	_, err = cert.Verify(x509.VerifyOptions{Roots: roots, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	switch {
	case err != nil:
		return time.Time{}, fmt.Errorf("certificate: %w", err)
	case cert.Subject.CommonName != o.inForce.Device:
		return time.Time{}, fmt.Errorf("certificate is of %.64q, not of %s", cert.Subject.CommonName, o.inForce.Device)
	case !key.PublicKey.Equal(cert.PublicKey):
		return time.Time{}, errors.New("certificate is of another key than the one that waits for it")
	case !cert.NotAfter.After(certEnd(o.inForce.Cert, o.inForce.Key)):
		return time.Time{}, errors.New("certificate ends before the configured one")
	}
	pair := tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
	if err := tryCertificate(ctx, o.inForce.Brokers, &tls.Config{MinVersion: tls.VersionTLS13, RootCAs: roots, Certificates: []tls.Certificate{pair}}); err != nil {
		return time.Time{}, err
	}
	text, err := pemPair(der, key)
	if err == nil {
		err = durable.WriteFile(filepath.Join(o.inForce.StateDir, rotatedFile), text, 0o600)
	}
	if err != nil {
		return time.Time{}, fmt.Errorf("keep certificate: %w", err)
	}
	if err := os.Remove(path); err != nil {
		o.d.log.Warn("key of a certificate that was taken is still there", "error", err)
	}
	return cert.NotAfter, nil
}

// tryCertificate asks the brokers in turn whether they take a certificate. In TLS 1.3 a server refuses it only after
// the client's handshake is over, so that a refusal comes with the first read.
func tryCertificate(ctx context.Context, brokers []string, c *tls.Config) error {
	var errs []error
	for _, broker := range brokers {
		u, err := url.Parse(broker)
		if err != nil || u.Scheme == "tcp" {
			continue
		}
		err = func() error {
			ctx, cancel := context.WithTimeout(ctx, trialDial)
			defer cancel()
			conn, err := (&tls.Dialer{Config: c}).DialContext(ctx, "tcp", u.Host)
			if err != nil {
				return err
			}
			defer conn.Close()
			if err := conn.SetReadDeadline(time.Now().Add(trialReject)); err != nil {
				return err
			}
			if _, err = conn.Read(make([]byte, 1)); errors.Is(err, os.ErrDeadlineExceeded) {
				return nil
			}
			return err
		}()
		if err == nil {
			return nil
		}
		errs = append(errs, fmt.Errorf("%s: %w", u.Host, err))
	}
	return fmt.Errorf("no broker takes the certificate: %w", errors.Join(errs...))
}

// clientPair names the files of the client certificate: the pair that was rotated in while it lasts longer than the
// configured one.
func clientPair(c *config.Config) (cert, key string) {
	rotated := filepath.Join(c.StateDir, rotatedFile)
	if c.Cert != "" && certEnd(rotated, rotated).After(certEnd(c.Cert, c.Key)) {
		return rotated, rotated
	}
	return c.Cert, c.Key
}

// certEnd is when a pair's certificate ends, zero for one that cannot be used.
func certEnd(cert, key string) time.Time {
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		return time.Time{}
	}
	return pair.Leaf.NotAfter
}

func makeECKey(path string) (*ecdsa.PrivateKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	text, err := pemPair(nil, key)
	if err != nil {
		return nil, err
	}
	return key, durable.WriteFile(path, text, 0o600)
}

func readECKey(path string) (*ecdsa.PrivateKey, error) {
	b, err := readSmall(path)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(b)
	if block == nil {
		return nil, fmt.Errorf("%s: no PEM block", path)
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if ec, ok := key.(*ecdsa.PrivateKey); ok && err == nil {
		return ec, nil
	}
	return nil, fmt.Errorf("%s: not an ECDSA key: %w", path, err)
}

// pemPair is a certificate, unless it is nil, and its key in one file, so that both are replaced at once.
func pemPair(cert []byte, key *ecdsa.PrivateKey) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	var out []byte
	if cert != nil {
		out = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert})
	}
	return append(out, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})...), nil
}

// cutPieces writes bytes as base64 in texts name-1, name-2 and so on.
func cutPieces(b []byte, name string) (map[string]string, error) {
	text := base64.StdEncoding.EncodeToString(b)
	if len(text) > maxPieces*piece {
		return nil, fmt.Errorf("%s of %d bytes does not fit a message", name, len(b))
	}
	out := map[string]string{}
	for i := 1; text != ""; i++ {
		n := min(piece, len(text))
		out[fmt.Sprintf("%s-%d", name, i)], text = text[:n], text[n:]
	}
	return out, nil
}

// joinPieces is its inverse.
func joinPieces(args map[string]string, name string) ([]byte, error) {
	text := ""
	for i := 1; ; i++ {
		next, ok := args[fmt.Sprintf("%s-%d", name, i)]
		if !ok {
			break
		}
		text += next
	}
	b, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return b, nil
}
