package kiosk_test

import (
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"citygate/edge/kiosk"
	"citygate/internal/browsertest"
)

// This file holds the page to what WCAG 2.2 AA asks of it, as far as a script can tell.

// tokens reads the colours of a scheme from the style sheet.
func tokens(t *testing.T, selector string) map[string]string {
	t.Helper()
	css, err := os.ReadFile(filepath.Join("page", "kiosk.css"))
	if err != nil {
		t.Fatal(err)
	}
	_, block, ok := strings.Cut(string(css), "\n"+selector+"{")
	if !ok {
		t.Fatalf("the style sheet has no %s", selector)
	}
	block, _, _ = strings.Cut(block, "}")
	out := map[string]string{}
	for _, m := range regexp.MustCompile(`--([a-z0-9-]+):(#[0-9A-F]{3,6})`).FindAllStringSubmatch(block, -1) {
		out[m[1]] = m[2]
	}
	return out
}

// luminance is the relative luminance of WCAG 2.2 of a colour #RGB or #RRGGBB.
func luminance(t *testing.T, hex string) float64 {
	t.Helper()
	digits := hex[1:]
	if len(digits) == 3 {
		digits = string([]byte{digits[0], digits[0], digits[1], digits[1], digits[2], digits[2]})
	}
	n, err := strconv.ParseUint(digits, 16, 32)
	if err != nil {
		t.Fatalf("%q is no colour", hex)
	}
	linear := func(v uint64) float64 {
		c := float64(v&0xFF) / 255
		if c <= 0.04045 {
			return c / 12.92
		}
		return math.Pow((c+0.055)/1.055, 2.4)
	}
	return 0.2126*linear(n>>16) + 0.7152*linear(n>>8) + 0.0722*linear(n)
}

func contrast(t *testing.T, a, b string) float64 {
	x, y := luminance(t, a), luminance(t, b)
	return (max(x, y) + 0.05) / (min(x, y) + 0.05)
}

func TestContrastOfTheTokens(t *testing.T) {
	if got := contrast(t, "#FFF", "#000000"); math.Abs(got-21) > 0.001 {
		t.Fatalf("white on black is %v", got)
	}
	day := tokens(t, ":root")
	night := map[string]string{}
	for name, value := range day {
		night[name] = value
	}
	for name, value := range tokens(t, "[data-theme=night]") {
		night[name] = value
	}
	for theme, c := range map[string]map[string]string{"day": day, "night": night} {
		c["white"] = "#FFF"
		for _, pair := range []struct {
			on, under string
			least     float64
		}{
			{"ink", "ground", 7}, {"ink", "surface", 7}, {"ink2", "ground", 7}, {"ink2", "surface", 7},
			{"ground", "ink", 7}, {"on-azurite", "azurite", 7}, {"white", "ok", 7}, {"white", "bad", 7},
			{"edge", "ground", 3}, {"edge", "surface", 3}, {"azurite", "ground", 4.5}, {"off", "ground", 4.5}, {"off", "surface", 4.5},
			{"night-ink", "wait", 4.5}, {"ok-deep", "white", 4.5}, {"bad-deep", "white", 4.5},
		} {
			if c[pair.on] == "" || c[pair.under] == "" {
				t.Fatalf("%s: a token is missing of %s on %s", theme, pair.on, pair.under)
			}
			if got := contrast(t, c[pair.on], c[pair.under]); got < pair.least {
				t.Errorf("%s: %s on %s is %.2f, less than %v", theme, pair.on, pair.under, got, pair.least)
			}
		}
	}
}

// focused is the script that names what has the focus as a screen reader does: role, name, state.
const focused = `(() => {
  const e = document.activeElement, s = getComputedStyle(e);
  const seen = e.matches(':focus-visible') && s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) >= 2;
  return [e.computedRole, e.computedName, e.ariaPressed === 'true' && '(pressed)', !seen && '(focus is not seen)'].filter(Boolean).join(' ');
})()`

// named lists what gets the focus in the order of the Tab key.
func named(t *testing.T, tab context.Context, presses int) string {
	t.Helper()
	var all []string
	for range presses {
		var one string
		if err := chromedp.Run(tab, chromedp.KeyEvent(kb.Tab), chromedp.Evaluate(focused, &one)); err != nil {
			t.Fatal(err)
		}
		all = append(all, one)
	}
	return strings.Join(all, ", ")
}

// TestPageForEveryone shares one browser.
func TestPageForEveryone(t *testing.T) {
	ctx := browser(t)
	for name, test := range map[string]func(*testing.T, context.Context){
		"keyboard order and names": keyboardOrderAndNames, "nothing moves and everything fits": nothingMovesAndEverythingFits,
		"nothing of the last person": nothingOfTheLastPerson, "spoken": spokenByTheKiosksOwnVoice,
		"sounds": soundsComeWithThePicture,
	} {
		t.Run(name, func(t *testing.T) { test(t, ctx) })
	}
}

func keyboardOrderAndNames(t *testing.T, ctx context.Context) {
	s, tab := open(t, ctx, options("en", "day"), 1080, 1920)
	if got, want := named(t, tab, 4), "button 中文, button English (pressed), button Larger, button Help"; got != want {
		t.Errorf("at rest: %s, want %s", got, want)
	}
	if err := chromedp.Run(tab, chromedp.KeyEvent(kb.Enter), browsertest.Until(shows("helping", "Help"), nil), chromedp.KeyEvent(kb.Enter),
		browsertest.Until(shows("idle", "Show your code"), nil)); err != nil {
		t.Errorf("help by the keyboard alone: %v", err)
	}
	s.Answer(lamp("valid", kiosk.ClassAccepted))
	if err := chromedp.Run(tab, chromedp.WaitVisible("body.accepted"), chromedp.Evaluate(`document.activeElement.blur()`, nil)); err != nil {
		t.Fatal(err)
	}
	var live, lang string
	err := chromedp.Run(tab, chromedp.Evaluate(`[document.getElementById('msg').getAttribute('role'), document.getElementById('msg').getAttribute('aria-live')].join()`, &live),
		chromedp.Evaluate(`[document.documentElement.lang, document.getElementById('alt').lang, document.title].join()`, &lang))
	if err != nil || live != "status,assertive" || lang != "en,zh-CN,Shijiazhuang city codes" {
		t.Errorf("%v: live region %q, languages %q", err, live, lang)
	}
	if got := named(t, tab, 4); !strings.Contains(got, "button Keep showing") || strings.Contains(got, "Help") {
		t.Errorf("beside an answer: %s", got)
	}
}

// nothingMovesAndEverythingFits looks at the page with larger text, and with text of twice the size (a browser's
// zoom of 200 % on a landscape panel), and counts what is animated for people who asked for less motion.
func nothingMovesAndEverythingFits(t *testing.T, ctx context.Context) {
	for _, lang := range []string{"zh-CN", "en"} {
		s, tab := open(t, ctx, options(lang, "day"), 1280, 800)
		for _, f := range []format{{"200 %", 640, 400}, {"portrait, 200 %", 540, 960}} {
			err := chromedp.Run(tab, emulation.SetDeviceMetricsOverride(f.w, f.h, 2, false),
				chromedp.Evaluate(`document.body.classList.contains('large') || document.getElementById('larger').click()`, nil))
			if err != nil {
				t.Fatal(err)
			}
			for _, sc := range scenes {
				head := sc.zh
				if lang == "en" {
					head = sc.en
				}
				rest(s)
				if err := chromedp.Run(tab, skip(kiosk.HoldOther)); err != nil {
					t.Fatal(err)
				}
				sc.show(s)
				var bad string
				var moving []string
				if err := chromedp.Run(tab, chromedp.Evaluate(fits(sc.class, head, f), &bad, awaitPromise),
					chromedp.Evaluate(`document.getAnimations().filter(a => new Set(a.effect.getKeyframes().map(k => k.transform + k.opacity + k.clipPath + k.translate)).size > 1).map(a => a.animationName || 'script')`, &moving)); err != nil {
					t.Fatalf("%s %s %s: %v", f.name, lang, sc.name, err)
				}
				if bad != "" {
					t.Errorf("%s %s %s, larger: does not fit: %s", f.name, lang, sc.name, bad)
				}
				if len(moving) > 0 {
					t.Errorf("%s %s: %v move though less motion was asked for", lang, sc.name, moving)
				}
			}
		}
		if err := chromedp.Cancel(tab); err != nil {
			t.Fatal(err)
		}
	}
}

// TestByAxe asks axe-core about every state: by day in Chinese on a portrait panel, by night in English on a landscape
// one, and again with larger text and more contrast.
func TestByAxe(t *testing.T) {
	axe := browsertest.LoadAxe(t)
	ctx := browser(t)
	for _, v := range []struct {
		lang, theme string
		f           format
		large       bool
	}{
		{"zh-CN", "day", format{"portrait", 1080, 1920}, false}, {"en", "night", format{"landscape", 1280, 800}, true},
	} {
		s, tab := open(t, ctx, options(v.lang, v.theme), v.f.w, v.f.h)
		if v.large {
			err := chromedp.Run(tab, emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{
				{Name: "prefers-reduced-motion", Value: "reduce"}, {Name: "prefers-contrast", Value: "more"}}))
			if err != nil {
				t.Fatal(err)
			}
		}
		for _, sc := range scenes {
			head := sc.zh
			if v.lang == "en" {
				head = sc.en
			}
			rest(s)
			if err := chromedp.Run(tab, skip(kiosk.HoldOther)); err != nil {
				t.Fatal(err)
			}
			sc.show(s)
			if err := chromedp.Run(tab, browsertest.Until(shows(sc.class, head), nil),
				chromedp.Evaluate(fmt.Sprintf(`document.body.classList.contains('large') === %v || document.getElementById('larger').click()`, v.large), nil)); err != nil {
				t.Fatal(err)
			}
			for _, wrong := range axe.Violations(t, tab) {
				t.Errorf("%s %s %s: %s", v.lang, v.theme, sc.name, wrong)
			}
		}
		if err := chromedp.Cancel(tab); err != nil {
			t.Fatal(err)
		}
	}
}

func nothingOfTheLastPerson(t *testing.T, ctx context.Context) {
	s, tab := open(t, ctx, options("zh-CN", "day"), 1280, 800)
	a := lamp("valid", kiosk.ClassAccepted)
	a.ID, a.Personal, a.Ending = "", true, "7Q2F"
	s.Answer(a)
	var during, after string
	err := chromedp.Run(tab, chromedp.WaitVisible("body.accepted"), chromedp.Evaluate(`document.documentElement.outerHTML`, &during))
	if err != nil {
		t.Fatal(err)
	}
	idle(s)
	err = chromedp.Run(tab, skip(kiosk.HoldAccepted), chromedp.WaitVisible("body.idle"), chromedp.Evaluate(`document.documentElement.outerHTML`, &after))
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{"7Q2F", "石家庄市城市管理局", "Shijiazhuang Urban Management"} {
		if strings.Contains(after, secret) {
			t.Errorf("%q stays in the document", secret)
		}
	}
	if !strings.Contains(during, "7Q2F") || !strings.Contains(during, "石家庄市城市管理局") {
		t.Error("the answer was not shown at all")
	}
}
