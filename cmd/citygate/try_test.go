package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"image"
	"image/jpeg"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"citygate/internal/browsertest"
	"citygate/internal/qrcode"
)

var screens = flag.String("screens", "", "folder to write pictures of the pages to")

// webcam writes a film for Chromium's fake camera: one JPEG picture after the other, a code first, then an empty wall.
func webcam(t *testing.T, text string) string {
	t.Helper()
	m, err := qrcode.Encode(text, qrcode.M)
	if err != nil {
		t.Fatal(err)
	}
	var film bytes.Buffer
	for i := range 20 {
		g := image.NewGray(image.Rect(0, 0, 640, 480))
		for p := range g.Pix {
			g.Pix[p] = byte(120 + (p+i)%16)
		}
		if i < 15 {
			paste(g, m, 4)
		}
		rgb := image.NewYCbCr(g.Rect, image.YCbCrSubsampleRatio420) // the fake camera wants colour
		for y := range 480 {
			copy(rgb.Y[y*rgb.YStride:], g.Pix[y*g.Stride:][:640])
		}
		for c := range rgb.Cb {
			rgb.Cb[c], rgb.Cr[c] = 128, 128
		}
		if err := jpeg.Encode(&film, rgb, &jpeg.Options{Quality: 90}); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(t.TempDir(), "webcam.mjpeg")
	if err := os.WriteFile(path, film.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestTryScansWithTheBrowsersCamera shows a code to a laptop's camera that Chromium plays from a film.
func TestTryScansWithTheBrowsersCamera(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	s := newSite(t, o) // the gateway itself has no camera
	tab := browser(t, map[string]any{
		"use-fake-ui-for-media-stream": true, "use-fake-device-for-media-stream": true,
		"use-file-for-fake-video-capture": webcam(t, o.text["valid"]),
	})
	p := s.spawn(t, "--try")
	s.waitFor(t, "/metrics", func(status int, _ string) bool { return status == 200 })
	ctx, cancel := context.WithTimeout(tab, 90*time.Second)
	defer cancel()
	var facts string
	err := chromedp.Run(ctx, chromedp.Navigate("http://"+s.address+"/try"),
		browsertest.Until(`document.body.classList.contains('accepted') && document.getElementById('facts').textContent`, &facts))
	if err != nil {
		var now string
		_ = chromedp.Run(tab, chromedp.Evaluate(`document.body.className + ': ' + document.body.innerText`, &now))
		t.Fatalf("%v; it shows %s; %s", err, now, p.said)
	}
	if !bytes.Contains([]byte(facts), []byte("LAMP.000421")) {
		t.Errorf("facts %q", facts)
	}
	for _, size := range [][2]int64{{1280, 800}, {1080, 1920}} {
		if *screens == "" {
			break
		}
		if err := chromedp.Run(ctx, chromedp.EmulateViewport(size[0], size[1]), chromedp.WaitVisible("body.idle")); err != nil {
			t.Fatal(err)
		}
		browsertest.SaveWindow(t, tab, *screens, fmt.Sprintf("try-%d", size[0]))
	}
	p.end(t)
}
