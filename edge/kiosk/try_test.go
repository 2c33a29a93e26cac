package kiosk_test

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"citygate/edge/kiosk"
)

func post(h http.Handler, target string, body []byte, change func(*http.Request)) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, target, bytes.NewReader(body))
	r.Host = "127.0.0.1:8480"
	r.Header.Set("Origin", "http://127.0.0.1:8480")
	r.Header.Set("Content-Type", "application/octet-stream")
	if change != nil {
		change(r)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestFramesOfTheBrowsersCamera(t *testing.T) {
	var got kiosk.Picture
	var fail error
	o := options("zh-CN", "day")
	o.Try = func(_ context.Context, p kiosk.Picture) (*kiosk.Answer, *[4][2]float64, error) {
		got = p
		if fail != nil {
			return nil, nil, fail
		}
		a := lamp("valid", kiosk.ClassAccepted)
		a.At = time.Now()
		return &a, seen(), nil
	}
	h := newServer(t, o).Handler()
	pix := bytes.Repeat([]byte{9}, 64*48)
	const target = "/try/frame?w=64&h=48"
	w := post(h, target, pix, nil)
	for _, want := range []string{`"verdict":"valid"`, `"hold_ms":5000`, `"outline":[[0.61,0.31]`} {
		if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), want) {
			t.Errorf("%d %s lacks %s", w.Code, w.Body, want)
		}
	}
	if got.Width != 64 || got.Height != 48 || !bytes.Equal(got.Pix, pix) {
		t.Errorf("another frame came in: %d x %d", got.Width, got.Height)
	}
	for name, c := range map[string]struct {
		target string
		body   []byte
		change func(*http.Request)
		want   int
	}{
		"no origin":      {target, pix, func(r *http.Request) { r.Header.Del("Origin") }, 403},
		"foreign origin": {target, pix, func(r *http.Request) { r.Header.Set("Origin", "http://evil.example") }, 403},
		"rebound name":   {target, pix, func(r *http.Request) { r.Host = "evil.example" }, 421},
		"a form":         {target, pix, func(r *http.Request) { r.Header.Set("Content-Type", "text/plain") }, 415},
		"short":          {target, pix[1:], nil, 400},
		"long":           {target, append(pix, 0), nil, 400},
		"no length":      {target, pix, func(r *http.Request) { r.ContentLength = -1 }, 400},
		"a lie":          {target, pix[:8], func(r *http.Request) { r.ContentLength = 64 * 48 }, 400},
		"huge":           {"/try/frame?w=1281&h=1281", make([]byte, 1281*1281), nil, 400},
		"tiny":           {"/try/frame?w=1&h=1", []byte{1}, nil, 400},
		"no size":        {"/try/frame", pix, nil, 400},
		"negative":       {"/try/frame?w=-64&h=-48", pix, nil, 400},
		"GET":            {target, nil, func(r *http.Request) { r.Method = http.MethodGet }, 405},
		"elsewhere":      {"/try", pix, nil, 405},
	} {
		if w := post(h, c.target, c.body, c.change); w.Code != c.want {
			t.Errorf("%s: %d, want %d", name, w.Code, c.want)
		}
	}
	for _, c := range []struct {
		err  error
		want int
	}{{kiosk.ErrBusy, 429}, {errors.New("disk"), 503}} {
		fail = c.err
		if w := post(h, target, pix, nil); w.Code != c.want {
			t.Errorf("%v: %d, want %d", c.err, w.Code, c.want)
		}
	}
}

func TestNoTryUnlessAskedFor(t *testing.T) {
	h := newServer(t, options("zh-CN", "day")).Handler()
	for _, path := range []string{"/try", "/try.js", "/try/frame"} {
		if w := get(h, path, nil); w.Code != http.StatusNotFound {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
	if w := post(h, "/try/frame?w=64&h=48", make([]byte, 64*48), nil); w.Code != http.StatusNotFound {
		t.Errorf("frame: %d", w.Code)
	}
	if page := get(h, "/", nil); page.Header().Get("Permissions-Policy") != "camera=(), microphone=(), geolocation=()" {
		t.Error("the street's page may ask for a camera")
	}
}
