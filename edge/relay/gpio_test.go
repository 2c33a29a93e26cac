package relay_test

import (
	"context"
	"encoding/binary"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"

	"citygate/edge/relay"
)

// chip is a kernel with one GPIO chip. It keeps what the line is and checks every request as gpiolib does.
type chip struct {
	t       *testing.T
	fault   func(request uint32) error
	open    map[int]bool // descriptors of the chip
	line    int          // descriptor of the requested line, 0 for none
	next    int
	low     bool
	level   bool            // on the wire
	edges   []time.Duration // since the start, whenever the line became active or inactive
	active  bool
	began   time.Time
	request []byte
}

func newChip(t *testing.T) *chip {
	return &chip{t: t, open: map[int]bool{}, next: 3, began: time.Now()}
}

func (c *chip) Open(path string) (int, error) {
	if path != "/dev/gpiochip0" {
		return -1, unix.ENOENT
	}
	c.next++
	c.open[c.next] = true
	return c.next, nil
}

func (c *chip) Close(fd int) error {
	switch {
	case c.open[fd]:
		delete(c.open, fd)
	case fd == c.line && fd != 0:
		c.line = 0
	default:
		c.t.Errorf("descriptor %d is closed and not open", fd)
		return unix.EBADF
	}
	return nil
}

func (c *chip) Ioctl(fd int, request uint32, arg []byte) error {
	if c.fault != nil {
		if err := c.fault(request); err != nil {
			return err
		}
	}
	word := func(at int) uint64 { return binary.NativeEndian.Uint64(arg[at:]) }
	switch {
	case request == relay.GetLine && c.open[fd] && len(arg) == 592:
		if c.line != 0 {
			return unix.EBUSY
		}
		if binary.NativeEndian.Uint32(arg[560:]) != 1 || word(288)&^2 != 1<<3 || arg[256] == 0 ||
			binary.NativeEndian.Uint32(arg[296:]) != 1 || binary.NativeEndian.Uint32(arg[320:]) != 2 || word(328) != 0 || word(336) != 1 {
			return unix.EINVAL
		}
		c.request = append([]byte(nil), arg...)
		c.low = word(288)&2 != 0
		c.next++
		c.line = c.next
		c.level = c.low
		binary.NativeEndian.PutUint32(arg[588:], uint32(c.line))
	case request == relay.SetValues && fd == c.line && fd != 0 && len(arg) == 16:
		if word(8) != 1 || word(0) > 1 {
			return unix.EINVAL
		}
		active := word(0) == 1
		if active != c.active {
			c.edges = append(c.edges, time.Since(c.began))
		}
		c.active, c.level = active, active != c.low
	default:
		c.t.Errorf("request %#x with %d bytes on descriptor %d", request, len(arg), fd)
		return unix.EINVAL
	}
	return nil
}

func newGPIO(t *testing.T, spec string, c *chip) *relay.GPIO {
	t.Helper()
	g, err := relay.NewGPIO(spec, c)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func TestLineIsActiveForThePulseAndInterlocked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newChip(t)
		r := relay.New(newGPIO(t, "gpio:/dev/gpiochip0,line=17,pulse=300ms,active=low", c), relay.Options{})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- r.Run(ctx) }()
		synctest.Wait()
		if c.line == 0 || !c.level || len(c.edges) != 0 || binary.NativeEndian.Uint32(c.request) != 17 {
			t.Fatalf("before the first pulse: line %d, level %v, edges %v", c.line, c.level, c.edges)
		}
		if !r.Open(relay.Pulse{Seq: 1}) {
			t.Fatal("not opened")
		}
		synctest.Wait()
		if c.level || r.Open(relay.Pulse{Seq: 2}) {
			t.Error("no pulse, or a second one while the first lasts")
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if len(c.edges) != 2 || c.edges[0] != 0 || c.edges[1] != 300*time.Millisecond || !c.level {
			t.Errorf("edges %v, level %v", c.edges, c.level)
		}
		r.Open(relay.Pulse{Seq: 3})
		synctest.Wait()
		cancel() // in the middle of a pulse
		if err := <-done; err != nil {
			t.Error(err)
		}
		if c.active || c.line != 0 || len(c.open) != 0 {
			t.Errorf("at the end: active %v, line %d, open %v", c.active, c.line, c.open)
		}
	})
}

func TestLineIsNeverLeftActive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newChip(t)
		g := newGPIO(t, "gpio:/dev/gpiochip0,line=4", c)
		sets := 0
		c.fault = func(request uint32) error {
			if request == relay.SetValues {
				if sets++; sets >= 2 {
					return unix.EIO
				}
			}
			return nil
		}
		if err := g.Pulse(t.Context(), relay.Pulse{}); !errors.Is(err, unix.EIO) {
			t.Errorf("a line that cannot be made inactive: %v", err)
		}
		if c.line != 0 {
			t.Error("it is not given back")
		}
		c.fault, c.active = nil, false
		if err := g.Pulse(t.Context(), relay.Pulse{}); err != nil || c.active {
			t.Errorf("after the fault: %v, active %v", err, c.active)
		}
		if err := errors.Join(g.Close(), g.Close()); err != nil {
			t.Error(err)
		}
	})
}

func TestLineThatSomebodyElseHolds(t *testing.T) {
	c := newChip(t)
	c.fault = func(uint32) error { return unix.EBUSY }
	g := newGPIO(t, "gpio:/dev/gpiochip0,line=4", c)
	if err := g.Prepare(); !errors.Is(err, unix.EBUSY) || len(c.open) != 0 {
		t.Errorf("%v, open %v", err, c.open)
	}
	if err := newGPIO(t, "gpio:/dev/gpiochip9,line=4", c).Pulse(t.Context(), relay.Pulse{}); !errors.Is(err, unix.ENOENT) {
		t.Errorf("no such chip: %v", err)
	}
}

func TestLinuxChecksTheSizeItIsGiven(t *testing.T) {
	if err := (relay.Linux{}).Ioctl(-1, relay.GetLine, make([]byte, 16)); !errors.Is(err, unix.EINVAL) {
		t.Error(err)
	}
	if err := (relay.Linux{}).Ioctl(-1, relay.SetValues, make([]byte, 16)); !errors.Is(err, unix.EBADF) {
		t.Error(err)
	}
}
