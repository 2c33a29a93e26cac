package pkcs11key

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// maxPIN bounds a PIN, in bytes.
const maxPIN = 256

// pin gets the user PIN of a token.
func pin(u URI) (string, error) {
	if u.PINFile == "" {
		return askPIN(u.Token)
	}
	f, err := os.Open(u.PINFile)
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrPIN, err)
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrPIN, err)
	}
	if st.Mode().Perm()&0o077 != 0 {
		return "", fmt.Errorf("%w: %s: mode %04o lets others read it (chmod 600 %s)", ErrPIN, u.PINFile, st.Mode().Perm(), u.PINFile)
	}
	return firstLine(f)
}

// askPIN asks on the process's terminal, which shows nothing of what is typed. Ctrl-C comes as a character, so that it ends the question and
// nothing leaves the terminal silent.
func askPIN(token string) (string, error) {
	tty, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
	if err != nil {
		return "", fmt.Errorf("%w %q: no terminal to ask on, and the key's URI has no pin-source=file:/path", ErrPIN, token)
	}
	defer tty.Close()
	old, err := unix.IoctlGetTermios(int(tty.Fd()), unix.TCGETS)
	if err != nil {
		return "", fmt.Errorf("%w: terminal: %w", ErrPIN, err)
	}
	silent := *old
	silent.Lflag &^= unix.ECHO | unix.ICANON | unix.ISIG
	silent.Cc[unix.VMIN], silent.Cc[unix.VTIME] = 1, 0
	if err := unix.IoctlSetTermios(int(tty.Fd()), unix.TCSETS, &silent); err != nil {
		return "", fmt.Errorf("%w: terminal: %w", ErrPIN, err)
	}
	defer unix.IoctlSetTermios(int(tty.Fd()), unix.TCSETS, old)
	fmt.Fprintf(tty, "PIN of token %q: ", token)
	defer fmt.Fprintln(tty)
	return typed(bufio.NewReader(tty))
}

// typed reads what somebody types up to Enter.
func typed(r io.ByteReader) (string, error) {
	var line []byte
	for len(line) <= maxPIN {
		c, err := r.ReadByte()
		switch {
		case err != nil || c == 3 || c == 4: // Ctrl-C, Ctrl-D
			return "", fmt.Errorf("%w: none was typed", ErrPIN)
		case c == '\r' || c == '\n':
			return checked(string(line))
		case c == 8 || c == 127:
			line = line[:max(0, len(line)-1)]
		case c == 21: // Ctrl-U
			line = line[:0]
		default:
			line = append(line, c)
		}
	}
	return checked(string(line))
}

func firstLine(r io.Reader) (string, error) {
	line, err := bufio.NewReader(io.LimitReader(r, maxPIN+2)).ReadString('\n')
	if err != nil && err != io.EOF {
		return "", fmt.Errorf("%w: %w", ErrPIN, err)
	}
	return checked(strings.TrimRight(line, "\r\n"))
}

func checked(pin string) (string, error) {
	if pin == "" || len(pin) > maxPIN {
		return "", fmt.Errorf("%w: it has 1 to %d characters", ErrPIN, maxPIN)
	}
	return pin, nil
}
