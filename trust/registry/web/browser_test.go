package web_test

import (
	"context"
	"flag"
	"fmt"
	"io"
	stdlog "log"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/cdproto/storage"
	"github.com/chromedp/chromedp"

	"citygate/internal/browsertest"
	"citygate/trust/registry/web"
)

var screens = flag.String("screens", "", "folder to write pictures of the pages to")

// stage is one browser, and one host for it that serves the pages before the mirror of one world after the other.
type stage struct {
	ctx   context.Context
	down  atomic.Bool // the whole host answers 503
	world atomic.Pointer[world]
}

// ServeHTTP is everything that the pages do not serve themselves.
func (s *stage) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	if name, ok := strings.CutPrefix(r.URL.Path, "/test/"); ok {
		rw.Header().Set("Content-Security-Policy", web.Policy)
		http.ServeFile(rw, r, "testdata/"+name)
		return
	}
	s.world.Load().mirror(rw, r)
}

// TestInChromium runs every test that needs a browser in the same one: starting it takes longer than most of them.
func TestInChromium(t *testing.T) {
	s := &stage{}
	pages, err := web.New(web.Options{}, s)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if s.down.Load() {
			http.Error(rw, "down", http.StatusServiceUnavailable)
			return
		}
		pages.ServeHTTP(rw, r)
	}))
	server.Config.ErrorLog = stdlog.New(io.Discard, "", 0) // the browser tries http first
	server.StartTLS()
	t.Cleanup(server.Close)
	s.ctx = browser(t, server.Listener.Addr().String())
	t.Run("phone says what the gateway says", s.testPhone)
	t.Run("shared cases", s.testShared)
	t.Run("hostile mirrors", s.testHostile)
	t.Run("rotation", s.testRotation)
	t.Run("history", s.testHistory)
	t.Run("holder", s.testHolder)
	t.Run("record", s.testRecord)
	t.Run("agreement", s.testAgreement)
	t.Run("words", s.testWords)
	t.Run("fold", s.testFold)
	t.Run("statuses", s.testStatuses)
	t.Run("snapshot", s.testSnapshot)
}

// set makes a world the one that is served.
func (s *stage) set(w *world) *world {
	s.world.Store(w)
	return w
}

// browser starts one headless Chromium that takes one server for every host, or skips the test.
func browser(t *testing.T, server string) context.Context {
	t.Helper()
	return browsertest.Start(t, map[string]any{"host-resolver-rules": "MAP * " + server, "ignore-certificate-errors": true})
}

// tab opens a telephone's window in which every error of a script fails the test.
func tab(t *testing.T, ctx context.Context, lang string) context.Context {
	t.Helper()
	c := browsertest.Tab(t, ctx, 390, 844)
	browsertest.FailOnErrors(t, c, "the server responded with a status of")
	err := chromedp.Run(c, storage.ClearDataForOrigin("https://id.sjz.example", "all"), emulation.SetLocaleOverride().WithLocale(lang),
		emulation.SetUserAgentOverride("citygate test").WithAcceptLanguage(lang),
		emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-reduced-motion", Value: "reduce"}}))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func awaitPromise(p *runtime.EvaluateParams) *runtime.EvaluateParams { return p.WithAwaitPromise(true) }

// run runs actions within a limit.
func run(t *testing.T, tab context.Context, what string, actions ...chromedp.Action) {
	t.Helper()
	ctx, cancel := context.WithTimeout(tab, time.Minute)
	defer cancel()
	if err := chromedp.Run(ctx, actions...); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

const answered = `document.documentElement.dataset.reason ? true : false`

// visit opens an address as a scan does, and gives the word that the page says.
func visit(t *testing.T, tab context.Context, address string) string {
	t.Helper()
	var reason string
	run(t, tab, address, chromedp.Navigate("about:blank"), chromedp.Navigate(address), browsertest.Until(answered, nil),
		chromedp.Evaluate(`document.documentElement.dataset.reason`, &reason))
	return reason
}

// next is visit without loading the page anew: the phone's next scan of the same host.
func next(t *testing.T, tab context.Context, address string) string {
	t.Helper()
	var reason string
	run(t, tab, address, chromedp.Evaluate(fmt.Sprintf(`new Promise((done, fail) => {
  history.replaceState(null, '', %q);
  const root = document.documentElement, limit = setTimeout(() => fail(new Error('no answer')), 45000);
  root.dataset.reason = '';
  new MutationObserver((_, seen) => {
    if (!root.dataset.reason) return;
    seen.disconnect();
    clearTimeout(limit);
    done(root.dataset.reason);
  }).observe(root, {attributeFilter: ['data-reason']});
  dispatchEvent(new HashChangeEvent('hashchange'));
})`, address), &reason, awaitPromise))
	return reason
}

func picture(t *testing.T, tab context.Context, name string) {
	t.Helper()
	browsertest.SavePage(t, tab, *screens, name)
}
