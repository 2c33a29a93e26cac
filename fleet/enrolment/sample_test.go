package enrolment_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"net"
	"sync"
	"testing"
	"time"

	"citygate/fleet"
	"citygate/fleet/enrolment"
	"citygate/internal/pki"
	"citygate/trust/ledger/ledgertest"
)

// device has the keys of a new gateway.
type device struct {
	tls   *ecdsa.PrivateKey
	event ed25519.PrivateKey
}

func newDevice(tb testing.TB) device {
	tb.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	_, event, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	return device{key, event}
}

func (d device) request(tb testing.TB, pin enrolment.Pin) *enrolment.Request {
	tb.Helper()
	r, err := enrolment.NewRequest(pin, d.tls, d.event, "v1.2.3", "Raspberry Pi 5 Model B Rev 1.0, serial 10000000e3669edf", "kiosk-1")
	if err != nil {
		tb.Fatal(err)
	}
	return r
}

func encoded(tb testing.TB, r *enrolment.Request) []byte {
	tb.Helper()
	b, err := r.Encode()
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// grant is what a fleet with this authority gives for a request.
func grant(tb testing.TB, a *pki.Authority, r *enrolment.Request, name string) enrolment.Grant {
	tb.Helper()
	cert, err := a.Certify(name, r.PublicKey(), time.Hour)
	if err != nil {
		tb.Fatal(err)
	}
	return enrolment.Grant{
		Device: name, Place: "MA.156.1301.02", Cert: cert, CA: [][]byte{a.Cert().Raw}, Brokers: []string{"tls://broker.example:8883"},
		FleetKey: make([]byte, 32), OpsKey: make([]byte, 32), RootPolicy: ledgertest.NewNation().Root.Marshal(), Mirrors: []string{"https://ledger.example"},
	}
}

func authority(tb testing.TB) *pki.Authority {
	tb.Helper()
	a, err := pki.Open(tb.TempDir(), "test fleet", time.Now)
	if err != nil {
		tb.Fatal(err)
	}
	return a
}

// memory is a store that forgets nothing.
type memory struct {
	mu   sync.Mutex
	rows map[string]fleet.Enrolment // guarded by mu; by claim code
	full bool
}

func (m *memory) AskEnrolment(_ context.Context, e fleet.Enrolment) (fleet.Enrolment, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.full {
		return e, fleet.ErrEnrolmentsFull
	}
	if have, ok := m.rows[e.Code]; ok {
		return have, nil
	}
	e.State = fleet.EnrolmentWaiting
	m.rows[e.Code] = e
	return e, nil
}

func (m *memory) decide(code string, change func(*fleet.Enrolment)) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	e, ok := m.rows[code]
	if ok {
		change(&e)
		m.rows[code] = e
	}
	return ok
}

// endpoint is a fleet's server on this machine.
type endpoint struct {
	url   string
	pin   enrolment.Pin
	store *memory
	ca    *pki.Authority
}

// serve runs an endpoint with a certificate for host until the test ends. The pin is that of the authority.
func serve(t *testing.T, host string) *endpoint {
	t.Helper()
	a := authority(t)
	certFile, keyFile, err := a.Issue("enrol", host)
	if err != nil {
		t.Fatal(err)
	}
	return serveWith(t, a, enrolment.PinOf(a.Cert()), certFile, keyFile)
}

func serveWith(t *testing.T, a *pki.Authority, pin enrolment.Pin, certFile, keyFile string) *endpoint {
	t.Helper()
	pair, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		t.Fatal(err)
	}
	pair.Certificate = append(pair.Certificate, a.Cert().Raw)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	e := &endpoint{url: "https://" + l.Addr().String(), pin: pin, store: &memory{rows: map[string]fleet.Enrolment{}}, ca: a}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		done <- enrolment.NewServer(pin, e.store, nil).Run(ctx, l, func() (*tls.Certificate, error) { return &pair, nil })
	}()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return e
}

func (e *endpoint) client(tb testing.TB, pin enrolment.Pin, now func() time.Time) *enrolment.Client {
	tb.Helper()
	c, err := enrolment.NewClient(e.url, pin, now)
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

func parseCert(tb testing.TB, der []byte) *x509.Certificate {
	tb.Helper()
	c, err := x509.ParseCertificate(der)
	if err != nil {
		tb.Fatal(err)
	}
	return c
}
