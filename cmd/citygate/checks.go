package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"citygate/edge/config"
	"citygate/edge/health"
	"citygate/edge/kiosk"
	"citygate/scanner"
	"citygate/scanner/camera"
	"citygate/trust/cache"
	"citygate/trust/ledger"
)

// This file implements the checks of `citygate doctor`, each in the order in which it can explain the next.

const (
	diskLow    = 100 << 20 // bytes free under which an outbox may soon evict
	diskSome   = 500 << 20
	trustStale = time.Hour // logs are cosigned again at least every 10 minutes
	clockAhead = 5 * time.Minute
	dialLimit  = 5 * time.Second
	frameLimit = 12 * time.Second
	darkBelow  = 25 // mean luma of a picture in which codes are hardly read
	brightOver = 235
)

type check struct {
	name string
	look func(context.Context, *examination) finding
}

func checks() []check {
	return []check{
		{"config", checkConfig}, {"permissions", checkPermissions}, {"disk", checkDisk}, {"clock", checkClock}, {"trust", checkTrust},
		{"certificate", checkCert}, {"broker", checkBrokers}, {"broker-settings", checkBrokerSettings}, {"page", checkPage}, {"camera", checkCamera}, {"light", checkLight},
	}
}

// examination is what the checks know of the box, and of each other.
type examination struct {
	setup
	file     string
	problems []problem

	brokerConf string           // configuration of the broker; empty: where it usually is
	page       *kiosk.Readiness // what answers at the page's address says of itself; nil: nothing does
	silent     error            // why it is nil
	runs       bool             // whether that is the gateway, and not the enrolment of a new device
	pictures   []scanner.Frame  // what the camera check has seen, of each camera
}

// enrolHint is what to do on a device that has no keys or no certificate.
const enrolHint = "enrol the device: systemctl start citygate-enrol (/usr/share/citygate/enrol.env says how)"

func newExamination(ctx context.Context, file string, c config.Config) *examination {
	e := &examination{file: file}
	e.setup, e.problems = readSetup(c)
	if r, err := askReadiness(ctx, c.Listen); err != nil {
		e.silent = err
	} else {
		e.page = &r
		e.runs = e.condition(notEnrolled) == nil
	}
	return e
}

func checkConfig(_ context.Context, e *examination) finding {
	if _, err := os.Stat(e.config.EventKey); errors.Is(err, fs.ErrNotExist) {
		return fail("this device is not enrolled: there is no "+e.config.EventKey, enrolHint)
	}
	for _, p := range e.problems {
		switch {
		case errors.Is(p.err, fs.ErrPermission):
			continue // checkPermissions says so
		case errors.Is(p.err, fs.ErrNotExist):
			return fail(p.Error(), "enrolment writes this file; where it was brought by hand, check its name in "+e.file)
		}
		return fail(p.Error(), "mend the file, or the key "+p.key+" in "+e.file)
	}
	return good(fmt.Sprintf("device %s at %s", e.config.Device, e.config.Place))
}

func checkDisk(_ context.Context, e *examination) finding {
	dir := e.config.StateDir
	st, err := os.Stat(dir)
	if err != nil {
		return fail(err.Error(), "make the folder and give it to the gateway's user; the service manager does so with StateDirectory=")
	}
	if !st.IsDir() {
		return fail(dir+" is no folder", "set state_dir to a folder")
	}
	if st.Mode().Perm()&0o077 != 0 {
		return warn(fmt.Sprintf("%s has mode %04o: others can read it", dir, st.Mode().Perm()), "chmod 700 "+dir)
	}
	free, err := freeSpace(dir)
	if err != nil {
		return fail("free space is not known: "+err.Error(), "check the disk")
	}
	found := fmt.Sprintf("%d MB free in %s", free>>20, dir)
	switch {
	case free < diskLow:
		return fail(found, "free some space: events that the fleet has not acknowledged would have to be given up")
	case free < diskSome:
		return warn(found, "free some space")
	}
	return good(found)
}

func checkClock(_ context.Context, e *examination) finding {
	now := time.Now()
	newest := time.Time{}
	if c, err := cache.OpenReadOnly(filepath.Join(e.config.StateDir, trustFile)); err == nil {
		for _, l := range c.View().Logs() {
			if l.Time.After(newest) {
				newest = l.Time
			}
		}
		c.Close()
	}
	if newest.Sub(now) > clockAhead {
		return fail(fmt.Sprintf("the clock is behind: it says %s, and a checkpoint is of %s", now.UTC().Format(time.RFC3339), newest.UTC().Format(time.RFC3339)),
			"set the clock; check the time server")
	}
	if !newClock().synced() {
		return warn("not synchronised: codes whose answer hangs on time get \"cannot check now\"", "check the network's time server (timedatectl)")
	}
	return good("synchronised")
}

func checkTrust(_ context.Context, e *examination) finding {
	path := filepath.Join(e.config.StateDir, trustFile)
	c, err := cache.OpenReadOnly(path)
	if err != nil {
		if errors.Is(err, fs.ErrPermission) {
			return warn(err.Error(), "run the doctor as the gateway's user (sudo -u citygate)")
		}
		return warn(err.Error(), "it is made at the first start; if the gateway has run, check the disk")
	}
	defer c.Close()
	for _, a := range c.Alarms() {
		if a.Kind == cache.AlarmFork {
			return fail("the log "+a.Log+" has shown two histories", "keep the device as it is and call the registry: the evidence is in "+path)
		}
	}
	heads := c.View().Logs()
	records := 0
	var oldest time.Duration
	for _, h := range heads {
		if h.Short != ledger.DirectoryLog {
			records++
		}
		oldest = max(oldest, time.Since(h.Time))
	}
	found := fmt.Sprintf("%d logs, the oldest checkpoint is %s old", len(heads), oldest.Round(time.Second))
	switch {
	case records == 0:
		return fail("no registry's logs are held", "check brokers and mirrors: nothing can be verified yet")
	case oldest > trustStale:
		return warn(found, "check brokers and mirrors; the registry's publish may have stopped")
	}
	return good(found)
}

// checkCamera takes one picture from each camera, unless the gateway runs: then the cameras are its own, and it says how
// they do.
func checkCamera(ctx context.Context, e *examination) finding {
	if e.runs {
		if c := e.condition(health.CameraMissing, health.CameraStalled, health.CameraGarbage, health.CameraSize, health.CameraEnded); c != nil {
			return fail(strings.TrimSpace(c.Title+" "+c.Detail), "check the cable and the key camera; the gateway opens it again by itself")
		}
		return good("in use by the running gateway, which sees pictures")
	}
	var all []string
	for i, source := range e.config.Cameras {
		picture, err := takePicture(ctx, source)
		if err != nil {
			return fail(e.ofCamera(i)+err.Error(), cameraHint(err))
		}
		e.pictures = append(e.pictures, picture)
		all = append(all, fmt.Sprintf("%s%dx%d", e.ofCamera(i), picture.Width, picture.Height))
	}
	return good(strings.Join(all, "; "))
}

// ofCamera begins what is found of one of several cameras.
func (e *examination) ofCamera(i int) string {
	if len(e.config.Cameras) < 2 {
		return ""
	}
	return fmt.Sprintf("camera %d: ", i+1)
}

// takePicture opens a camera and returns its first frame.
func takePicture(ctx context.Context, source string) (scanner.Frame, error) {
	ctx, cancel := context.WithTimeout(ctx, frameLimit)
	defer cancel()
	c, err := camera.Open(ctx, source, camera.Options{Width: 1280, Height: 720})
	if err != nil {
		return scanner.Frame{}, err
	}
	defer c.Close()
	f, err := c.Next(ctx)
	if err != nil {
		return scanner.Frame{}, err
	}
	f.Pix = slices.Clone(f.Pix) // the camera's own until it is closed
	return f.Frame, nil
}

// checkLight looks at the pictures that checkCamera has taken, or asks the running gateway.
func checkLight(_ context.Context, e *examination) finding {
	if e.runs {
		if c := e.condition(health.CameraDark, health.CameraBright, health.CameraCovered); c != nil {
			return fail(c.Title, "check that the lens is free; add light, or shade the lens from the sun")
		}
		return good("enough, says the running gateway")
	}
	if len(e.pictures) < len(e.config.Cameras) {
		return warn("not known without a picture", "mend the camera first")
	}
	var all []string
	for i, picture := range e.pictures {
		mean := meanLuma(picture)
		found := fmt.Sprintf("%smean brightness %d of 255", e.ofCamera(i), mean)
		switch {
		case mean < darkBelow:
			return warn(found, "too dark to read printed codes: check that the lens is free, or add light")
		case mean > brightOver:
			return warn(found, "too bright: check exposure, or shade the lens from the sun")
		}
		all = append(all, found)
	}
	return good(strings.Join(all, "; "))
}

// condition returns the worst of these conditions that the running gateway reports, or nil.
func (e *examination) condition(codes ...string) *kiosk.Condition {
	for i, c := range e.page.Conditions { // the worst comes first
		if slices.Contains(codes, c.Code) {
			return &e.page.Conditions[i]
		}
	}
	return nil
}

func cameraHint(err error) string {
	switch {
	case errors.Is(err, camera.ErrNoDevice):
		return "check the cable and the key camera; v4l2-ctl --list-devices lists what is there"
	case errors.Is(err, camera.ErrUnsupported):
		return "this build reads files and Motion JPEG only; use the build with OpenCV"
	}
	return "check that no other program uses the camera"
}

// meanLuma is the average of every fourth pixel of every fourth row.
func meanLuma(f scanner.Frame) int {
	sum, n := 0, 0
	for y := 0; y < f.Height; y += 4 {
		for x := 0; x < f.Width; x += 4 {
			sum += int(f.Pix[y*f.Stride+x])
			n++
		}
	}
	return sum / max(n, 1)
}
