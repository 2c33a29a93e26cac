// Package browsertest starts a headless Chromium for the tests that look at our pages, and ends it with the test. It
// skips the test with the reason where Chromium is not installed or does not start. Only tests import this package.
//
//	browser := browsertest.Start(t, nil)
//	tab := browsertest.Tab(t, browser, 1280, 800)
//	browsertest.FailOnErrors(t, tab)
//	err := chromedp.Run(tab, chromedp.Navigate(address), chromedp.WaitVisible("body.idle"))
//	browsertest.SaveWindow(t, tab, *screens, "idle")
//
// A test's context is cancelled before its cleanups run; the browser and its tabs do not depend on it. They end in the
// cleanup, a tab before the browser, and before every server that the test started earlier: a page that is about to go
// does not see its server vanish.
package browsertest

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

const (
	pictureLimit = 20 * time.Second // for one picture
	endLimit     = 5 * time.Second  // for a browser that is asked to end
	waitLimit    = 60 * time.Second // for an expression to become true; far beyond any wait on a machine with other work
	pollInterval = 5 * time.Millisecond
)

// Start starts one Chromium with an empty profile, and gives the context that Tab takes. It does not look for updates,
// and runs without a sandbox and a GPU, as containers want it. Flags are those that one test needs besides, without the
// dashes: a value is a string, or true for a flag that has none.
func Start(tb testing.TB, flags map[string]any) context.Context {
	tb.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		tb.Skipf("the pages are not looked at: %v", err)
	}
	profile, err := os.MkdirTemp("", "browsertest-")
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = os.RemoveAll(profile) }) // a browser that had to be killed may still write there
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.UserDataDir(profile), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-quic", true))
	for name, value := range flags {
		options = append(options, chromedp.Flag(name, value))
	}
	alloc, stop := chromedp.NewExecAllocator(context.Background(), options...)
	tb.Cleanup(stop)
	browser, cancel := chromedp.NewContext(alloc)
	tb.Cleanup(cancel)
	if err := chromedp.Run(browser); err != nil {
		tb.Skipf("chromium does not start here: %v", err)
	}
	tb.Cleanup(func() { // it is asked to end, and ends its children, before it is killed
		limit, cancel := context.WithTimeout(browser, endLimit)
		defer cancel()
		_ = chromedp.Cancel(limit)
	})
	return browser
}

// Tab opens an empty tab with a window of that size, in pixels of the page.
func Tab(tb testing.TB, browser context.Context, width, height int64) context.Context {
	tb.Helper()
	tab, cancel := chromedp.NewContext(browser)
	tb.Cleanup(cancel)
	if err := chromedp.Run(tab, chromedp.EmulateViewport(width, height)); err != nil {
		tb.Fatal(err)
	}
	return tab
}

// FailOnErrors fails the test on every exception of a script in the tab, and on every error that the browser logs for
// it, but those whose text contains one of the given parts.
func FailOnErrors(tb testing.TB, tab context.Context, but ...string) {
	tb.Helper()
	chromedp.ListenTarget(tab, func(ev any) {
		switch ev := ev.(type) {
		case *runtime.EventExceptionThrown:
			tb.Errorf("a script failed: %s", ev.ExceptionDetails.Error())
		case *log.EventEntryAdded:
			if ev.Entry.Level != log.LevelError {
				return
			}
			for _, part := range but {
				if strings.Contains(ev.Entry.Text, part) {
					return
				}
			}
			tb.Errorf("the browser says: %s (%s)", ev.Entry.Text, ev.Entry.URL)
		}
	})
	if err := chromedp.Run(tab, log.Enable()); err != nil {
		tb.Fatal(err)
	}
}

// Until waits until an expression is true in the page, and stores its value in res, which may be nil. It asks from
// outside, again and again: a page that is loaded anew, a tab in the background, which paints no frame, and a script that
// is not there yet are all waited for, for a minute or to the end of the context. The error then names what the page
// said last.
//
//	chromedp.Run(tab, chromedp.Click("#again"), browsertest.Until(`document.title === 'Valid'`, nil))
func Until(expression string, res any) chromedp.Action {
	ask := fmt.Sprintf(`(() => { const v = (%s); return v ? [v] : []; })()`, expression)
	return chromedp.ActionFunc(func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, waitLimit)
		defer cancel()
		tick := time.NewTicker(pollInterval)
		defer tick.Stop()
		for {
			var answer []json.RawMessage
			err := chromedp.Evaluate(ask, &answer).Do(ctx)
			if err == nil && len(answer) == 1 {
				if res == nil {
					return nil
				}
				return json.Unmarshal(answer[0], res)
			}
			select {
			case <-ctx.Done():
				if err == nil {
					return fmt.Errorf("never true: %s: %w", expression, ctx.Err())
				}
				return fmt.Errorf("never true: %s: %w (%w)", expression, ctx.Err(), err)
			case <-tick.C:
			}
		}
	})
}

// SaveWindow writes what the tab's window shows to the file name.png in a folder that is there. It does nothing if the
// folder is "": a test gives the value of its flag. A slash in the name becomes a dash.
func SaveWindow(tb testing.TB, tab context.Context, folder, name string) {
	tb.Helper()
	var png []byte
	save(tb, tab, folder, name, &png, chromedp.CaptureScreenshot(&png))
}

// SavePage is SaveWindow for the whole page, also for what the window does not show.
func SavePage(tb testing.TB, tab context.Context, folder, name string) {
	tb.Helper()
	var png []byte
	save(tb, tab, folder, name, &png, chromedp.FullScreenshot(&png, 100)) // 100: PNG, not JPEG
}

func save(tb testing.TB, tab context.Context, folder, name string, png *[]byte, take chromedp.Action) {
	tb.Helper()
	if folder == "" {
		return
	}
	limit, cancel := context.WithTimeout(tab, pictureLimit)
	defer cancel()
	if err := chromedp.Run(limit, take); err != nil {
		tb.Fatalf("picture %s: %v", name, err)
	}
	if err := os.WriteFile(filepath.Join(folder, strings.ReplaceAll(name, "/", "-")+".png"), *png, 0o644); err != nil {
		tb.Fatal(err)
	}
}
