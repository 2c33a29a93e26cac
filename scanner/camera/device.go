package camera

// This file reads the controls that may stand behind a device's name.

import (
	"fmt"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Limits of a device's controls: beyond them it is a mistake.
const (
	maxExposure = time.Second
	maxFocus    = 10_000
	maxRate     = 1000
)

var (
	fourLetters = regexp.MustCompile(`^[A-Z0-9]{4}$`)
	sizes       = regexp.MustCompile(`^([1-9][0-9]{1,4})x([1-9][0-9]{1,4})$`)
)

// ParseDevice takes the controls off a device's name and puts them into the options, over what stands there:
//
//	/dev/video0?format=YUYV&size=1920x1080&rate=60&exposure=8ms&focus=30
//
// All may be left out; what a name without them means is said at Options. A name that is no device's, or has no
// controls, comes back as it is.
func ParseDevice(spec string, o Options) (path string, _ Options, err error) {
	path, controls, ok := strings.Cut(spec, "?")
	if !ok || !strings.HasPrefix(path, "/dev/") {
		return spec, o, nil
	}
	values, err := url.ParseQuery(controls)
	if err != nil {
		return path, o, fmt.Errorf("%w: controls %q: %w", ErrUnsupported, controls, err)
	}
	for name, all := range values {
		if len(all) != 1 || !o.control(name, all[0]) {
			return path, o, fmt.Errorf("%w: control %s=%s (format=YUYV, size=1920x1080, rate=60, exposure=8ms, focus=30; once each)",
				ErrUnsupported, name, strings.Join(all, ","))
		}
	}
	return path, o, nil
}

// control sets one control and says whether there is such a one with such a value.
func (o *Options) control(name, value string) bool {
	var err error
	switch name {
	case "format":
		o.Format = value
		return fourLetters.MatchString(value)
	case "size":
		m := sizes.FindStringSubmatch(value)
		if m == nil {
			return false
		}
		o.Width, _ = strconv.Atoi(m[1])
		o.Height, _ = strconv.Atoi(m[2])
		o.Exact = true
		return fits(o.Width, o.Height, MaxFramePixels) == nil
	case "rate":
		o.Rate, err = strconv.ParseFloat(value, 64)
		return err == nil && o.Rate > 0 && o.Rate <= maxRate
	case "exposure":
		o.Exposure, err = time.ParseDuration(value)
		return err == nil && o.Exposure >= exposureUnit && o.Exposure <= maxExposure
	case "focus":
		o.Focus, err = strconv.Atoi(value)
		return err == nil && o.Focus > 0 && o.Focus <= maxFocus
	}
	return false
}

// exposureUnit is V4L2's: 100 µs.
const exposureUnit = 100 * time.Microsecond
