// Package pki is a small certificate authority for one fleet: an ECDSA P-256 root that signs certificates for the
// broker, the fleet server and each gateway. A certificate's common name is its holder's MQTT client id.
//
// It serves the demo, the tests and an operator's first steps. The root's key is a file of mode 0600; a city that has
// an authority of its own uses that one instead, since nothing in the product asks more of a certificate than X.509
// with a common name and, for servers, the names they are reached under.
package pki

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// File names inside an authority's folder. A holder's pair is NAME.pem and NAME.key.
const (
	RootCert = "ca.pem"
	rootKey  = "ca.key"
)

// Lifetimes of the root and of what it signs. A device's certificate is renewed long before; the demo's lives as long
// as the demo is likely to be tried again.
const (
	rootLifetime = 10 * 365 * 24 * time.Hour
	leafLifetime = 90 * 24 * time.Hour
)

// Authority signs certificates. It is safe for concurrent use.
type Authority struct {
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	now  func() time.Time
}

// Open loads the authority in dir, or makes one there with the given common name when the folder has none.
func Open(dir, name string, now func() time.Time) (*Authority, error) {
	a, err := Load(dir, now)
	if errors.Is(err, fs.ErrNotExist) {
		a = &Authority{dir: dir, now: now}
		return a, a.create(name)
	}
	return a, err
}

// Load loads the authority in dir; the error wraps [fs.ErrNotExist] when the folder has none.
func Load(dir string, now func() time.Time) (*Authority, error) {
	cert, key, err := readPair(filepath.Join(dir, RootCert), filepath.Join(dir, rootKey))
	if err != nil {
		return nil, fmt.Errorf("open certificate authority: %w", err)
	}
	return &Authority{dir: dir, cert: cert, key: key, now: now}, nil
}

// ReadCert reads the first certificate of a PEM file, such as [RootCert] of an authority whose key is elsewhere.
func ReadCert(file string) (*x509.Certificate, error) {
	der, err := readPEM(file, "CERTIFICATE")
	if err != nil {
		return nil, err
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return cert, nil
}

// Cert is the authority's own certificate.
func (a *Authority) Cert() *x509.Certificate { return a.cert }

// Certify signs a client certificate for a key that its holder made itself, and returns its DER. Nothing is written.
func (a *Authority) Certify(name string, pub *ecdsa.PublicKey, life time.Duration) ([]byte, error) {
	_, der, err := a.sign(leaf(name), pub, life)
	return der, err
}

// leaf is the certificate of a client.
func leaf(name string) *x509.Certificate {
	return &x509.Certificate{
		Subject:     pkix.Name{CommonName: name},
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
}

func (a *Authority) create(name string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return fmt.Errorf("make root key: %w", err)
	}
	t := &x509.Certificate{
		Subject:               pkix.Name{CommonName: name},
		IsCA:                  true,
		BasicConstraintsValid: true,
		MaxPathLenZero:        true,
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	a.cert, a.key = t, key
	cert, der, err := a.sign(t, &key.PublicKey, rootLifetime)
	if err != nil {
		return err
	}
	a.cert = cert
	return writePair(filepath.Join(a.dir, RootCert), filepath.Join(a.dir, rootKey), der, key)
}

// Issue is IssueFor a lifetime of 90 days.
func (a *Authority) Issue(name string, hosts ...string) (certFile, keyFile string, err error) {
	return a.IssueFor(leafLifetime, name, hosts...)
}

// IssueFor makes a key and a certificate with common name name in the authority's folder, unless a pair of that name is
// there that lives for another half of its lifetime. hosts are the DNS names and addresses of a server; a client has
// none. It returns the two file names.
func (a *Authority) IssueFor(life time.Duration, name string, hosts ...string) (certFile, keyFile string, err error) {
	certFile, keyFile = filepath.Join(a.dir, name+".pem"), filepath.Join(a.dir, name+".key")
	if have, _, err := readPair(certFile, keyFile); err == nil && a.now().Add(life/2).Before(have.NotAfter) {
		return certFile, keyFile, nil
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return "", "", fmt.Errorf("make key of %s: %w", name, err)
	}
	t := leaf(name)
	for _, h := range hosts {
		t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
		if ip := net.ParseIP(h); ip != nil {
			t.IPAddresses = append(t.IPAddresses, ip)
		} else {
			t.DNSNames = append(t.DNSNames, h)
		}
	}
	_, der, err := a.sign(t, &key.PublicKey, life)
	if err != nil {
		return "", "", err
	}
	return certFile, keyFile, writePair(certFile, keyFile, der, key)
}

// Sign answers a client's request for a certificate (PKCS #10, DER) with one for the name in it. It is for the caller to
// know that the request came from the holder of that name.
func (a *Authority) Sign(request []byte) (der []byte, err error) {
	r, err := x509.ParseCertificateRequest(request)
	if err == nil {
		err = r.CheckSignature()
	}
	if err != nil {
		return nil, fmt.Errorf("certificate request: %w", err)
	}
	key, ok := r.PublicKey.(*ecdsa.PublicKey)
	if !ok || r.Subject.CommonName == "" {
		return nil, errors.New("certificate request: want an ECDSA key and a common name")
	}
	_, der, err = a.sign(leaf(r.Subject.CommonName), key, leafLifetime)
	return der, err
}

func (a *Authority) sign(t *x509.Certificate, pub *ecdsa.PublicKey, life time.Duration) (*x509.Certificate, []byte, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, nil, fmt.Errorf("make serial number: %w", err)
	}
	t.SerialNumber = serial
	// An hour back, since a gateway's clock may run behind.
	t.NotBefore = a.now().Add(-time.Hour)
	t.NotAfter = a.now().Add(life)
	der, err := x509.CreateCertificate(rand.Reader, t, a.cert, pub, a.key)
	if err != nil {
		return nil, nil, fmt.Errorf("sign certificate of %s: %w", t.Subject.CommonName, err)
	}
	cert, err := x509.ParseCertificate(der)
	return cert, der, err
}

func writePair(certFile, keyFile string, der []byte, key *ecdsa.PrivateKey) error {
	if err := os.MkdirAll(filepath.Dir(certFile), 0o755); err != nil {
		return err
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	// The key goes first: a certificate without its key would look complete to the next start.
	if err := os.WriteFile(keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}), 0o600); err != nil {
		return err
	}
	return os.WriteFile(certFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o644)
}

func readPair(certFile, keyFile string) (*x509.Certificate, *ecdsa.PrivateKey, error) {
	cert, err := ReadCert(certFile)
	if err != nil {
		return nil, nil, err
	}
	k, err := readPEM(keyFile, "PRIVATE KEY")
	if err != nil {
		return nil, nil, err
	}
	key, err := x509.ParsePKCS8PrivateKey(k)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", keyFile, err)
	}
	ec, ok := key.(*ecdsa.PrivateKey)
	if !ok || !ec.PublicKey.Equal(cert.PublicKey) {
		return nil, nil, fmt.Errorf("%s is not the key of %s", keyFile, certFile)
	}
	return cert, ec, nil
}

func readPEM(file, kind string) ([]byte, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(b)
	if block == nil || block.Type != kind {
		return nil, fmt.Errorf("%s: no PEM block %q", file, kind)
	}
	return block.Bytes, nil
}
