package kiosk_test

import (
	"flag"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"citygate/edge/kiosk"
	"citygate/internal/browsertest"
	"citygate/internal/figures"
)

var figuresFile = flag.String("figures", "", "measure the figures of the page and append them to this file as JSON lines")

// pageLimit is what the page may load, in bytes, all its files together and uncompressed.
const pageLimit = 60_000

// pageBytes loads everything that the page loads.
func pageBytes(t *testing.T) int {
	t.Helper()
	h := newServer(t, options("zh-CN", "day")).Handler()
	sum := 0
	for _, name := range []string{"/", "/kiosk.css", "/kiosk.js", "/mark.svg"} {
		w := get(h, name, nil)
		if w.Code != http.StatusOK {
			t.Fatalf("%s: %d", name, w.Code)
		}
		sum += w.Body.Len()
	}
	page := get(h, "/", nil).Body.String()
	if n := strings.Count(page, " src=") + strings.Count(page, " href="); n != 3 {
		t.Errorf("the page names %d files, not 3", n)
	}
	return sum
}

func TestPageIsSmall(t *testing.T) {
	if n := pageBytes(t); n > pageLimit {
		t.Errorf("the page loads %d bytes, more than %d", n, pageLimit)
	}
}

// TestFigures measures only where it is asked to:
//
//	go test ./edge/kiosk -run Figures -figures gateway.jsonl
func TestFigures(t *testing.T) {
	f := figures.Open(t, *figuresFile)
	p95, median := figureAnswer(t)
	f.Add(figures.Figure{Figure: "page_bytes", Value: float64(pageBytes(t)), Unit: "bytes"})
	f.Add(figures.Figure{Figure: "page_answer_ms", Value: p95, Unit: "ms", Peer: "median", PeerValue: median})
}

// figureAnswer takes the time from the call of Answer to the painted page, in milliseconds, of 100 answers, at the 95th
// percentile and in the middle.
func figureAnswer(t *testing.T) (p95, median float64) {
	s, tab := open(t, browser(t), options("zh-CN", "day"), 1080, 1920)
	var took []float64
	for i := range 100 {
		a := lamp("valid", kiosk.ClassAccepted)
		a.Seq, a.ID = uint64(i+1), fmt.Sprintf("MA.156.1301.01/LAMP.%06d", i)
		if err := chromedp.Run(tab, chromedp.Evaluate(fmt.Sprintf(`(() => {
			window.painted = 0;
			const m = new MutationObserver(() => {
				const dd = document.querySelector('#facts dd');
				if (!dd || dd.textContent !== 'LAMP.%06d') return;
				m.disconnect();
				requestAnimationFrame(() => { const c = new MessageChannel(); c.port1.onmessage = () => { painted = Date.now(); c.port1.close(); }; c.port2.postMessage(0); });
			});
			m.observe(document.getElementById('facts'), {childList: true});
		})()`, i), nil)); err != nil {
			t.Fatal(err)
		}
		begin := time.Now()
		s.Answer(a)
		var painted float64
		if err := chromedp.Run(tab, browsertest.Until(`painted`, &painted)); err != nil {
			t.Fatal(err)
		}
		took = append(took, painted-float64(begin.UnixMicro())/1000)
	}
	slices.Sort(took)
	return took[95], took[50]
}
