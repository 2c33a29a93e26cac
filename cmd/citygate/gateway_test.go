package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"citygate/internal/qrcode"
	"citygate/sync/outbox"
	"citygate/trust/cache"
	"citygate/trust/code"
	"citygate/trust/ledger"
	"citygate/trust/ledger/ledgertest"
)

const testHost = "ID.SJZ.EXAMPLE"

// office is a nation with one registry, and the texts of some of its codes.
type office struct {
	*ledgertest.Nation
	text map[string]string
}

func newOffice(t *testing.T) *office {
	t.Helper()
	o := &office{Nation: ledgertest.NewNation(), text: map[string]string{"foreign": "https://shop.example/", "malformed": "HTTPS://ID.SJZ.EXAMPLE/156.1301.01/LAMP.1#" + strings.Repeat("1", 230)}}
	o.Time = time.Now().UTC().Truncate(time.Second)
	r := o.AddRegistry("MA.156.1301", "sjz")
	issuer := o.AddIssuer(r, testHost)
	bodies, index := map[string][]byte{}, map[string]uint64{}
	add := func(name string, c code.Claims) {
		body, err := code.EncodeBody(false, c)
		if err != nil {
			t.Fatal(err)
		}
		bodies[name], index[name] = body, r.Records.Append(code.EntryOf(body))
	}
	add("valid", code.Claims{Nodes: "156.1301.01", Object: "LAMP.000421", Kind: code.KindStreetAsset})
	add("revoked", code.Claims{Nodes: "156.1301.01", Object: "LAMP.000422", Kind: code.KindStreetAsset})
	add("expired", code.Claims{Nodes: "156.1301.01", Object: "LAMP.000423", Kind: code.KindStreetAsset, NotAfter: o.Time.Unix() - 60})
	add("elsewhere", code.Claims{Nodes: "156.1301.01", Object: "LAMP.000424", Kind: code.KindStreetAsset, Places: []string{"MA.156.1302"}})
	r.Records.Pad()
	o.SetStatus(r, index["revoked"], ledger.Revoked)
	for name, body := range bodies {
		c := code.Code{Key: issuer.Index, Body: body, Index: index[name], Path: r.Records.Path(index[name])}
		text, err := code.Text(testHost, c)
		if err != nil {
			t.Fatal(err)
		}
		o.text[name] = text
		if name == "valid" {
			o.text["mismatch"] = strings.Replace(text, "LAMP.000421", "LAMP.000429", 1)
			c.Index += 1 << 20
			if o.text["pending"], err = code.Text(testHost, c); err != nil {
				t.Fatal(err)
			}
		}
	}
	return o
}

// ServeHTTP is an HTTP mirror of the office's logs.
func (o *office) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	log, path, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	res, err := ledger.ParseResource(path)
	if err != nil {
		http.NotFound(w, r)
		return
	}
	src := ledgertest.NewSource(o.Nation)
	var b []byte
	switch res.Kind {
	case ledger.ResourceCheckpoint:
		b, err = src.Checkpoint(r.Context(), log)
	case ledger.ResourceTile:
		b, err = src.Tile(r.Context(), log, res.Level, res.N, res.Width)
	case ledger.ResourceEntries:
		b, err = src.Entries(r.Context(), log, res.N, res.Width)
	default:
		err = os.ErrNotExist
	}
	if err != nil {
		http.NotFound(w, r)
		return
	}
	_, _ = w.Write(b)
}

// database writes the trust database of a gateway that has everything.
func (o *office) database(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "trust.db")
	c, err := cache.Open(path, cache.Options{Root: o.Root})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Sync(t.Context(), ledgertest.NewSource(o.Nation)); err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

// command runs a subcommand as a person does.
func runCommand(t *testing.T, stdin string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = dispatch(t.Context(), args, strings.NewReader(stdin), &out, &errs)
	return code, out.String(), errs.String()
}

func TestVerify(t *testing.T) {
	o := newOffice(t)
	db := o.database(t)
	for _, tt := range []struct {
		verdict string
		code    int
	}{
		{"valid", 0}, {"revoked", 1}, {"expired", 1}, {"mismatch", 1}, {"elsewhere", 1}, {"foreign", 1}, {"malformed", 1}, {"pending", 2},
	} {
		code, out, errs := runCommand(t, "", "verify", "--trust", db, "--place", "MA.156.1301.02", "--json", o.text[tt.verdict])
		var r struct {
			Accept  bool    `json:"accept"`
			Verdict string  `json:"verdict"`
			ID      string  `json:"id"`
			Log     string  `json:"log"`
			Index   *uint64 `json:"index"`
			Age     *int64  `json:"trust_age_s"`
			Took    float64 `json:"verify_us"`
		}
		if err := json.Unmarshal([]byte(out), &r); err != nil || errs != "" {
			t.Fatalf("%s: %q %q: %v", tt.verdict, out, errs, err)
		}
		if r.Verdict != tt.verdict || code != tt.code || r.Accept != (tt.code == 0) || r.Age == nil || r.Took <= 0 {
			t.Errorf("%s: exit %d, %s", tt.verdict, code, out)
		}
		if tt.verdict == "valid" && (r.ID != "MA.156.1301.01/LAMP.000421" || r.Log != "sjz-records" || r.Index == nil || *r.Index != 0) {
			t.Errorf("valid: %s", out)
		}
	}
	code, out, _ := runCommand(t, o.text["valid"]+"\r\n\n"+o.text["pending"]+"\n"+o.text["foreign"]+"\n"+strings.Repeat("x", 1<<20)+"\n", "verify", "--trust", db, "-")
	if lines := strings.Split(strings.TrimSpace(out), "\n"); code != 2 || len(lines) != 4 || !strings.HasPrefix(lines[0], "valid MA.156.1301.01/LAMP.000421") || lines[3] != "foreign" {
		t.Errorf("lines: exit %d\n%s", code, out)
	}
	at := o.Time.Add(-2 * time.Minute).Format(time.RFC3339)
	if code, out, _ := runCommand(t, "", "verify", o.text["expired"], "--at", at, "--trust", db); code != 0 && !strings.Contains(out, "expired") {
		t.Errorf("flags behind the text: exit %d, %s", code, out)
	}
	if code, out, _ := runCommand(t, "", "verify", "--trust", db, "--place", "MA.156.1302.01", o.text["elsewhere"]); code != 0 {
		t.Errorf("at its place: exit %d, %s", code, out)
	}
}

func TestWrongUsage(t *testing.T) {
	garbage := filepath.Join(t.TempDir(), "garbage.db")
	if err := os.WriteFile(garbage, bytes.Repeat([]byte("garbage\x00"), 4096), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{}, {"fly"}, {"verify"}, {"verify", "--trust", garbage, "x"}, {"verify", "--trust", "/none/trust.db", "x"}, {"verify", "--trust", t.TempDir(), "x"},
		{"verify", "--trust", garbage}, {"verify", "--trust", garbage, "a", "b"}, {"verify", "--trust", garbage, "--at", "noon", "a"},
		{"verify", "--trust", garbage, "--place", "here", "a"}, {"verify", "--none", "a"}, {"run"}, {"run", "--config"},
		{"run", "--config", "/none/citygate.toml"}, {"run", "--config", garbage}, {"run", "--config", garbage, "x"}, {"config", "--config", garbage},
		{"config", "x"}, {"version", "x"},
	} {
		code, out, errs := runCommand(t, "", args...)
		if code != 3 || out != "" || errs == "" || (len(args) > 0 && strings.Count(errs, "\n") != 1) {
			t.Errorf("%q: exit %d, stdout %q, stderr %q", args, code, out, errs)
		}
	}
	db := newOffice(t).database(t)
	if code, _, errs := runCommand(t, "\n \n", "verify", "--trust", db, "-"); code != 3 || errs == "" {
		t.Errorf("no line: exit %d, %q", code, errs)
	}
	for _, args := range [][]string{{"--help"}, {"run", "--help"}, {"verify", "--help"}, {"config", "--help"}, {"config"}, {"version"}} {
		if code, out, errs := runCommand(t, "", args...); code != 0 || out == "" || errs != "" {
			t.Errorf("%q: exit %d, stdout %q, stderr %q", args, code, out, errs)
		}
	}
}

// site is a folder with all that a gateway's configuration names.
type site struct {
	dir, address string
}

func newSite(t *testing.T, o *office, shown ...string) site {
	t.Helper()
	mirror := httptest.NewServer(o)
	t.Cleanup(mirror.Close)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := site{t.TempDir(), l.Addr().String()}
	l.Close()
	write := func(name string, b []byte) {
		if err := os.WriteFile(filepath.Join(s.dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for i, text := range shown {
		m, err := qrcode.Encode(text, qrcode.M)
		if err != nil {
			t.Fatal(err)
		}
		write(fmt.Sprintf("%d.png", i), m.PNG(4))
	}
	write("root.json", o.Root.Marshal())
	write("event.key", []byte(hex.EncodeToString(bytes.Repeat([]byte{7}, 32))+"\n"))
	write("citygate.toml", fmt.Appendf(nil, "device = \"k1\"\nplace = \"MA.156.1301.02\"\nroot_policy = \"root.json\"\nstate_dir = \"state\"\ncamera = %q\ncamera_loop = true\nlisten = %q\nmirrors = [%q]\n",
		filepath.Join(s.dir, "*.png"), s.address, mirror.URL))
	return s
}

// start runs the gateway until the returned function is called, which gives its exit code and what it said.
func (s site) start(t *testing.T) (stop func() (int, string)) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var mu sync.Mutex
	var errs bytes.Buffer
	done := make(chan int, 1)
	go func() {
		done <- dispatch(ctx, []string{"run", "--config", filepath.Join(s.dir, "citygate.toml")}, nil, io.Discard, writer(func(b []byte) {
			mu.Lock()
			defer mu.Unlock()
			errs.Write(b)
		}))
	}()
	return func() (int, string) {
		cancel()
		code := <-done
		mu.Lock()
		defer mu.Unlock()
		return code, errs.String()
	}
}

type writer func([]byte)

func (w writer) Write(b []byte) (int, error) { w(b); return len(b), nil }

// answers reads the page's stream until the wanted verdicts have come.
func (s site) answers(t *testing.T, want ...string) (got []string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	missing := map[string]bool{}
	for _, v := range want {
		missing[v] = true
	}
	for len(missing) > 0 {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.address+"/events", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Last-Event-ID", "0")
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			if ctx.Err() != nil {
				t.Fatalf("no answer of %v within 20 s: %v", want, err)
			}
			continue // not listening yet
		}
		event := ""
		for sc := bufio.NewScanner(res.Body); len(missing) > 0 && sc.Scan(); {
			name, value, _ := strings.Cut(sc.Text(), ": ")
			var a struct{ Verdict string }
			switch {
			case name == "event":
				event = value
			case name == "data" && event == "answer" && json.Unmarshal([]byte(value), &a) == nil:
				got = append(got, a.Verdict)
				delete(missing, a.Verdict)
			}
		}
		res.Body.Close()
		if ctx.Err() != nil {
			t.Fatalf("answers %v, want %v", got, want)
		}
	}
	return got
}

func TestRunAnswersRecordsAndEnds(t *testing.T) {
	o := newOffice(t)
	s := newSite(t, o, o.text["valid"], o.text["revoked"], o.text["foreign"])
	stop := s.start(t)
	s.answers(t, "valid", "revoked", "foreign")
	res, err := http.Get("http://" + s.address + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	metrics, err := io.ReadAll(res.Body)
	res.Body.Close()
	if err != nil || !strings.Contains(string(metrics), `citygate_trust_size{log="sjz-records"} 256`) && !strings.Contains(string(metrics), "citygate_scans_total") {
		t.Errorf("metrics: %v\n%s", err, metrics)
	}
	code, errs := stop()
	if code != 0 {
		t.Errorf("exit %d: %s", code, errs)
	}
	for _, secret := range []string{"LAMP", "shop.example"} {
		if strings.Contains(errs, secret) {
			t.Errorf("the log holds %q", secret)
		}
	}
	box, err := outbox.Open(filepath.Join(s.dir, "state", outboxFile), outbox.Options{Device: "k1"})
	if err != nil {
		t.Fatal(err)
	}
	defer box.Close()
	if st := box.Stats(t.Context()); st.Depth < 5 { // two starts, three scans at least, a stop
		t.Errorf("%d events are stored", st.Depth)
	}
	if code, out, errs := runCommand(t, "", "verify", "--trust", filepath.Join(s.dir, "state", trustFile), o.text["valid"]); code != 0 {
		t.Errorf("verify by the gateway's own database: exit %d %s%s", code, out, errs)
	}
}

func TestRunWithoutACameraServesThePage(t *testing.T) {
	o := newOffice(t)
	s := newSite(t, o) // no pictures
	stop := s.start(t)
	defer stop()
	deadline := time.Now().Add(15 * time.Second)
	for {
		res, err := http.Get("http://" + s.address + "/readyz")
		if err == nil {
			b, _ := io.ReadAll(res.Body)
			res.Body.Close()
			if res.StatusCode == http.StatusServiceUnavailable && strings.Contains(string(b), "camera-missing") {
				return
			}
			err = fmt.Errorf("%d %s", res.StatusCode, b)
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
}

func TestWrongConfigurationChangesNothing(t *testing.T) {
	o := newOffice(t)
	for name, spoil := range map[string]func(s site) error{
		"unknown key": func(s site) error { return appendTo(filepath.Join(s.dir, "citygate.toml"), "colour = 1\n") },
		"root policy": func(s site) error { return appendTo(filepath.Join(s.dir, "root.json"), "{}") },
		"no key":      func(s site) error { return os.Remove(filepath.Join(s.dir, "event.key")) },
		"open key":    func(s site) error { return os.Chmod(filepath.Join(s.dir, "event.key"), 0o644) },
		"short key":   func(s site) error { return os.WriteFile(filepath.Join(s.dir, "event.key"), []byte("abcd"), 0o600) },
		"fleet key": func(s site) error {
			return appendTo(filepath.Join(s.dir, "citygate.toml"), "brokers = [\"tcp://127.0.0.1:1\"]\nfleet_key = \"root.json\"\n")
		},
	} {
		s := newSite(t, o)
		if err := spoil(s); err != nil {
			t.Fatal(err)
		}
		code, _, errs := runCommand(t, "", "run", "--config", filepath.Join(s.dir, "citygate.toml"))
		if code != 3 || strings.Count(errs, "\n") != 1 {
			t.Errorf("%s: exit %d, %q", name, code, errs)
		}
		if _, err := os.Stat(filepath.Join(s.dir, "state")); !os.IsNotExist(err) {
			t.Errorf("%s: state_dir was made", name)
		}
	}
}

func appendTo(path, text string) error {
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = f.WriteString(text)
	return err
}
