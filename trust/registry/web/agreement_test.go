package web_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"filippo.io/mldsa"
	"github.com/chromedp/chromedp"

	"citygate/internal/browsertest"
	"citygate/trust"
	"citygate/trust/code"
	"citygate/trust/ledger"
)

// This file holds the page's readers to Go's: on thousands of mangled inputs both read, or refuse, the same.

// testPage opens the page of tests, which has the pages' modules.
func (s *stage) testPage(t *testing.T) context.Context {
	s.set(newWorld(t))
	page := tab(t, s.ctx, "en")
	run(t, page, "page", chromedp.Navigate("https://test.example/test/shared.html"), browsertest.Until(`typeof readAll === 'function'`, nil))
	return page
}

// agree compares what the page makes of inputs with what want makes of them.
func agree(t *testing.T, page context.Context, reader string, inputs []string, more any, want func(string) string) {
	t.Helper()
	in, err := json.Marshal([]any{reader, inputs, more})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	run(t, page, reader, chromedp.Evaluate(fmt.Sprintf("readAll(...%s)", in), &got, awaitPromise))
	if len(got) != len(inputs) {
		t.Fatalf("%s: %d answers on %d inputs", reader, len(got), len(inputs))
	}
	seen, wrong := map[string]int{}, 0
	for i, s := range inputs {
		w := want(s)
		seen[w]++
		if got[i] != w {
			if wrong++; wrong < 5 {
				t.Errorf("%s: page %s, Go %s: %.200s", reader, got[i], w, s)
			}
		}
	}
	t.Logf("%s: %v, %d differ", reader, seen, wrong)
	if len(seen) < 2 {
		t.Errorf("%s: all %d inputs are alike", reader, len(inputs))
	}
}

// mangled gives b itself, b cut off everywhere, with each bit changed, and with octets that mean something in CBOR put in.
func mangled(b []byte, most int) [][]byte {
	r := rand.New(rand.NewPCG(1, uint64(len(b))))
	out := [][]byte{b, append(bytes.Clone(b), 0)}
	for range most / 3 {
		i := r.IntN(len(b))
		flipped, put := bytes.Clone(b), bytes.Clone(b)
		flipped[i] ^= 1 << r.IntN(8)
		put[i] = []byte{0, 1, 0x18, 0x40, 0x5f, 0x80, 0x9f, 0xa0, 0xc0, 0xf6, 0xff, 0x0a, '\n', ' ', '+', '='}[r.IntN(16)]
		out = append(out, flipped, put, b[:i])
	}
	return out
}

func texts(list [][]byte) []string {
	out := []string{}
	for _, b := range list {
		out = append(out, base64.StdEncoding.EncodeToString(b))
	}
	return out
}

func octets(s string) []byte {
	b, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		panic(err)
	}
	return b
}

// testAgreement mangles everything that the page reads.
func (s *stage) testAgreement(t *testing.T) {
	page := s.testPage(t)
	w := s.world.Load()
	agree(t, page, "text", w.mangledTexts(t), nil, readText)
	var entries, statuses []string
	for i := range w.Directory.Size() {
		entries = append(entries, texts(mangled(w.Directory.Entry(i), 300))...)
	}
	agree(t, page, "entry", entries, nil, func(s string) string {
		e, err := ledger.ParseDirectoryEntry(0, octets(s))
		if err != nil {
			return "refused"
		}
		return fmt.Sprint(e.Kind)
	})
	policy := w.Root.Directory
	agree(t, page, "note", texts(mangled(w.Directory.Checkpoint(w.Time), 600)), policy, func(s string) string {
		cp, err := policy.Open(octets(s))
		if err != nil {
			return "refused"
		}
		return fmt.Sprintf("%d %d", cp.Size, cp.Time.Unix())
	})
	agree(t, page, "policy", w.policies(), nil, func(s string) string {
		var p ledger.LogPolicy
		if err := json.Unmarshal([]byte(s), &p); err != nil || p.Validate() != nil {
			return "refused"
		}
		return "read"
	})
	for action := range 6 {
		if raw, err := (ledger.StatusEntry{Index: 300, Status: ledger.Status(action), Time: 1782900000}).Encode(); err == nil {
			statuses = append(statuses, texts(mangled(raw, 150))...)
		}
	}
	agree(t, page, "status", statuses, nil, func(s string) string {
		var set *ledger.StatusSet
		return set.With([][]byte{octets(s)}).Of(300).String()
	})
}

// mangledTexts mangles codes below their digits, and the texts themselves.
func (w *world) mangledTexts(t *testing.T) []string {
	var in []string
	for _, text := range []string{w.text(w.code("lamp", "sjz")), w.text(w.code("placed", "sjz")), w.presented(w.code("permit", "sjz"), time.Now())} {
		head, digits, _ := strings.Cut(text, "#")
		raw, err := code.DecodeDigits(digits)
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range mangled(raw, 1500) {
			in = append(in, head+"#"+code.EncodeDigits(b))
		}
		for _, b := range mangled([]byte(text), 900) {
			if !slices.ContainsFunc(b, func(c byte) bool { return c > 127 }) { // no address has other characters
				in = append(in, string(b))
			}
		}
	}
	return in
}

func readText(s string) string {
	_, err := code.ParseText(s)
	switch {
	case errors.Is(err, code.ErrForeign):
		return "foreign"
	case errors.Is(err, code.ErrUnsupported):
		return "unsupported"
	case err != nil:
		return "malformed"
	}
	return "read"
}

// policies are policies of logs whose keys are mangled, one of them for ML-DSA-44, and with more and other keys than there should be.
func (w *world) policies() []string {
	private, err := mldsa.GenerateKey(mldsa.MLDSA44())
	if err != nil {
		w.t.Fatal(err)
	}
	raw := append([]byte{6}, private.PublicKey().Bytes()...)
	id := sha256.Sum256(append([]byte("witness-m.example\n"), raw...))
	large := fmt.Sprintf("witness-m.example+%x+%s", id[:4], base64.StdEncoding.EncodeToString(raw))
	good := w.Root.Directory
	good.Witnesses = append(slices.Clone(good.Witnesses), large)
	var out []string
	add := func(change func(p *ledger.LogPolicy)) {
		p := good
		p.LogKeys, p.Witnesses = slices.Clone(good.LogKeys), slices.Clone(good.Witnesses)
		change(&p)
		b, err := json.Marshal(p)
		if err != nil {
			w.t.Fatal(err)
		}
		out = append(out, string(b))
	}
	for n := -1; n < 6; n++ {
		add(func(p *ledger.LogPolicy) { p.Quorum = n })
	}
	for i := range good.Witnesses {
		for _, b := range mangled([]byte(good.Witnesses[i]), 120) {
			add(func(p *ledger.LogPolicy) { p.Witnesses[i] = strings.ToValidUTF8(string(b), "?") })
		}
	}
	for _, b := range mangled([]byte(good.LogKeys[0]), 120) {
		add(func(p *ledger.LogPolicy) { p.LogKeys[0] = strings.ToValidUTF8(string(b), "?") })
	}
	add(func(p *ledger.LogPolicy) { p.LogKeys = nil })
	add(func(p *ledger.LogPolicy) { p.Witnesses = append(p.Witnesses, p.Witnesses[0]) })
	add(func(p *ledger.LogPolicy) { p.Witnesses = append(p.Witnesses, p.LogKeys[0]) })
	add(func(p *ledger.LogPolicy) { p.LogKeys = append(p.LogKeys, p.Witnesses[0]) })
	add(func(p *ledger.LogPolicy) { p.Origin += "x" })
	return out
}

// testWords: the page has words for every reason that Check gives, in the same class, and the policies of package trust.
func (s *stage) testWords(t *testing.T) {
	page := s.testPage(t)
	var got struct {
		Reasons  map[trust.Reason][]string
		Classes  map[trust.Reason]string
		Policies []struct {
			NeedSignature bool
			MaxAge        int64
		}
	}
	run(t, page, "words", chromedp.Evaluate("words()", &got))
	later := []trust.Reason{trust.Closed, trust.TooSoon, trust.Replayed}
	for _, r := range trust.Reasons() {
		if slices.Contains(later, r) {
			continue
		}
		if len(got.Reasons[r]) != 4 || slices.Contains(got.Reasons[r], "") || got.Classes[r] != r.Class().String() {
			t.Errorf("%s: words %q, class %s", r, got.Reasons[r], got.Classes[r])
		}
	}
	if want := len(trust.Reasons()) - len(later); len(got.Reasons) != want {
		t.Errorf("words for %d reasons, want %d", len(got.Reasons), want)
	}
	for kind, p := range got.Policies {
		want := trust.DefaultPolicy().For(uint64(kind))
		if p.NeedSignature != want.NeedSignature || p.MaxAge != want.MaxAge.Milliseconds() {
			t.Errorf("kind %d: %+v, want %+v", kind, p, want)
		}
	}
}
