package relay_test

import (
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"citygate/edge/relay"
)

// terminal is a pair of a pseudo terminal: what a board would read, and the name of the line.
func terminal(t *testing.T) (board *os.File, path string) {
	t.Helper()
	board, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("no pseudo terminals here: %v", err)
	}
	t.Cleanup(func() { board.Close() })
	fd := int(board.Fd())
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	return board, fmt.Sprintf("/dev/pts/%d", n)
}

func TestSerialBoardIsToldOnAndOff(t *testing.T) {
	board, path := terminal(t)
	s, err := relay.NewSerial("serial:" + path + ",on=A00101A2,off=0A0D00A1,pulse=20ms,baud=115200")
	if err != nil {
		t.Fatal(err)
	}
	got := make(chan []byte, 1)
	go func() {
		b := make([]byte, 8)
		_, _ = io.ReadFull(board, b)
		got <- b
	}()
	begin := time.Now()
	if err := s.Pulse(t.Context(), relay.Pulse{}); err != nil {
		t.Fatal(err)
	}
	if b := <-got; string(b) != "\xA0\x01\x01\xA2\x0A\x0D\x00\xA1" {
		t.Errorf("the board read %x", b) // raw: no line ends changed
	}
	if took := time.Since(begin); took < 20*time.Millisecond {
		t.Errorf("a pulse of %v", took)
	}
	gone, err := relay.NewSerial("serial:/dev/ttyNONE0,on=00")
	if err != nil {
		t.Fatal(err)
	}
	if err := gone.Pulse(t.Context(), relay.Pulse{}); err == nil {
		t.Error("a pulse on a line that is not there")
	}
}

func TestOutputsAreChecked(t *testing.T) {
	for _, good := range []string{"", "dry-run", "https://door.example/open", "gpio:/dev/gpiochip0,line=0", "dry-run:gpio:/dev/gpiochip4,line=17,pulse=1s,active=low",
		"serial:/dev/ttyUSB0,on=A00101A2", "serial:/dev/serial/by-id/usb-1,on=01,off=00,pulse=20ms,baud=1200"} {
		if err := relay.Check(good); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	for _, bad := range []string{"dry-run:", "dry", "gpio:", "gpio:/dev/gpiochip0", "gpio:/etc/passwd,line=1", "gpio:/dev/../etc/x,line=1", "gpio:/dev/gpiochip0,line=-1",
		"gpio:/dev/gpiochip0,line=1,line=2", "gpio:/dev/gpiochip0,line=1,pulse=10s", "gpio:/dev/gpiochip0,line=1,pulse=1ms", "gpio:/dev/gpiochip0,line=1,active=no",
		"gpio:/dev/gpiochip0,line=1,on=00", "gpio:/dev/gpiochip0,line=1,", "serial:/dev/ttyUSB0", "serial:/dev/ttyUSB0,on=", "serial:/dev/ttyUSB0,on=xx",
		"serial:/dev/ttyUSB0,on=00,baud=7", "serial:/dev/ttyUSB0,on=" + strings.Repeat("00", 65), "dry-run:dry-run", "ftp://x/"} {
		if relay.Check(bad) == nil {
			t.Errorf("%s is accepted", bad)
		}
	}
}
