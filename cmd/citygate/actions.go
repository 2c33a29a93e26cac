package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"citygate/edge/control"
	"citygate/edge/health"
	"citygate/internal/qrcode"
	"citygate/scanner"
)

// This file implements the commands of operations; docs/formats/sync.md lists them with their arguments.

func (o *orders) actions() map[string]control.Action {
	return map[string]control.Action{
		"scan-test": o.scanTest, "snapshot-log": o.snapshotLog, "reload": o.reload, "restart": o.restart,
		"rotate-certificate": o.rotate, "set-out-of-service": o.takeOut,
	}
}

// number reads a numeric argument within limits; without it the default holds.
func number(args map[string]string, name string, def, least, most int) (int, error) {
	text, given := args[name]
	if !given {
		return def, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < least || n > most {
		return 0, fmt.Errorf("%s is %.20q, want %d to %d", name, text, least, most)
	}
	return n, nil
}

// selfTest is what the scanner has to read in a scan test.
const selfTest = "CITYGATE SCAN TEST 0123456789"

// scanTest reads a code that it draws itself, and counts what the camera gives for a few seconds.
func (o *orders) scanTest(ctx context.Context, args map[string]string) (map[string]string, error) {
	seconds, err := number(args, "seconds", 3, 1, 30)
	if err != nil {
		return nil, err
	}
	result := map[string]string{"self-test": "read", "camera": "gives pictures"}
	if !readsItself(o.d.config.Formats) {
		result["self-test"] = "not read"
	}
	frames, scans := o.d.count("citygate_frames_total"), o.d.count("citygate_scans_total")
	select {
	case <-time.After(time.Duration(seconds) * time.Second):
	case <-ctx.Done():
		return result, errors.New("the daemon ended before the test was over")
	}
	frames, scans = o.d.count("citygate_frames_total")-frames, o.d.count("citygate_scans_total")-scans
	result["frames"], result["scans"] = strconv.Itoa(int(frames)), strconv.Itoa(int(scans))
	for _, a := range o.d.health.Active(time.Now()) {
		if a.Severity == health.Fatal {
			result["camera"] = a.Code
			return result, fmt.Errorf("out of service: %s", a.Title)
		}
	}
	switch {
	case result["self-test"] != "read":
		return result, errors.New("the scanner does not read its own test code")
	case frames == 0:
		result["camera"] = "gives nothing"
		return result, errors.New("no frame was looked at")
	}
	return result, nil
}

// readsItself draws a QR code and reads it. Where no QR codes are looked for, there is nothing to draw.
func readsItself(names []string) bool {
	formats, err := scanner.ParseFormats(joinFormats(names))
	if err != nil || !formats.Has(scanner.QR) {
		return err == nil
	}
	m, err := qrcode.Encode(selfTest, qrcode.M)
	if err != nil {
		return false
	}
	img := m.Image(4)
	w, h := img.Rect.Dx(), img.Rect.Dy()
	f := scanner.Frame{Pix: make([]byte, w*h), Stride: w, Width: w, Height: h}
	for i := range f.Pix {
		r, _, _, _ := img.Palette[img.Pix[i/w*img.Stride+i%w]].RGBA()
		f.Pix[i] = byte(r >> 8)
	}
	found := scanner.New(scanner.Options{Formats: formats}).Scan(f)
	return len(found) == 1 && found[0].Text == selfTest
}

// count adds up a counter of the gateway's own metrics.
func (d *daemon) count(name string) float64 {
	families, err := d.metrics.Gather()
	if err != nil {
		d.log.Warn("metrics are incomplete", "error", err)
	}
	sum := 0.0
	for _, f := range families {
		if f.GetName() != name {
			continue
		}
		for _, m := range f.GetMetric() {
			sum += m.GetCounter().GetValue()
		}
	}
	return sum
}

// snapshotLog gives the newest lines of the log.
func (o *orders) snapshotLog(_ context.Context, args map[string]string) (map[string]string, error) {
	n, err := number(args, "lines", maxLogLines, 1, maxLogLines)
	if err != nil {
		return nil, err
	}
	lines, err := o.lines.newest(n, args["level"])
	if err != nil {
		return nil, err
	}
	result := map[string]string{}
	for i, line := range lines {
		result[fmt.Sprintf("line-%02d", i+1)] = line
	}
	return result, nil
}

// reload reads the configuration again and begins a new life of the daemon with it, unless it has a mistake.
func (o *orders) reload(context.Context, map[string]string) (map[string]string, error) {
	if _, err := loadSetup(o.file); err != nil {
		return nil, err
	}
	o.d.end(errReload)
	return nil, control.ErrEnding
}

// restart begins the program anew, unless its configuration would keep it from starting.
func (o *orders) restart(context.Context, map[string]string) (map[string]string, error) {
	if _, err := loadSetup(o.file); err != nil {
		return nil, err
	}
	o.d.end(errRestart)
	return nil, control.ErrEnding
}

// takeOut puts the gateway out of service or back.
func (o *orders) takeOut(_ context.Context, args map[string]string) (map[string]string, error) {
	state := args["state"]
	if state == "" {
		state = "on"
	}
	if state != "on" && state != "off" {
		return nil, fmt.Errorf("state is %.20q, want on or off", state)
	}
	if err := o.setTakenOut(state == "on", oneLine(args["reason"])); err != nil {
		return nil, err
	}
	return map[string]string{"state": state}, nil
}
