// Package zinttest draws symbols with zint, an encoder that shares nothing with ours, for tests. Where zint is not installed a test is skipped.
package zinttest

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"
)

// Matrix is a drawn symbol.
type Matrix struct {
	W, H int
	bits []bool
}

// Dark reports whether the module at column x and row y is dark.
func (m *Matrix) Dark(x, y int) bool { return m.bits[y*m.W+x] }

// Soft returns the modules as a decoder wants them, all equally sure: dark ones above 0.
func (m *Matrix) Soft() []int16 {
	v := make([]int16, len(m.bits))
	for i, dark := range m.bits {
		v[i] = -100
		if dark {
			v[i] = 100
		}
	}
	return v
}

// Need skips a test where zint is missing.
func Need(t testing.TB) {
	t.Helper()
	if _, err := exec.LookPath("zint"); err != nil {
		t.Skip("zint is not installed: its independent encoder is not compared (Debian package zint)")
	}
}

// Draw runs zint on data for a symbology by its name, width being that of the symbol or 0 for a square one. An error says what zint had against it.
func Draw(symbology string, width int, data string, args ...string) (*Matrix, error) {
	out, err := exec.Command("zint", append([]string{"-b", symbology, "--dump", "-d", data}, args...)...).Output()
	if err != nil {
		return nil, fmt.Errorf("zint %s %q %v: %w: %s", symbology, data, args, err, out)
	}
	return Parse(string(out), width)
}

// Parse reads rows of hexadecimal, four modules to a digit, the first one in the highest bit. A width of 0 makes a square of as many columns as there are rows.
func Parse(dump string, width int) (*Matrix, error) {
	rows := strings.Split(strings.TrimSpace(strings.ReplaceAll(dump, " ", "")), "\n")
	m := &Matrix{W: width, H: len(rows)}
	if width == 0 {
		m.W = m.H
	}
	for _, row := range rows {
		for x := range m.W {
			if x/4 >= len(row) {
				return nil, fmt.Errorf("row %q is shorter than %d modules", row, m.W)
			}
			digit := strings.IndexByte("0123456789ABCDEF", row[x/4])
			m.bits = append(m.bits, digit>>(3-x%4)&1 == 1)
		}
	}
	return m, nil
}
