package main

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"citygate/internal/browsertest"
)

// TestPageOutlivesTheDaemon kills a real gateway under its page: the page says "out of service" within 5 s, and comes
// back by itself when the gateway does.
func TestPageOutlivesTheDaemon(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	s := newSite(t, o, o.text["valid"])
	tab := browser(t, nil)
	first := s.spawn(t)
	first.ready(t)
	wait := func(what, class string) {
		t.Helper()
		ctx, cancel := context.WithTimeout(tab, 20*time.Second)
		defer cancel()
		if err := chromedp.Run(ctx, browsertest.Until(fmt.Sprintf(`document.body.classList.contains(%q)`, class), nil)); err != nil {
			var now string
			_ = chromedp.Run(tab, chromedp.Evaluate(`document.body.className + ': ' + document.body.innerText`, &now))
			t.Fatalf("%s: %v; it shows %s", what, err, now)
		}
	}
	// The script notes when the page says that it is out of service, by the browser's own clock.
	if err := chromedp.Run(tab, chromedp.Navigate("http://"+s.address+"/"), browsertest.Until(`!document.body.classList.contains('closed')`, nil),
		chromedp.Evaluate(`new MutationObserver(() => { if (document.body.classList.contains('closed')) window.closedAt ||= Date.now(); })
			.observe(document.body, {attributes: true}), 0`, nil)); err != nil {
		t.Fatal(err)
	}
	wait("a code is answered", "accepted")
	first.kill(t)
	killed := time.Now()
	var closed float64
	var text string
	wait("the daemon is gone", "closed")
	if err := chromedp.Run(tab, chromedp.Evaluate(`closedAt`, &closed), chromedp.Evaluate(`document.body.innerHTML`, &text)); err != nil {
		t.Fatal(err)
	}
	if took := closed - float64(killed.UnixMilli()); took > 5000 {
		t.Errorf("the page took %.0f ms to say that it is out of service", took)
	}
	if strings.Contains(text, "LAMP.000421") {
		t.Error("the last person's code still stands in the document")
	}
	second := s.spawn(t)
	wait("the daemon is back, and the code is still held", "accepted")
	second.end(t)
}
