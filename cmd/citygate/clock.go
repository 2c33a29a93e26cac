package main

import (
	"os"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"citygate/sync/wire"
)

// clockEvery is how often the kernel is asked again whether the clock is synchronised.
const clockEvery = 5 * time.Second

// timesyncd is where systemd-timesyncd says that it has synchronised the clock since boot. It is asked as well, since a
// sandbox may keep the kernel from being asked.
const timesyncd = "/run/systemd/timesync/synchronized"

// clock knows whether this machine's time is synchronised. Asking is cheap: the answer is kept for clockEvery.
type clock struct {
	asked atomic.Int64 // unix nanoseconds
	good  atomic.Bool
}

func newClock() *clock { return &clock{} }

func (c *clock) synced() bool {
	now := time.Now().UnixNano()
	if last := c.asked.Load(); last != 0 && now-last >= 0 && now-last < int64(clockEvery) {
		return c.good.Load()
	}
	c.good.Store(kernelSynced() || exists(timesyncd))
	c.asked.Store(now)
	return c.good.Load()
}

func (c *clock) quality() string {
	if c.synced() {
		return wire.ClockSynced
	}
	return wire.ClockUnsynced
}

// kernelSynced asks the kernel's clock discipline, which every time daemon steers: adjtimex(2), STA_UNSYNC.
func kernelSynced() bool {
	var t unix.Timex
	state, err := unix.Adjtimex(&t)
	return err == nil && state != unix.TIME_ERROR && t.Status&unix.STA_UNSYNC == 0
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
