package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"citygate/edge/health"
)

// This file implements what the gateway knows of the machine that it runs on.

// tooHot is in degrees Celsius; boards slow down from 80 to 85 on.
const tooHot = 80

// body looks at the machine itself: the space on its disk, and its temperature, which it returns.
func (d *daemon) body(now time.Time) (celsius float64) {
	if free, err := freeSpace(d.config.StateDir); err == nil {
		d.gauges.free.Set(float64(free))
		d.health.Set(health.DiskLow, free < diskLow, fmt.Sprintf("%d MB free", free>>20), now)
	}
	celsius = temperature(thermalZones)
	d.gauges.temperature.Set(celsius)
	d.health.Set(health.Hot, celsius >= tooHot, fmt.Sprintf("%.0f degrees Celsius", celsius), now)
	return celsius
}

// freeSpace is how many bytes the volume of a folder has left for this user.
func freeSpace(dir string) (int64, error) {
	var volume unix.Statfs_t
	if err := unix.Statfs(dir, &volume); err != nil {
		return 0, err
	}
	return int64(volume.Bavail) * int64(volume.Bsize), nil
}

// thermalZones are the kernel's temperatures, each in thousandths of a degree.
const thermalZones = "/sys/class/thermal/thermal_zone*/temp"

// temperature is the highest of the files that a pattern names; 0 if none can be read.
func temperature(pattern string) (celsius float64) {
	files, _ := filepath.Glob(pattern) // the pattern is a constant
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			continue // a zone that is switched off says so by an error
		}
		if n, err := strconv.Atoi(strings.TrimSpace(string(b))); err == nil {
			celsius = max(celsius, float64(n)/1000)
		}
	}
	return celsius
}
