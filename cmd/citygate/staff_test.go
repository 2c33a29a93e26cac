package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"image"
	"image/jpeg"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"citygate/internal/qrcode"
	"citygate/internal/scene"
	"citygate/trust/code"
)

// hand shows codes to a site's camera: what it holds is drawn into every picture of an empty street, as it is by then.
type hand struct{ holds atomic.Pointer[func() string] }

func (h *hand) show(text func() string) { h.holds.Store(&text) }

func (h *hand) stage(t *testing.T) *stage {
	const side = 560
	street := scene.Luma(scene.Scene{Width: side, Height: side, Seed: 7, Backdrop: scene.Street, Gamma: 2.2, Noise: 2}).Luma
	return newStage(t, 10, func(n int) (int, []byte) {
		gray := image.NewGray(image.Rect(0, 0, side, side))
		copy(gray.Pix, street.Pix)
		for x := range side { // a picture that never changes is that of a broken camera
			gray.Pix[x] = byte(x * (n + 1))
		}
		if text := h.holds.Load(); text != nil {
			m, err := qrcode.Encode((*text)(), qrcode.M)
			if err != nil {
				t.Error(err)
				return 0, nil
			}
			paste(gray, m, 4)
		}
		var b bytes.Buffer
		if err := jpeg.Encode(&b, gray, &jpeg.Options{Quality: 90}); err != nil {
			t.Error(err)
		}
		return 0, b.Bytes()
	})
}

// told is what the page was told, of the events that this file looks at.
type told struct {
	event        string
	Digits, Path string
	Verdict      string
	Test, Staff  bool
	LeftMS       int64 `json:"left_ms"`
	Readings     []struct{ Code, Mark, Value string }
}

// events hands over the page's stream, without states and beats.
func (s site) events(t *testing.T) func(what string, is func(told) bool) told {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+s.address+"/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { res.Body.Close() })
	lines := bufio.NewScanner(res.Body)
	return func(what string, is func(told) bool) told {
		t.Helper()
		for event := ""; lines.Scan(); {
			name, value, _ := strings.Cut(lines.Text(), ": ")
			switch {
			case name == "event":
				event = value
			case name == "data" && (event == "nonce" || event == "answer" || event == "staff"):
				x := told{event: event}
				if err := json.Unmarshal([]byte(value), &x); err != nil {
					t.Fatalf("%s: %v", value, err)
				}
				if is(x) {
					return x
				}
			}
		}
		t.Fatalf("%s: the stream ended: %v", what, lines.Err())
		return told{}
	}
}

// touch posts what the page's staff mode posts.
func (s site) touch(t *testing.T, name string) int {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+s.address+"/staff/"+name, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Origin", "http://"+s.address)
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	return res.StatusCode
}

// TestNonceAndStaffModeOfARunningGateway shows a ticket that has to carry the kiosk's nonce, and then a staff code, to a
// whole gateway: a test read, and a restart that is asked for.
func TestNonceAndStaffModeOfARunningGateway(t *testing.T) {
	t.Parallel()
	o, h := newOffice(t), new(hand)
	s := newSite(t, o)
	s.configure(t, "camera", strconv.Quote(h.stage(t).url))
	s.configure(t, "policy", `"policy.toml"`)
	policy := "[kinds.ticket]\nneed_nonce = true\naccept_clock = true\n[kinds.staff]\naccept_clock = true\n"
	if err := os.WriteFile(filepath.Join(s.dir, "policy.toml"), []byte(policy), 0o600); err != nil {
		t.Fatal(err)
	}
	printed := func(name string) func() string { return func() string { return o.text[name] } }
	h.show(printed("valid"))
	gateway := s.live(t)
	defer gateway.cancel()
	s.answers(t, "valid")                                 // it serves, and holds the ledger
	presented := func(name, nonce string) func() string { // a telephone that signs anew, here with every picture
		p, err := code.ParseText(o.text[name])
		if err != nil {
			t.Fatal(err)
		}
		return func() string {
			shown, err := code.Present(officeHolder, p.Code, time.Now().Unix(), []byte(nonce))
			if err != nil {
				t.Error(err)
			}
			text, err := code.PresentedText(testHost, shown)
			if err != nil {
				t.Error(err)
			}
			return text
		}
	}
	next := s.events(t)
	answer := func(verdict string) func(told) bool {
		return func(x told) bool { return x.event == "answer" && x.Verdict == verdict }
	}
	asked := next("the nonce and its symbol", func(x told) bool { return x.event == "nonce" && x.Path != "" })
	h.show(presented("ticket", ""))
	next("a ticket without the nonce", answer("stale-presentation"))
	h.show(presented("ticket", asked.Digits))
	next("a ticket with it", answer("valid"))
	if fresh := next("another nonce", func(x told) bool { return x.event == "nonce" }); fresh.Digits == asked.Digits {
		t.Error("the used nonce is shown again")
	}
	if got := s.touch(t, "restart"); got != http.StatusConflict {
		t.Errorf("a restart without a staff code: %d", got)
	}
	h.show(presented("staff", ""))
	if x := next("a staff code", answer("valid")); !x.Staff {
		t.Errorf("the staff code's answer: %+v", x)
	}
	open := next("ten readings", func(x told) bool { return x.event == "staff" && len(x.Readings) > 0 })
	if len(open.Readings) != 10 || open.Readings[0].Code != "camera" || open.Readings[0].Mark != "fine" {
		t.Errorf("readings: %+v", open.Readings)
	}
	if got := s.touch(t, "read"); got != http.StatusNoContent {
		t.Errorf("test read: %d", got)
	}
	h.show(printed("revoked"))
	if x := next("the test read", answer("revoked")); !x.Test {
		t.Errorf("the test read's answer: %+v", x)
	}
	if got := s.touch(t, "restart"); got != http.StatusNoContent {
		t.Errorf("restart: %d", got)
	}
	if status, said := gateway.wait(); status != exitAnew {
		t.Errorf("the gateway ended with %d: %.2000s", status, said)
	}
}
