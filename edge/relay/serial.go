package relay

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// This file implements the output to a relay board on a serial line.

// Serial is an output that sends bytes to a serial line, and after the pulse's time other bytes, for boards that do not
// end a pulse by themselves. The line is opened for each pulse, raw, 8N1, so that a board that was unplugged and
// plugged in again works.
type Serial struct {
	path     string
	baud     uint32
	on, off  []byte
	duration time.Duration
}

// bauds are the speeds that are offered.
func bauds() map[uint64]uint32 {
	return map[uint64]uint32{1200: unix.B1200, 2400: unix.B2400, 4800: unix.B4800, 9600: unix.B9600, 19200: unix.B19200,
		38400: unix.B38400, 57600: unix.B57600, 115200: unix.B115200}
}

// NewSerial returns the output of a specification that [Check] accepts.
func NewSerial(spec string) (*Serial, error) {
	s, err := parseSpec(spec)
	if err != nil || s.kind != "serial" {
		return nil, fmt.Errorf("%q is not serial:/dev/ttyN,on=HEX: %w", spec, err)
	}
	return &Serial{path: s.path, baud: bauds()[s.baud], on: s.on, off: s.off, duration: s.pulse}, nil
}

// Pulse sends the bytes. The second ones are sent even when ctx ends before their time.
func (s *Serial) Pulse(ctx context.Context, _ Pulse) (err error) {
	f, err := s.open()
	if err != nil {
		return fmt.Errorf("serial: open %s: %w", s.path, err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if err := s.send(f, s.on); err != nil || len(s.off) == 0 {
		return err
	}
	wait := time.NewTimer(s.duration)
	defer wait.Stop()
	select {
	case <-wait.C:
	case <-ctx.Done():
	}
	return s.send(f, s.off)
}

func (s *Serial) send(f *os.File, b []byte) error {
	if err := f.SetWriteDeadline(time.Now().Add(tryLimit)); err != nil && !errors.Is(err, os.ErrNoDeadline) {
		return fmt.Errorf("serial: %s: %w", s.path, err)
	}
	if _, err := f.Write(b); err != nil {
		return fmt.Errorf("serial: write: %w", err)
	}
	return nil
}

// open opens the line without waiting for a modem's carrier and sets it up.
func (s *Serial) open() (*os.File, error) {
	fd, err := unix.Open(s.path, unix.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	t, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	if err == nil {
		t.Iflag, t.Oflag, t.Lflag = 0, 0, 0
		t.Cflag = unix.CS8 | unix.CLOCAL | unix.CREAD | s.baud
		t.Ispeed, t.Ospeed = s.baud, s.baud
		err = unix.IoctlSetTermios(fd, unix.TCSETS, t)
	}
	if err != nil {
		_ = unix.Close(fd)
		return nil, fmt.Errorf("set up as a serial line: %w", err)
	}
	return os.NewFile(uintptr(fd), s.path), nil
}
