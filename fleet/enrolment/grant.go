package enrolment

import (
	"crypto/ed25519"
	"crypto/x509"
	"net/url"
	"slices"

	"citygate/fleet"
	"citygate/internal/cose"
	"citygate/trust/cityid"
	"citygate/trust/ledger"
)

// Grant is all that makes a device a gateway of this fleet. Nothing in it is secret.
type Grant struct {
	V          uint64   `cbor:"0,keyasint"`
	Device     string   `cbor:"1,keyasint"`           // its name: the certificate's CN and MQTT client id
	Place      string   `cbor:"2,keyasint"`           // identifier of where it stands
	Cert       []byte   `cbor:"3,keyasint"`           // its client certificate, DER
	CA         [][]byte `cbor:"4,keyasint"`           // authorities of the brokers' certificates, DER
	Brokers    []string `cbor:"5,keyasint"`           // tls:// URLs, in the order to try them
	FleetKey   []byte   `cbor:"6,keyasint"`           // Ed25519: acknowledgements are believed by it
	OpsKey     []byte   `cbor:"7,keyasint,omitempty"` // Ed25519: commands and desired states are; none: nothing is obeyed
	RootPolicy []byte   `cbor:"8,keyasint"`           // root.json
	Mirrors    []string `cbor:"9,keyasint,omitempty"` // HTTP mirrors of the logs
}

// Encode checks the grant and returns its octets.
func (g Grant) Encode() ([]byte, error) {
	g.V = Version
	if err := g.check(); err != nil {
		return nil, err
	}
	b, err := cose.Encode(g)
	if err == nil && len(b) > MaxGrant {
		err = malformed("a grant of %d octets, more than %d", len(b), MaxGrant)
	}
	return b, err
}

// ParseGrant reads a grant and checks that every part of it is of use. Whether the certificate is for the device's own
// key is for [Grant.For].
func ParseGrant(b []byte) (*Grant, error) {
	g := new(Grant)
	if err := parse(b, MaxGrant, g); err != nil {
		return nil, err
	}
	return g, g.check()
}

func (g *Grant) check() error {
	if g.V != Version {
		return malformed("version %d, want %d", g.V, Version)
	}
	if !fleet.ValidName(g.Device) {
		return malformed("device name %.80q", g.Device)
	}
	if _, err := cityid.Parse(g.Place); err != nil {
		return malformed("place: %v", err)
	}
	if len(g.FleetKey) != ed25519.PublicKeySize || len(g.OpsKey) != 0 && len(g.OpsKey) != ed25519.PublicKeySize {
		return malformed("a key of a wrong size")
	}
	if _, err := ledger.ParseRootPolicy(g.RootPolicy); err != nil {
		return malformed("root policy: %v", err)
	}
	if len(g.Brokers) == 0 || len(g.Brokers) > maxList || len(g.Mirrors) > maxList || len(g.CA) == 0 || len(g.CA) > maxList {
		return malformed("%d brokers, %d mirrors, %d authorities: want 1 to %d, 0 to %[4]d, 1 to %[4]d", len(g.Brokers), len(g.Mirrors), len(g.CA), maxList)
	}
	for _, b := range g.Brokers {
		if !validURL(b, "tls") {
			return malformed("broker %.80q: want tls://host:8883", b)
		}
	}
	for _, m := range g.Mirrors {
		if !validURL(m, "https", "http") {
			return malformed("mirror %.80q: want https://host/", m)
		}
	}
	for _, der := range append(slices.Clone(g.CA), g.Cert) {
		if _, err := x509.ParseCertificate(der); err != nil {
			return malformed("certificate: %v", err)
		}
	}
	return nil
}

func validURL(s string, schemes ...string) bool {
	u, err := url.Parse(s)
	return err == nil && slices.Contains(schemes, u.Scheme) && u.Host != "" && u.User == nil && ValidLine(s)
}

// For checks that the grant answers this request: the certificate is for its key and for the name in the grant.
func (g *Grant) For(r *Request) error {
	cert, err := x509.ParseCertificate(g.Cert)
	if err != nil {
		return malformed("certificate: %v", err)
	}
	if !r.PublicKey().Equal(cert.PublicKey) {
		return malformed("the certificate is for another key")
	}
	if cert.Subject.CommonName != g.Device {
		return malformed("the certificate is for %.80q, the grant for %.80q", cert.Subject.CommonName, g.Device)
	}
	return nil
}
