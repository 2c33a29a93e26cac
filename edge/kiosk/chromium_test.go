package kiosk_test

import (
	"context"
	"flag"
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"citygate/edge/kiosk"
)

var screens = flag.String("screens", "", "folder to write a picture of every state to")

// scenes are the states of the page, each with what must stand on it.
var scenes = []struct {
	name   string
	show   func(*kiosk.Server)
	zh, en string // the headline
	class  string // the body's class
}{
	{"idle", idle, "请出示二维码", "Show your code", "idle"},
	{"aiming", func(s *kiosk.Server) { s.State(kiosk.State{State: kiosk.StateAiming, Outline: seen()}) },
		"请保持不动", "Hold still", "aiming"},
	{"checking", func(s *kiosk.Server) { s.State(kiosk.State{State: kiosk.StateChecking, Outline: seen()}) },
		"正在核验", "Checking", "checking"},
	{"valid", func(s *kiosk.Server) { s.Answer(lamp("valid", kiosk.ClassAccepted)) }, "有效", "Valid", "accepted"},
	{"valid-personal", func(s *kiosk.Server) {
		a := lamp("valid", kiosk.ClassAccepted)
		a.ID, a.Personal, a.Ending = "", true, "7Q2F"
		s.Answer(a)
	}, "有效", "Valid", "accepted"},
	{"revoked", func(s *kiosk.Server) { s.Answer(lamp("revoked", kiosk.ClassRefused)) },
		"此码已作废", "Code withdrawn", "refused"},
	{"expired", func(s *kiosk.Server) { s.Answer(lamp("expired", kiosk.ClassRefused)) }, "已过期", "Expired", "refused"},
	{"not-yet-valid", func(s *kiosk.Server) { s.Answer(lamp("not-yet-valid", kiosk.ClassRefused)) },
		"尚未生效", "Not valid yet", "refused"},
	{"not-in-ledger", func(s *kiosk.Server) { s.Answer(bare("not-in-ledger", kiosk.ClassRefused)) },
		"查无此码", "Not on record", "refused"},
	{"mismatch", func(s *kiosk.Server) { s.Answer(bare("mismatch", kiosk.ClassRefused)) },
		"码内信息不符", "Details do not match", "refused"},
	{"foreign", func(s *kiosk.Server) { s.Answer(bare("foreign", kiosk.ClassRefused)) },
		"不是城市码", "Not a city code", "refused"},
	{"pending", func(s *kiosk.Server) { s.Answer(bare("pending", kiosk.ClassCannotCheck)) },
		"登记尚未同步", "Not on record yet", "cannot"},
	{"stale-trust", func(s *kiosk.Server) { s.Answer(bare("stale-trust", kiosk.ClassCannotCheck)) },
		"暂时无法核验", "Cannot check now", "cannot"},
	{"out-of-service", func(s *kiosk.Server) {
		s.State(kiosk.State{State: kiosk.StateOutOfService, Reason: "camera-missing"})
	}, "暂停服务", "Out of service", "closed"},
}

func idle(s *kiosk.Server) { s.State(kiosk.State{State: kiosk.StateIdle}) }

func seen() *[4][2]float64 {
	return &[4][2]float64{{0.61, 0.31}, {0.38, 0.29}, {0.37, 0.72}, {0.6, 0.74}}
}

func bare(reason, class string) kiosk.Answer {
	return kiosk.Answer{Epoch: 0xC17E, Seq: 7, At: time.Now(), Verdict: reason, Class: class,
		Accept: class == kiosk.ClassAccepted, Symbology: "qr"}
}

func lamp(reason, class string) kiosk.Answer {
	a := bare(reason, class)
	a.ID, a.Kind = "MA.156.1301.01/LAMP.000421", 1
	a.Issuer = map[string]string{"zh-CN": "石家庄市城市管理局", "en": "Shijiazhuang Urban Management"}
	return a
}

func options(lang, theme string) kiosk.Options {
	return kiosk.Options{
		City:    map[string]string{"zh-CN": "石家庄城市码", "en": "Shijiazhuang city codes"},
		Kiosk:   map[string]string{"zh-CN": "中山路口 3 号终端", "en": "Zhongshan Road, kiosk 3"},
		Nearest: map[string]string{"zh-CN": "建设大街 12 号\n→ 向东 180 米", "en": "12 Jianshe St\n→ 180 m east"},
		Theme:   theme, Language: lang,
	}
}

// browser starts one headless Chromium for a test, or skips it.
func browser(t *testing.T) context.Context {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("chromium is not installed: the page's states are not looked at")
	}
	alloc, stop := chromedp.NewExecAllocator(t.Context(), append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.UserDataDir(t.TempDir()),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-background-networking", true))...)
	t.Cleanup(stop)
	ctx, cancel := chromedp.NewContext(alloc)
	t.Cleanup(cancel)
	if err := chromedp.Run(ctx); err != nil {
		t.Skipf("chromium does not start here: %v", err)
	}
	return ctx
}

// open shows the page in a tab of the given size and fails the test on any error that the browser reports.
func open(t *testing.T, ctx context.Context, o kiosk.Options, w, h int64) (*kiosk.Server, context.Context) {
	t.Helper()
	s, err := kiosk.New(o)
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(s.Handler())
	tab, cancel := chromedp.NewContext(ctx)
	t.Cleanup(func() { cancel(); srv.CloseClientConnections(); srv.Close() })
	chromedp.ListenTarget(tab, func(ev any) {
		switch ev := ev.(type) {
		case *runtime.EventExceptionThrown:
			t.Errorf("the page's script failed: %s", ev.ExceptionDetails.Error())
		case *log.EventEntryAdded:
			if ev.Entry.Level == log.LevelError {
				t.Errorf("the browser says: %s (%s)", ev.Entry.Text, ev.Entry.URL)
			}
		}
	})
	idle(s)
	err = chromedp.Run(tab, log.Enable(), chromedp.EmulateViewport(w, h),
		emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-reduced-motion", Value: "reduce"}}),
		chromedp.Navigate(srv.URL), chromedp.WaitVisible("body.idle"))
	if err != nil {
		t.Fatal(err)
	}
	return s, tab
}

// overflow is the script that lists what does not fit: text wider than its box, or a message past its place.
const overflow = `(() => {
  const bad = [], seen = e => getComputedStyle(e).display !== 'none' && e.getBoundingClientRect().width > 0;
  if (document.documentElement.scrollWidth > innerWidth) bad.push('the page scrolls sideways');
  for (const e of document.querySelectorAll('h1,.alt,.do,.note,.facts,.top,.controls,.controls button,.privacy,.lens')) {
    if (!seen(e) || !e.textContent) continue;
    const r = e.getBoundingClientRect();
    if (r.left < -1 || r.right > innerWidth + 1 || r.bottom > innerHeight + 1 || e.scrollWidth > e.clientWidth + 2) bad.push(e.className || e.tagName);
  }
  const m = document.getElementById('msg'), r = m.getBoundingClientRect();
  for (const e of m.children) if (seen(e) && e.textContent && !e.classList.contains('art') && e.getBoundingClientRect().bottom > r.bottom + 2) bad.push('past the message: ' + (e.id || e.className));
  return bad.join('; ');
})()`

func TestEveryStateInChromium(t *testing.T) {
	ctx := browser(t)
	for _, format := range []struct {
		name string
		w, h int64
	}{{"portrait", 1080, 1920}, {"landscape", 1280, 800}, {"telephone", 390, 844}} {
		for _, lang := range []string{"zh-CN", "en"} {
			for _, theme := range []string{"day", "night"} {
				if theme == "night" && *screens == "" {
					continue // only the colours differ
				}
				s, tab := open(t, ctx, options(lang, theme), format.w, format.h)
				for _, sc := range scenes {
					head := sc.zh
					if lang == "en" {
						head = sc.en
					}
					sc.show(s)
					var got, bad string
					err := chromedp.Run(tab, chromedp.WaitVisible("body."+sc.class),
						chromedp.Poll(fmt.Sprintf(`document.getElementById('head').textContent === %q`, head), nil),
						chromedp.Text("#head", &got), chromedp.Evaluate(overflow, &bad))
					if err != nil {
						t.Fatalf("%s %s %s: %v", format.name, lang, sc.name, err)
					}
					if bad != "" {
						t.Errorf("%s %s %s: does not fit: %s", format.name, lang, sc.name, bad)
					}
					picture(t, tab, fmt.Sprintf("%s-%s-%s-%s.png", format.name, lang, theme, sc.name))
				}
				if err := chromedp.Cancel(tab); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
}

func picture(t *testing.T, tab context.Context, name string) {
	t.Helper()
	if *screens == "" {
		return
	}
	var png []byte
	if err := chromedp.Run(tab, chromedp.CaptureScreenshot(&png)); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(*screens, strings.ReplaceAll(name, "/", "-")), png, 0o644); err != nil {
		t.Fatal(err)
	}
}
