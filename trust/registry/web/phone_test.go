package web_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"citygate/internal/browsertest"
	"citygate/trust"
	"citygate/trust/code"
)

// overflow is the script that lists what does not fit the window's width.
const overflow = `(() => {
  const bad = [];
  if (document.documentElement.scrollWidth > innerWidth) bad.push('the page scrolls sideways');
  if (document.documentElement.scrollHeight > innerHeight) bad.push('the page is ' + document.documentElement.scrollHeight + ' high');
  for (const e of document.querySelectorAll('h1,.alt,.do,.note,.facts dd,.facts dt,button,.privacy')) {
    const r = e.getBoundingClientRect();
    if (r.width > 0 && (r.left < -1 || r.right > innerWidth + 1 || e.scrollWidth > e.clientWidth + 2)) bad.push((e.className || e.id || e.tagName) + ': ' + e.textContent);
  }
  return bad.join('; ');
})()`

// cases are codes of every reason that can occur on a phone. A phone has no place, and its policy takes no fresh codes.
func cases(w *world) []struct {
	text string
	want trust.Reason
} {
	lampCode := w.code("lamp", "sjz")
	unsigned, forged, other, building := lampCode, lampCode, lampCode, w.code("building", "sjz")
	unsigned.Sig, building.Sig = nil, nil
	forged.Sig = append([]byte{forged.Sig[0] ^ 1}, forged.Sig[1:]...)
	es256 := w.code("building", "p256")
	forgedES256 := es256
	forgedES256.Sig = append([]byte{es256.Sig[0] ^ 1}, es256.Sig[1:]...)
	other.Index++
	other.Path = w.sjz.Records.Path(other.Index)
	beyond := w.code("lamp", "sjz")
	beyond.Key = 5000
	closed := lampCode
	closed.Path = nil
	plain := w.text(lampCode)
	cut := strings.LastIndexByte(plain, '#') + 1
	type row = struct {
		text string
		want trust.Reason
	}
	return []row{
		{w.presented(w.code("permit", "sjz"), time.Now()), trust.Valid}, // the first, as it lasts only seconds
		{plain, trust.Valid},
		{w.text(unsigned), trust.Valid},
		{w.text(w.code("open", "sjz")), trust.Valid},
		{w.text(w.code("ending", "sjz")), trust.Valid},
		{w.text(w.code("placed", "sjz")), trust.Valid},
		{w.text(w.code("restored", "sjz")), trust.Valid},
		{w.text(w.code("building", "sjz")), trust.Valid},
		{w.text(es256), trust.Valid},
		{w.text(forgedES256), trust.BadSignature},
		{w.presented(w.code("permit", "sjz"), time.Now().Add(-time.Minute)), trust.StalePresentation},
		{w.text(w.code("permit", "sjz")), trust.StalePresentation},
		{plain[:cut] + "12345", trust.Foreign},
		{plain[:cut] + code.EncodeDigits(append([]byte{0xC3}, make([]byte, 200)...)), trust.Unsupported},
		{plain[:len(plain)-1], trust.Malformed},
		{plain[:cut] + code.EncodeDigits(make([]byte, 200)), trust.Malformed},
		{w.text(w.code("lamp", "none")), trust.UnknownIssuer},
		{w.text(beyond), trust.UnknownIssuer},
		{w.text(w.code("lamp", "withdrawn")), trust.UnknownIssuer},
		{strings.Replace(plain, "000421", "000422", 1), trust.Mismatch},
		{strings.Replace(plain, host, "ID.OTHER.EXAMPLE", 1), trust.Mismatch},
		{w.text(w.code("lamp", "ts")), trust.WrongIssuer},
		{w.text(forged), trust.BadSignature},
		{w.text(building), trust.BadSignature},
		{w.text(other), trust.NotInLedger},
		{w.text(w.code("new", "sjz")), trust.Pending},
		{w.text(closed), trust.Pending},
		{w.text(w.code("revoked", "sjz")), trust.Revoked},
		{w.text(w.code("suspended", "sjz")), trust.Suspended},
		{w.text(w.code("expired", "sjz")), trust.Expired},
		{w.text(w.code("early", "sjz")), trust.NotYetValid},
	}
}

func (s *stage) testPhone(t *testing.T) {
	w := s.set(newWorld(t))
	phone := tab(t, s.ctx, "zh-CN")
	seen := map[trust.Reason]int{}
	visit(t, phone, "https://id.sjz.example/")
	bothLanguages(t, phone, "empty")
	for _, c := range cases(w) {
		if got := w.gateway(c.text); got != c.want {
			t.Errorf("gateway: %s, want %s", got, c.want)
		}
		open := next
		if !strings.Contains(c.text, host) || len(seen) == 0 {
			open = visit
		}
		if got := open(t, phone, address(c.text)); got != string(c.want) {
			t.Errorf("phone: %s, want %s: %.60s", got, c.want, c.text)
		}
		seen[c.want]++
		bothLanguages(t, phone, fmt.Sprintf("%s-%d", c.want, seen[c.want]))
		if !strings.Contains(c.text, host) {
			visit(t, phone, "https://id.sjz.example/")
		}
	}
	if got := next(t, phone, address(w.text(w.code("lamp", "sm2")))); got != string(trust.Unsupported) {
		t.Errorf("a signature that only gateways can check: %s", got)
	}
}

// bothLanguages looks at a page in both.
func bothLanguages(t *testing.T, phone context.Context, name string) {
	t.Helper()
	for _, lang := range []string{"en", "zh"} {
		look(t, phone, "phone-"+lang+"-"+name, fmt.Sprintf(`document.getElementById(%q).click();`, lang))
	}
}

// looks checks that a page fits a telephone, and takes its picture.
func looks(t *testing.T, phone context.Context, name string) {
	t.Helper()
	look(t, phone, name, "")
}

// look does the same after a script.
func look(t *testing.T, phone context.Context, name, script string) {
	t.Helper()
	var bad string
	run(t, phone, "looking", chromedp.Evaluate(script+overflow, &bad))
	if bad != "" {
		t.Errorf("%s: does not fit: %s", name, bad)
	}
	if *screens == "" {
		return
	}
	for _, scheme := range []string{"dark", "light"} {
		run(t, phone, scheme, emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}))
		picture(t, phone, name+"-"+scheme)
	}
}

func (s *stage) testShared(t *testing.T) {
	raw, err := os.ReadFile("../../testdata/verdicts.json")
	if err != nil {
		t.Fatal(err)
	}
	var table struct {
		Cases []struct {
			Name  string
			Want  trust.Reason
			Alarm bool
		}
	}
	if err := json.Unmarshal(raw, &table); err != nil {
		t.Fatal(err)
	}
	s.set(newWorld(t))
	page := tab(t, s.ctx, "en")
	var got []struct {
		Name   string
		Reason trust.Reason
		Alarm  bool
	}
	run(t, page, "shared cases", chromedp.Navigate("https://test.example/test/shared.html"), browsertest.Until(`typeof shared === 'function'`, nil),
		chromedp.Evaluate("shared("+string(raw)+")", &got, awaitPromise))
	if len(got) != len(table.Cases) || len(got) == 0 {
		t.Fatalf("%d verdicts on %d cases", len(got), len(table.Cases))
	}
	for i, c := range table.Cases {
		if got[i].Reason != c.Want || got[i].Alarm != c.Alarm {
			t.Errorf("%s: %s, alarm %v; want %s, %v", c.Name, got[i].Reason, got[i].Alarm, c.Want, c.Alarm)
		}
	}
}
