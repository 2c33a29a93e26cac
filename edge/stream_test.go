package edge_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image/jpeg"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"citygate/edge"
	"citygate/edge/health"
	"citygate/edge/kiosk"
	draw "citygate/internal/scene"
	"citygate/scanner"
	"citygate/scanner/camera"
)

// netCamera is a network camera that gives Motion JPEG over HTTP, or does not, as it is told.
type netCamera struct {
	plays atomic.Pointer[func(n int) []byte] // the picture of a tick; nil closes the stream, and an empty one is not sent
	url   string
	mute  atomic.Bool // takes no connections
}

func newNetCamera(t *testing.T, play func(n int) []byte) *netCamera {
	t.Helper()
	c := new(netCamera)
	c.plays.Store(&play)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{Handler: c}
	go func() { _ = srv.Serve(l) }()
	t.Cleanup(func() { _ = srv.Close() })
	c.url = "http://" + l.Addr().String() + "/"
	return c
}

func (c *netCamera) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if c.mute.Load() {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "multipart/x-mixed-replace; boundary=frame")
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for n := 0; ; n++ {
		picture := (*c.plays.Load())(n)
		if picture == nil {
			return
		}
		if len(picture) > 0 {
			fmt.Fprintf(w, "--frame\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n%s\r\n", len(picture), picture)
			w.(http.Flusher).Flush()
		}
		select {
		case <-tick.C:
		case <-r.Context().Done():
			return
		}
	}
}

// told is a screen that hands over what keeps it out of service, "" when nothing does.
type told struct{ reasons chan string }

func (s *told) Answer(kiosk.Answer) {}
func (s *told) Nonce(kiosk.Nonce)   {}
func (s *told) State(st kiosk.State) {
	if st.State != kiosk.StateAiming && st.State != kiosk.StateChecking {
		s.reasons <- st.Reason
	}
}

// until waits for a reason; the limit is for a machine that hangs.
func (s *told) until(t *testing.T, reason string) {
	t.Helper()
	limit := time.After(time.Minute)
	for {
		select {
		case got := <-s.reasons:
			if got == reason {
				return
			}
		case <-limit:
			t.Fatalf("the screen never says %q", reason)
		}
	}
}

// jpegs are pictures of a scene, each with noise of its own.
func jpegs(t *testing.T, w, h int, change func(*draw.Scene)) func(n int) []byte {
	t.Helper()
	var all [][]byte
	for i := range 4 {
		s := draw.Scene{Width: w, Height: h, Backdrop: draw.Street, BackdropSeed: 3, Seed: uint64(i + 1), Noise: 3}
		change(&s)
		var b bytes.Buffer
		if err := jpeg.Encode(&b, draw.Luma(s).Luma, &jpeg.Options{Quality: 90}); err != nil {
			t.Fatal(err)
		}
		all = append(all, b.Bytes())
	}
	return func(n int) []byte { return all[n%len(all)] }
}

func even(level byte) func(*draw.Scene) {
	return func(s *draw.Scene) { s.Backdrop, s.Noise, s.Exposure = draw.Plain, 2, float64(level)/100 }
}

// TestWhatANetworkCameraSuffersFrom spoils the stream of a real HTTP camera before a whole gateway: each fault is named on the screen and in health, and the camera
// works again when the fault is over. How soon is held in fake time by the tests beside this one, and only printed here.
func TestWhatANetworkCameraSuffersFrom(t *testing.T) {
	good := jpegs(t, 320, 240, func(*draw.Scene) {})
	for _, tt := range []struct {
		name, reason string
		play         func(n int) []byte
		mute         bool
	}{
		{"unplugged", health.CameraMissing, func(int) []byte { return nil }, true},
		{"silent", health.CameraStalled, func(int) []byte { return []byte{} }, false},
		{"frozen", health.CameraStalled, func(int) []byte { return good(0) }, false},
		{"black", health.CameraDark, jpegs(t, 320, 240, even(2)), false},
		{"over-exposed", health.CameraBright, jpegs(t, 320, 240, even(255)), false},
		{"covered", health.CameraCovered, jpegs(t, 320, 240, even(90)), false},
		{"another size", health.CameraSize, jpegs(t, 160, 120, func(*draw.Scene) {}), false},
		{"garbage", health.CameraGarbage, func(int) []byte { return []byte("no picture") }, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := newCity(t)
			cam := newNetCamera(t, good)
			screen, conditions := &told{make(chan string, 4096)}, health.New()
			open := func(ctx context.Context) (edge.Frames, error) {
				cam, err := camera.Open(ctx, cam.url, camera.Options{Pure: true})
				if err != nil {
					return nil, err
				}
				return alive{cam}, nil
			}
			g := edge.New(edge.Options{Views: c, Outbox: &store{t: t}, Screen: screen, Health: conditions, Cameras: []edge.Camera{{Open: open,
				Tracker: scanner.NewTracker(scanner.TrackerOptions{Options: scanner.Options{Formats: scanner.FormatSet(scanner.QR)}})}}})
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			done := make(chan error, 1)
			go func() { done <- g.Run(ctx) }()
			screen.until(t, "")
			spoiled := time.Now()
			cam.mute.Store(tt.mute)
			cam.plays.Store(&tt.play)
			screen.until(t, tt.reason)
			t.Logf("found after %v", time.Since(spoiled).Round(time.Millisecond))
			cam.mute.Store(false)
			cam.plays.Store(&good)
			screen.until(t, "")
			cancel()
			if err := <-done; err != nil {
				t.Error(err)
			}
			if active := conditions.Active(time.Now()); !health.Ready(active) {
				t.Errorf("in the end: %v", active)
			}
		})
	}
}

// alive is a stream that is watched as a device is, and that is broken when it ends.
type alive struct{ *camera.Camera }

func (alive) Live() bool { return true }

func (a alive) Next(ctx context.Context) (camera.Frame, error) {
	f, err := a.Camera.Next(ctx)
	if errors.Is(err, io.EOF) {
		err = camera.ErrBroken
	}
	return f, err
}
