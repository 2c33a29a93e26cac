package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/chromedp/chromedp"

	"citygate/edge/config"
	"citygate/internal/browsertest"
)

// The page of a new device: every state fits on both screens, and it makes room for the citizen's page by itself.
func TestEnrolPage(t *testing.T) {
	t.Parallel()
	p := newEnrolPage(config.Default(), "https://fleet.shijiazhuang.example:8491")
	h, err := p.handler()
	if err != nil {
		t.Fatal(err)
	}
	const code = "7Q2F-0KXM-9D3T-H51B"
	p.set(enrolState{State: enrolAsking, Code: code})
	var gateway atomic.Bool
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !gateway.Load() {
			h.ServeHTTP(w, r)
		} else if r.URL.Path == "/" {
			fmt.Fprint(w, "<title>gateway</title>")
		} else {
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(srv.Close)
	b := browsertest.Start(t, nil)
	for name, size := range map[string][2]int64{"portrait": {1080, 1920}, "landscape": {1280, 800}} {
		gateway.Store(false)
		tab := browsertest.Tab(t, b, size[0], size[1])
		browsertest.FailOnErrors(t, tab, "404")
		if err := chromedp.Run(tab, chromedp.Navigate(srv.URL)); err != nil {
			t.Fatal(err)
		}
		for _, st := range []enrolState{
			{State: enrolAsking, Code: code},
			{State: "waiting", Code: code},
			{State: enrolUnreached, Code: code, Reason: "ask the fleet: dial tcp 203.0.113.17:8491: connect: connection refused"},
			{State: "refused", Code: code, Reason: "not ordered for this district: call 0311-5550 0142"},
			{State: "granted", Code: code},
		} {
			p.set(st)
			var over bool
			err := chromedp.Run(tab, browsertest.Until(fmt.Sprintf(`document.getElementById('status').dataset.state === %q && document.getElementById('reason').textContent === %q`, st.State, st.Reason), nil),
				chromedp.Evaluate(`document.documentElement.scrollWidth > innerWidth || [...document.querySelectorAll('main,.code,#status,footer')].some(e => {
					const r = e.getBoundingClientRect(); return r.right > innerWidth + 1 || r.bottom > innerHeight + 1 || e.scrollWidth > e.clientWidth + 1 }) ||
					document.querySelector('main').getBoundingClientRect().bottom > document.querySelector('footer').getBoundingClientRect().top + 1`, &over))
			if err != nil {
				t.Fatalf("%s, %s: %v", name, st.State, err)
			}
			if over {
				t.Errorf("%s, %s: something does not fit", name, st.State)
			}
			browsertest.SaveWindow(t, tab, *screens, name+"-"+st.State)
		}
		gateway.Store(true)
		if err := chromedp.Run(tab, browsertest.Until(`document.title === 'gateway'`, nil)); err != nil {
			t.Fatalf("%s: the citizen's page does not come: %v", name, err)
		}
	}
	w := httptest.NewRecorder()
	r := httptest.NewRequest("GET", "/", nil)
	r.Host = "fleet.example"
	h.ServeHTTP(w, r)
	if w.Code != http.StatusMisdirectedRequest {
		t.Errorf("another host gets %d", w.Code)
	}
}
