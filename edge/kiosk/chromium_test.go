package kiosk_test

import (
	"context"
	"flag"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"citygate/edge/kiosk"
	"citygate/internal/browsertest"
)

var screens = flag.String("screens", "", "folder to write a picture of every state to")

// browser starts one headless Chromium for a test, or skips it.
func browser(t *testing.T) context.Context {
	t.Helper()
	return browsertest.Start(t, map[string]any{"enable-blink-features": "ComputedAccessibilityInfo"})
}

// open shows the page in a tab of the given size and fails the test on any error that the browser reports.
func open(t *testing.T, ctx context.Context, o kiosk.Options, w, h int64) (*kiosk.Server, context.Context) {
	t.Helper()
	s, err := kiosk.New(o)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	serving, stop := context.WithCancel(context.Background()) // until the tab is closed: the page would report the loss
	ended := make(chan error, 1)
	go func() { ended <- s.Run(serving, l) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	tab := browsertest.Tab(t, ctx, w, h)
	browsertest.FailOnErrors(t, tab)
	idle(s)
	err = chromedp.Run(tab,
		emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-reduced-motion", Value: "reduce"}}),
		chromedp.Navigate("http://"+l.Addr().String()+"/"), chromedp.WaitVisible("body.idle"))
	if err != nil {
		t.Fatal(err)
	}
	return s, tab
}

// overflow is the script that lists what does not fit: text wider than its box, or a message past its place.
const overflow = `(() => {
  const bad = [], seen = e => getComputedStyle(e).display !== 'none' && e.getBoundingClientRect().width > 0;
  if (document.documentElement.scrollWidth > innerWidth) bad.push('the page scrolls sideways');
  for (const e of document.querySelectorAll('h1,.alt,.do,.note,.facts,.ask,.ask p,.readings,.readings li,.top,.controls,.controls button,.privacy,.lens')) {
    if (!seen(e) || !e.textContent) continue;
    const r = e.getBoundingClientRect();
    if (r.left < -1 || r.right > innerWidth + 1 || r.bottom > innerHeight + 1 || e.scrollWidth > e.clientWidth + 2) bad.push(e.className || e.tagName);
  }
  const m = document.getElementById('msg'), r = m.getBoundingClientRect();
  for (const e of m.children) if (seen(e) && e.textContent && !e.classList.contains('art') && e.getBoundingClientRect().bottom > r.bottom + 2) bad.push('past the message: ' + (e.id || e.className));
  return bad.join('; ');
})()`

// fits is the script that waits until the page shows a state in a window of that size, and then lists what does not fit.
func fits(class, head string, f format) string {
	return fmt.Sprintf(`new Promise((done, fail) => {
  const end = Date.now() + 10000, look = () => {
    if (innerWidth === %d && innerHeight === %d && %s) done(%s);
    else if (Date.now() > end) fail(new Error('it shows ' + document.body.className + ' ' + document.getElementById('head').textContent));
    else setTimeout(look, 5);
  };
  look();
})`, f.w, f.h, shows(class, head), overflow)
}

// format is a size of window.
type format struct {
	name string
	w, h int64
}

// formats are the sizes of screens that the page is made for, and a telephone's, on which it must not break. For a
// test without pictures the large ones are of the same shape and smaller, which the page cannot tell apart.
func formats() []format {
	if *screens != "" {
		return []format{{"portrait", 1080, 1920}, {"landscape", 1280, 800}, {"telephone", 390, 844}}
	}
	return []format{{"portrait", 648, 1152}, {"landscape", 640, 400}, {"telephone", 390, 844}}
}

func TestEveryStateInChromium(t *testing.T) {
	ctx, looks := browser(t), readLooks(t)
	for _, lang := range []string{"zh-CN", "en"} {
		for _, theme := range []string{"day", "night"} {
			if theme == "night" && *screens == "" {
				continue // only the colours differ
			}
			s, tab := open(t, ctx, options(lang, theme), 1080, 1920)
			for _, f := range formats() {
				if err := chromedp.Run(tab, chromedp.EmulateViewport(f.w, f.h)); err != nil {
					t.Fatal(err)
				}
				for _, sc := range scenes {
					head := sc.zh
					if lang == "en" {
						head = sc.en
					}
					rest(s)
					if err := chromedp.Run(tab, skip(kiosk.HoldOther)); err != nil { // the answer before is over
						t.Fatal(err)
					}
					sc.show(s)
					var bad string
					if err := chromedp.Run(tab, chromedp.Evaluate(fits(sc.class, head, f), &bad, awaitPromise)); err != nil {
						t.Fatalf("%s %s %s: %v", f.name, lang, sc.name, err)
					}
					if bad != "" {
						t.Errorf("%s %s %s: does not fit: %s", f.name, lang, sc.name, bad)
					}
					if *screens == "" && f.name != "telephone" {
						looks.compare(t, fmt.Sprintf("%s %s %s", f.name, lang, sc.name), sketch(t, tab, f))
					}
					browsertest.SaveWindow(t, tab, *screens, fmt.Sprintf("%s-%s-%s-%s", f.name, lang, theme, sc.name))
				}
			}
			if err := chromedp.Cancel(tab); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// shows is the script that is true when the page is in a state and its headline stands there, laid out for its window.
func shows(class, head string) string {
	return fmt.Sprintf(`document.body.classList.contains(%q) && document.getElementById('head').textContent === %q`, class, head)
}

func awaitPromise(p *runtime.EvaluateParams) *runtime.EvaluateParams { return p.WithAwaitPromise(true) }

// skip lets the page believe that time has passed.
func skip(d time.Duration) chromedp.Action {
	return chromedp.Evaluate(fmt.Sprintf(`(() => {
		if (!window.realNow) { window.realNow = performance.now.bind(performance); window.skipped = 0; performance.now = () => realNow() + skipped; }
		skipped += %d; })()`, d.Milliseconds()), nil)
}

func TestPageLivesByItself(t *testing.T) {
	ctx := browser(t)
	var frozen atomic.Bool
	o := options("zh-CN", "day")
	o.Progress = func() time.Time {
		if frozen.Load() {
			return time.Now().Add(-time.Minute)
		}
		return time.Now()
	}
	s, tab := open(t, ctx, o, 1280, 800)
	run := func(what string, actions ...chromedp.Action) {
		t.Helper()
		limit, cancel := context.WithTimeout(tab, 20*time.Second)
		defer cancel()
		if err := chromedp.Run(limit, actions...); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
	}
	var text string
	all := chromedp.Evaluate(`document.body.innerText`, &text)

	s.Answer(lamp("valid", kiosk.ClassAccepted))
	run("an answer is shown", browsertest.Until(shows("accepted", "有效"), nil), all)
	if !strings.Contains(text, "LAMP.000421") || !strings.Contains(text, "石家庄市城市管理局") {
		t.Errorf("facts are not shown: %q", text)
	}
	s.Answer(bare("foreign", kiosk.ClassRefused))
	run("the next code wins at once", browsertest.Until(shows("refused", "不是城市码"), nil))
	run("still shown", skip(kiosk.HoldOther-7*time.Second), chromedp.Click("#keep"), skip(10*time.Second), browsertest.Until(shows("refused", "不是城市码"), nil))
	idle(s)
	run("cleared after the hold", skip(20*time.Second), browsertest.Until(shows("idle", "请出示二维码"), nil), all)
	if strings.Contains(text, "LAMP") || strings.Contains(text, "管理局") {
		t.Errorf("something of the last person stays: %q", text)
	}
	a := lamp("revoked", kiosk.ClassRefused)
	a.Lang = "en-GB"
	s.Answer(a)
	run("the code's own language", browsertest.Until(shows("refused", "Code withdrawn"), nil))
	idle(s)
	run("and back", skip(9*time.Second), browsertest.Until(shows("idle", "请出示二维码"), nil))
	idle(s)
	run("touched to English", chromedp.Click("#en"), browsertest.Until(shows("idle", "Show your code"), nil),
		chromedp.Click("#larger"), browsertest.Until(`document.body.classList.contains('large')`, nil))
	run("help", chromedp.Click("#help"), browsertest.Until(shows("helping", "Help"), nil), all)
	if !strings.Contains(text, "12345") {
		t.Errorf("help lacks the number: %q", text)
	}
	frozen.Store(true) // no beat any more
	run("frozen daemon", skip(4600*time.Millisecond), browsertest.Until(shows("closed", "Out of service"), nil), all)
	if !strings.Contains(text, "The reader has stopped") {
		t.Errorf("no reason: %q", text)
	}
	frozen.Store(false)
	idle(s)
	run("alive again, and back to the kiosk's language", skip(70*time.Second))
	idle(s)
	run("idle", browsertest.Until(`document.getElementById('head').textContent === '请出示二维码' || document.body.classList.contains('closed')`, nil))
	if err := chromedp.Cancel(tab); err != nil {
		t.Fatal(err)
	}
}
