package relay

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// This file implements the output to a GPIO line, by the second version of the kernel's character device interface
// (include/uapi/linux/gpio.h). The kernel is reached through [Kernel], so that a test can stand in for it.

// Kernel is the part of the system that a GPIO line needs. Arg is the structure that the request reads and writes.
type Kernel interface {
	Open(path string) (fd int, err error)
	Ioctl(fd int, request uint32, arg []byte) error
	Close(fd int) error
}

// Requests and layout of gpio.h. The structures have no pointers, so they are the same on 32 and 64 bits:
//
//	gpio_v2_line_request, 592 bytes      gpio_v2_line_values, 16 bytes
//	  0  offsets[64]  uint32               0  bits  uint64
//	256  consumer     32 bytes             8  mask  uint64
//	288  flags        uint64
//	296  num_attrs    uint32
//	320  attrs[10]    24 bytes each: id uint32, padding, values uint64, mask uint64
//	560  num_lines    uint32
//	588  fd           int32
const (
	GetLine   = 0xC250B407 // GPIO_V2_GET_LINE_IOCTL, on a chip
	SetValues = 0xC010B40F // GPIO_V2_LINE_SET_VALUES_IOCTL, on a requested line

	requestSize = 592
	valuesSize  = 16
	atConsumer  = 256
	atFlags     = 288
	atNumAttrs  = 296
	atAttrs     = 320
	atNumLines  = 560
	atFD        = 588

	flagActiveLow = 1 << 1
	flagOutput    = 1 << 3
	attrValues    = 2 // GPIO_V2_LINE_ATTR_ID_OUTPUT_VALUES
)

// GPIO is an output that makes one line active for a time. It asks the kernel for the line as an inactive output when
// it is prepared, and keeps it, so that nothing else drives it; at the end the line is made inactive and given back.
type GPIO struct {
	chip   string
	line   uint32
	low    bool // active is the low level
	pulse  time.Duration
	kernel Kernel

	mu sync.Mutex // guards fd
	fd int        // of the requested line, -1 for none
}

// NewGPIO returns the output of a specification that [Check] accepts, on a kernel.
func NewGPIO(spec string, k Kernel) (*GPIO, error) {
	s, err := parseSpec(spec)
	if err != nil || s.kind != "gpio" {
		return nil, fmt.Errorf("%q is not gpio:/dev/gpiochipN,line=N: %w", spec, err)
	}
	return &GPIO{chip: s.path, line: s.line, low: s.low, pulse: s.pulse, kernel: k, fd: -1}, nil
}

// Prepare takes the line and makes it inactive. Once it has it, it does nothing.
func (g *GPIO) Prepare() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.fd >= 0 {
		return nil
	}
	chip, err := g.kernel.Open(g.chip)
	if err != nil {
		return fmt.Errorf("gpio: open %s: %w (is the user in the group gpio?)", g.chip, err)
	}
	defer g.kernel.Close(chip) // nothing was written to it
	r := make([]byte, requestSize)
	binary.NativeEndian.PutUint32(r, g.line)
	copy(r[atConsumer:], "citygate relay")
	flags := uint64(flagOutput)
	if g.low {
		flags |= flagActiveLow
	}
	binary.NativeEndian.PutUint64(r[atFlags:], flags)
	binary.NativeEndian.PutUint32(r[atNumAttrs:], 1) // its first value: inactive
	binary.NativeEndian.PutUint32(r[atAttrs:], attrValues)
	binary.NativeEndian.PutUint64(r[atAttrs+16:], 1)
	binary.NativeEndian.PutUint32(r[atNumLines:], 1)
	if err := g.kernel.Ioctl(chip, GetLine, r); err != nil {
		return fmt.Errorf("gpio: take line %d of %s: %w", g.line, g.chip, err)
	}
	g.fd = int(int32(binary.NativeEndian.Uint32(r[atFD:])))
	return nil
}

// Pulse makes the line active for the pulse's time, or until ctx ends. The line is never left active: if it cannot be
// made inactive it is given back to the kernel, and taken anew for the next pulse.
func (g *GPIO) Pulse(ctx context.Context, _ Pulse) error {
	if err := g.Prepare(); err != nil {
		return err
	}
	if err := g.set(true); err != nil {
		return errors.Join(err, g.Close())
	}
	wait := time.NewTimer(g.pulse)
	defer wait.Stop()
	select {
	case <-wait.C:
	case <-ctx.Done():
	}
	if err := g.set(false); err != nil {
		return errors.Join(err, g.Close())
	}
	return nil
}

func (g *GPIO) set(active bool) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.fd < 0 {
		return errors.New("gpio: the line was given back")
	}
	v := make([]byte, valuesSize)
	if active {
		binary.NativeEndian.PutUint64(v, 1)
	}
	binary.NativeEndian.PutUint64(v[8:], 1)
	if err := g.kernel.Ioctl(g.fd, SetValues, v); err != nil {
		return fmt.Errorf("gpio: set line %d of %s: %w", g.line, g.chip, err)
	}
	return nil
}

// Close makes the line inactive and gives it back. Prepare takes it again.
func (g *GPIO) Close() error {
	_ = g.set(false) // closing it is what counts
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.fd < 0 {
		return nil
	}
	fd := g.fd
	g.fd = -1
	if err := g.kernel.Close(fd); err != nil {
		return fmt.Errorf("gpio: give back line %d of %s: %w", g.line, g.chip, err)
	}
	return nil
}

// Linux is the running kernel.
type Linux struct{}

// Open opens a device node.
func (Linux) Open(path string) (int, error) { return unix.Open(path, unix.O_RDWR|unix.O_CLOEXEC, 0) }

// Close closes what Open or a request returned.
func (Linux) Close(fd int) error { return unix.Close(fd) }

// Ioctl makes the system call; arg must be as large as the request's number says.
func (Linux) Ioctl(fd int, request uint32, arg []byte) error {
	if size := request >> 16 & 0x3FFF; int(size) != len(arg) {
		return fmt.Errorf("request %#x wants %d bytes, not %d: %w", request, size, len(arg), unix.EINVAL)
	}
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), uintptr(request), uintptr(unsafe.Pointer(&arg[0])))
	if errno != 0 {
		return errno
	}
	return nil
}
