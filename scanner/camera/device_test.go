package camera_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"citygate/scanner/camera"
)

func TestControlsOfADevice(t *testing.T) {
	base := camera.Options{Width: 1280, Height: 720, Pace: true}
	full := base
	full.Format, full.Width, full.Height, full.Rate, full.Exposure, full.Focus = "YUYV", 1920, 1080, 60, 8*time.Millisecond, 30
	full.Exact = true // who names a size means it
	for spec, want := range map[string]struct {
		path string
		o    camera.Options
	}{
		"/dev/video0": {"/dev/video0", base},
		"/dev/video0?format=YUYV&size=1920x1080&rate=60&exposure=8ms&focus=30": {"/dev/video0", full},
		"http://cam.example/stream?size=1x1":                                   {"http://cam.example/stream?size=1x1", base},
		"pictures/?.png":                                                       {"pictures/?.png", base},
	} {
		if path, o, err := camera.ParseDevice(spec, base); err != nil || path != want.path || o != want.o {
			t.Errorf("%s: %s %+v %v", spec, path, o, err)
		}
	}
	for _, bad := range []string{"format=yuyv", "format=", "size=1920", "size=0x0", "size=99999x99999", "rate=0", "rate=x", "exposure=1us", "exposure=1h", "exposure=100",
		"focus=0", "focus=-1", "focus=auto", "zoom=1", "focus=1&focus=2", "%zz"} {
		if _, err := camera.Open(context.Background(), "/dev/null?"+bad, base); !errors.Is(err, camera.ErrUnsupported) {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

func FuzzParseDevice(f *testing.F) {
	f.Add("/dev/video0?format=YUYV&size=1920x1080&rate=60&exposure=8ms&focus=30")
	f.Fuzz(func(t *testing.T, spec string) {
		path, o, err := camera.ParseDevice(spec, camera.Options{})
		if err == nil && (o.Width < 0 || o.Height < 0 || o.Exposure < 0 || o.Focus < 0 || len(path) > len(spec)) {
			t.Errorf("%q: %q %+v", spec, path, o)
		}
	})
}
