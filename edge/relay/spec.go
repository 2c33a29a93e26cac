package relay

import (
	"crypto/ed25519"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// This file reads the one line that names an output.

// Limits of a pulse. It must be over before the deadline that the relay gives it.
const (
	pulseDefault = 500 * time.Millisecond
	pulseMin     = 20 * time.Millisecond
	pulseMax     = 1500 * time.Millisecond
	maxLine      = 1023 // the largest number of a line on one chip that is believed
	maxBytes     = 64   // of one message to a serial board
)

const dryRun = "dry-run"

// spec is what the line says of a local output.
type spec struct {
	kind, path string
	line       uint32
	low        bool
	pulse      time.Duration
	baud       uint64
	on, off    []byte
}

// parseSpec reads kind:/dev/path,name=value,… .
func parseSpec(text string) (s spec, err error) {
	kind, rest, _ := strings.Cut(text, ":")
	parts := strings.Split(rest, ",")
	s = spec{kind: kind, path: parts[0], pulse: pulseDefault, baud: 9600}
	if !strings.HasPrefix(s.path, "/dev/") || strings.Contains(s.path, "/../") {
		return s, fmt.Errorf("%q is not a device below /dev", s.path)
	}
	needs := map[string]string{"gpio": "line", "serial": "on"}[kind]
	given := map[string]bool{}
	for _, part := range parts[1:] {
		name, value, ok := strings.Cut(part, "=")
		if !ok || given[name] {
			return s, fmt.Errorf("%q is not name=value, once each", part)
		}
		given[name] = true
		if err := s.set(name, value); err != nil {
			return s, fmt.Errorf("%s=%s: %w", name, value, err)
		}
	}
	if needs == "" || !given[needs] {
		return s, fmt.Errorf("%s= is missing", needs)
	}
	return s, nil
}

var errUnknown = errors.New("there is no such setting of this output")

func (s *spec) set(name, value string) (err error) {
	switch s.kind + " " + name {
	case "gpio line":
		n, e := strconv.ParseUint(value, 10, 32)
		if e != nil || n > maxLine {
			return fmt.Errorf("not a line from 0 to %d", maxLine)
		}
		s.line = uint32(n)
	case "gpio active":
		if value != "low" && value != "high" {
			return errors.New("neither low nor high")
		}
		s.low = value == "low"
	case "gpio pulse", "serial pulse":
		if s.pulse, err = time.ParseDuration(value); err != nil || s.pulse < pulseMin || s.pulse > pulseMax {
			return fmt.Errorf("not a time from %s to %s", pulseMin, pulseMax)
		}
	case "serial baud":
		s.baud, _ = strconv.ParseUint(value, 10, 32)
		if bauds()[s.baud] == 0 {
			return errors.New("not a usual speed from 1200 to 115200")
		}
	case "serial on":
		s.on, err = message(value)
	case "serial off":
		s.off, err = message(value)
	default:
		return errUnknown
	}
	return err
}

func message(value string) ([]byte, error) {
	b, err := hex.DecodeString(value)
	if err != nil || len(b) == 0 || len(b) > maxBytes {
		return nil, fmt.Errorf("not 1 to %d bytes in hex", maxBytes)
	}
	return b, nil
}

// Check says what is wrong with an output's name, nil if nothing is.
func Check(text string) error {
	if text == "" || text == dryRun {
		return nil
	}
	text = strings.TrimPrefix(text, dryRun+":")
	switch kind, _, _ := strings.Cut(text, ":"); kind {
	case "gpio", "serial":
		if _, err := parseSpec(text); err != nil {
			return fmt.Errorf("%q: %w", text, err)
		}
		return nil
	}
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.User != nil || (u.Scheme != "http" && u.Scheme != "https") {
		return fmt.Errorf("%q is neither dry-run nor gpio:/dev/gpiochip0,line=17 nor serial:/dev/ttyUSB0,on=A00101A2 nor a webhook's address such as https://host/path", text)
	}
	return nil
}

// Parse returns the output of a name that is not empty. A webhook signs with key.
func Parse(text string, key ed25519.PrivateKey, log *slog.Logger) (Output, error) {
	if err := Check(text); err != nil {
		return nil, err
	}
	if what, ok := strings.CutPrefix(text, dryRun); ok {
		return DryRun{log, strings.TrimPrefix(what, ":")}, nil
	}
	switch kind, _, _ := strings.Cut(text, ":"); kind {
	case "gpio":
		return NewGPIO(text, Linux{})
	case "serial":
		return NewSerial(text)
	}
	return NewWebhook(text, key), nil
}
