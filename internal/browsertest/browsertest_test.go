package browsertest_test

import (
	"bytes"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"citygate/internal/browsertest"
)

// A page that breaks two rules, and one that breaks none.
func TestAxeFindsWhatIsWrong(t *testing.T) {
	axe := browsertest.LoadAxe(t)
	tab := browsertest.Tab(t, browsertest.Start(t, nil), 320, 200)
	for page, want := range map[string][]string{
		`<!doctype html><html lang="en"><title>t</title><p>good`:                              nil,
		`<!doctype html><html><title>t</title><p style="color:%23bbb;background:%23fff">pale`: {"html-has-lang", "color-contrast"},
	} {
		if err := chromedp.Run(tab, chromedp.Navigate(`data:text/html,`+page)); err != nil {
			t.Fatal(err)
		}
		got := axe.Violations(t, tab)
		if len(got) != len(want) {
			t.Errorf("%s: %q", page, got)
		}
		for _, rule := range want {
			if !strings.Contains(strings.Join(got, "\n"), rule+": ") {
				t.Errorf("%s: no %s in %q", page, rule, got)
			}
		}
	}
}

// A tall page in a small window: the pictures are as large as the window, and as the page.
func TestPictures(t *testing.T) {
	browser := browsertest.Start(t, nil)
	tab := browsertest.Tab(t, browser, 320, 200)
	browsertest.FailOnErrors(t, tab)
	var agent string
	err := chromedp.Run(tab, chromedp.Navigate(`data:text/html,<!doctype html><body style="margin:0;height:900px">`),
		chromedp.Evaluate(`navigator.userAgent`, &agent))
	if err != nil {
		t.Fatal(err)
	}
	t.Log(agent)
	folder := t.TempDir()
	browsertest.SaveWindow(t, tab, "", "none")
	browsertest.SaveWindow(t, tab, folder, "a/window")
	browsertest.SavePage(t, tab, folder, "page")
	files, err := os.ReadDir(folder)
	if err != nil || len(files) != 2 {
		t.Errorf("%d files, %v", len(files), err)
	}
	for name, height := range map[string]int{"a-window.png": 200, "page.png": 900} {
		raw, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil {
			t.Fatal(err)
		}
		c, err := png.DecodeConfig(bytes.NewReader(raw))
		if err != nil || c.Height != height {
			t.Errorf("%s: %d pixels high, want %d: %v", name, c.Height, height, err)
		}
	}
}
