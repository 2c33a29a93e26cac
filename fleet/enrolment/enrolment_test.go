package enrolment_test

import (
	"bytes"
	"crypto/x509"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"citygate/fleet"
	"citygate/fleet/enrolment"
)

// A device asks, waits, is refused, and is granted after all; each answer stays the same however often it asks.
func TestFromRequestToGrant(t *testing.T) {
	e := serve(t, "127.0.0.1")
	c, r := e.client(t, e.pin, time.Now), newDevice(t).request(t, e.pin)
	text, code := encoded(t, r), r.Identity(e.pin).Code()
	ask := func(want string) enrolment.Answer {
		t.Helper()
		a, err := c.Ask(t.Context(), text)
		if err != nil || a.State != want {
			t.Fatalf("%+v, %v; want %s", a, err, want)
		}
		return a
	}
	ask(enrolment.Waiting)
	ask(enrolment.Waiting)
	e.store.decide(code, func(row *fleet.Enrolment) { row.State, row.Reason = fleet.EnrolmentRefused, "not ordered" })
	if a := ask(enrolment.Refused); a.Reason != "not ordered" {
		t.Errorf("reason %q", a.Reason)
	}
	g, err := grant(t, e.ca, r, "k-1").Encode()
	if err != nil {
		t.Fatal(err)
	}
	e.store.decide(code, func(row *fleet.Enrolment) { row.State, row.Grant = fleet.EnrolmentGranted, g })
	got, err := enrolment.ParseGrant(ask(enrolment.Granted).Grant)
	if err != nil {
		t.Fatal(err)
	}
	if err := got.For(r); err != nil {
		t.Error(err)
	}
	if err := got.For(newDevice(t).request(t, e.pin)); err == nil {
		t.Error("another device's grant is taken")
	}
	pool := x509.NewCertPool()
	pool.AddCert(parseCert(t, got.CA[0]))
	if _, err := parseCert(t, got.Cert).Verify(x509.VerifyOptions{Roots: pool, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}); err != nil {
		t.Errorf("the certificate: %v", err)
	}
	e.store.full = true
	if _, err := c.Ask(t.Context(), text); err == nil || !strings.Contains(err.Error(), "429") {
		t.Errorf("a full store: %v", err)
	}
}

// A man in the middle has every certificate but the pinned one. The device does not even tell him its request; and a
// device of his own, whatever it says about itself, has another claim code.
func TestManInTheMiddle(t *testing.T) {
	ours := serve(t, "127.0.0.1")
	his := serve(t, "127.0.0.1")
	r := newDevice(t).request(t, ours.pin)
	if _, err := his.client(t, ours.pin, time.Now).Ask(t.Context(), encoded(t, r)); !errors.Is(err, enrolment.ErrPin) {
		t.Fatalf("his server: %v", err)
	}
	if len(his.store.rows) != 0 {
		t.Error("his server has seen the request")
	}
	// He appends our authority's certificate, which is public, to his own chain.
	certFile, keyFile, err := his.ca.Issue("enrol", "127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	forged := serveWith(t, ours.ca, ours.pin, certFile, keyFile)
	if _, err := forged.client(t, ours.pin, time.Now).Ask(t.Context(), encoded(t, r)); !errors.Is(err, enrolment.ErrPin) {
		t.Fatalf("his server with our certificate in the chain: %v", err)
	}
	// A server of ours that is another one.
	other := serve(t, "other.example")
	if _, err := other.client(t, other.pin, time.Now).Ask(t.Context(), encoded(t, newDevice(t).request(t, other.pin))); !errors.Is(err, enrolment.ErrPin) {
		t.Fatalf("a certificate for another host: %v", err)
	}
	// A request for his fleet is none for ours.
	if _, err := ours.client(t, ours.pin, time.Now).Ask(t.Context(), encoded(t, newDevice(t).request(t, his.pin))); err == nil || !strings.Contains(err.Error(), "another fleet") {
		t.Errorf("a request for another fleet: %v", err)
	}
	d := newDevice(t)
	if a, b := d.request(t, ours.pin).Identity(ours.pin), d.request(t, his.pin).Identity(his.pin); a == b {
		t.Error("one device has one claim code at two fleets")
	}
	if a, b := d.request(t, ours.pin), d.request(t, ours.pin); a.Identity(ours.pin) != b.Identity(ours.pin) {
		t.Error("one device has two claim codes")
	}
}

// A first boot without a battery: the clock says 1970, or is years ahead.
func TestClockOfAFirstBoot(t *testing.T) {
	e := serve(t, "127.0.0.1")
	text := encoded(t, newDevice(t).request(t, e.pin))
	if _, err := e.client(t, e.pin, func() time.Time { return time.Unix(0, 0) }).Ask(t.Context(), text); err != nil {
		t.Errorf("a clock that is behind: %v", err)
	}
	if _, err := e.client(t, e.pin, func() time.Time { return time.Now().AddDate(20, 0, 0) }).Ask(t.Context(), text); err == nil {
		t.Error("certificates that have ended by the device's clock are believed")
	}
}

func TestServerRefuses(t *testing.T) {
	pin := enrolment.PinOf(authority(t).Cert())
	s := enrolment.NewServer(pin, &memory{rows: map[string]fleet.Enrolment{}}, nil)
	good := encoded(t, newDevice(t).request(t, pin))
	for _, c := range []struct {
		name, method, path string
		body               []byte
		want               int
	}{
		{"good", "POST", enrolment.Path, good, 200},
		{"get", "GET", enrolment.Path, nil, 405},
		{"elsewhere", "POST", "/", good, 404},
		{"nothing", "POST", enrolment.Path, nil, 400},
		{"too large", "POST", enrolment.Path, make([]byte, enrolment.MaxRequest+1), 400},
		{"cut", "POST", enrolment.Path, good[:len(good)-1], 400},
	} {
		w := httptest.NewRecorder()
		s.ServeHTTP(w, httptest.NewRequest(c.method, c.path, bytes.NewReader(c.body)))
		if w.Code != c.want {
			t.Errorf("%s: %d %s, want %d", c.name, w.Code, w.Body, c.want)
		}
		if w.Code == http.StatusOK && w.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("%s may be cached", c.name)
		}
	}
}

func TestNewClientRefuses(t *testing.T) {
	for _, url := range []string{"", "fleet.example", "http://fleet.example", "https://u:p@fleet.example", "https://fleet.example/?x=1", "https://"} {
		if _, err := enrolment.NewClient(url, enrolment.Pin{}, time.Now); err == nil {
			t.Errorf("%q was taken", url)
		}
	}
}

func TestClaimCodeAsTyped(t *testing.T) {
	id := enrolment.IdentityOf(enrolment.Pin{1}, []byte("spki"), []byte("key"))
	code := id.Code()
	for _, typed := range []string{code, strings.ToLower(code), strings.ReplaceAll(code, "-", ""), " " + strings.ReplaceAll(code, "-", " ") + " ",
		strings.ReplaceAll(code, "0", "o"), strings.ReplaceAll(code, "1", "l")} {
		if got, err := enrolment.ParseCode(typed); err != nil || got != code {
			t.Errorf("%q is read as %q, %v; want %q", typed, got, err, code)
		}
	}
	for _, typed := range []string{"", code[:len(code)-1], code + "0", "UUUU-UUUU-UUUU-UUUU", "7Q2F"} {
		if got, err := enrolment.ParseCode(typed); err == nil {
			t.Errorf("%q is read as %q", typed, got)
		}
	}
	pin := enrolment.Pin{1, 2, 3}
	if got, err := enrolment.ParsePin(pin.String()); err != nil || got != pin {
		t.Errorf("%s is read as %v, %v", pin, got, err)
	}
	for _, text := range []string{"", "sha256//", strings.TrimPrefix(pin.String(), "sha256//"), pin.String() + "=", "sha256//" + strings.Repeat("A", 42) + "B="} {
		if _, err := enrolment.ParsePin(text); err == nil {
			t.Errorf("pin %q was taken", text)
		}
	}
}

func TestGrantRefuses(t *testing.T) {
	a := authority(t)
	r := newDevice(t).request(t, enrolment.PinOf(a.Cert()))
	for name, spoil := range map[string]func(*enrolment.Grant){
		"name":       func(g *enrolment.Grant) { g.Device = "K 1" },
		"place":      func(g *enrolment.Grant) { g.Place = "Zhongshan Road" },
		"no broker":  func(g *enrolment.Grant) { g.Brokers = nil },
		"plain":      func(g *enrolment.Grant) { g.Brokers = []string{"tcp://broker.example:1883"} },
		"password":   func(g *enrolment.Grant) { g.Brokers = []string{"tls://u:p@broker.example:8883"} },
		"mirror":     func(g *enrolment.Grant) { g.Mirrors = []string{"/srv/ledger"} },
		"key":        func(g *enrolment.Grant) { g.FleetKey = nil },
		"ops key":    func(g *enrolment.Grant) { g.OpsKey = []byte{1} },
		"cert":       func(g *enrolment.Grant) { g.Cert = []byte("x") },
		"authority":  func(g *enrolment.Grant) { g.CA = nil },
		"no policy":  func(g *enrolment.Grant) { g.RootPolicy = nil },
		"bad policy": func(g *enrolment.Grant) { g.RootPolicy = []byte("{}") },
	} {
		g := grant(t, a, r, "k-1")
		if _, err := g.Encode(); err != nil {
			t.Fatal(err)
		}
		spoil(&g)
		if _, err := g.Encode(); !errors.Is(err, enrolment.ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	g := grant(t, a, r, "k-1")
	g.Device = "k-2"
	if err := g.For(r); err == nil {
		t.Error("a grant for a name that is not the certificate's is taken")
	}
}
