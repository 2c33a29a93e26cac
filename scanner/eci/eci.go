// Package eci turns the bytes of 2D symbols into text: by Extended Channel Interpretation where a symbol names one (AIM ITS/04-023), by a guess
// where it does not.
package eci

import (
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/korean"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/traditionalchinese"
	"golang.org/x/text/encoding/unicode"
)

// Assignment numbers that the decoders name themselves.
const (
	None     = -1 // no interpretation was named
	Latin1   = 3
	ShiftJIS = 20
	UTF8     = 26
	GB2312   = 29
	Binary   = 899
)

// charset returns the character set of an assignment number, nil for UTF-8 and for what is unknown.
func charset(n int) encoding.Encoding {
	switch n {
	case 0, 2:
		return charmap.CodePage437
	case 1, 3:
		return charmap.ISO8859_1
	case 4, 5, 6, 7, 8, 9, 10:
		return [...]encoding.Encoding{charmap.ISO8859_2, charmap.ISO8859_3, charmap.ISO8859_4, charmap.ISO8859_5, charmap.ISO8859_6, charmap.ISO8859_7,
			charmap.ISO8859_8}[n-4]
	case 11, 12, 13:
		return [...]encoding.Encoding{charmap.ISO8859_9, charmap.ISO8859_10, charmap.Windows874}[n-11]
	case 15, 16, 17, 18:
		return [...]encoding.Encoding{charmap.ISO8859_13, charmap.ISO8859_14, charmap.ISO8859_15, charmap.ISO8859_16}[n-15]
	case 20:
		return japanese.ShiftJIS
	case 21, 22, 23, 24:
		return [...]encoding.Encoding{charmap.Windows1250, charmap.Windows1251, charmap.Windows1252, charmap.Windows1256}[n-21]
	case 25:
		return unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM)
	case 28:
		return traditionalchinese.Big5
	case 29, 31, 32:
		return simplifiedchinese.GB18030
	case 30:
		return korean.EUCKR
	case 33:
		return unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM)
	}
	return nil
}

// Known reports whether Text can interpret the assignment number.
func Known(n int) bool {
	return n == None || n == UTF8 || n == 27 || n == 170 || n == Binary || charset(n) != nil
}

// Text interprets b under the assignment number, or guesses under None. What the character set lacks becomes U+FFFD.
func Text(n int, b []byte) string {
	switch n {
	case None:
		return Text(guess(b), b)
	case UTF8, 27, 170:
		return strings.ToValidUTF8(string(b), "\uFFFD")
	case Binary:
		n = Latin1
	}
	e := charset(n)
	if e == nil {
		n, e = Latin1, charmap.ISO8859_1
	}
	out, err := e.NewDecoder().Bytes(b)
	if err != nil {
		return strings.ToValidUTF8(string(b), "\uFFFD")
	}
	return string(out)
}

// guess names the character set that bytes without an interpretation are most likely in: UTF-8 where they are valid UTF-8, Shift JIS where all
// are valid and enough of them are characters of it, else ISO/IEC 8859-1, which is the standard's own default.
func guess(b []byte) int {
	if utf8.Valid(b) {
		return UTF8
	}
	double, halfKana, run, longest, latin := 0, 0, 0, 0, 0
	for i := 0; i < len(b); i++ {
		c := b[i]
		if c >= 0xc0 || c >= 0xa0 && c < 0xc0 && i+1 < len(b) && b[i+1] < 0x80 {
			latin++
		}
		switch {
		case c < 0x80:
			run = 0
		case c >= 0xa1 && c <= 0xdf:
			halfKana++
			run++
			longest = max(longest, run)
		case c >= 0x81 && c <= 0xef && c != 0xa0 && i+1 < len(b) && b[i+1] >= 0x40 && b[i+1] != 0x7f && b[i+1] <= 0xfc:
			double++
			run = 0
			i++
		default:
			return Latin1
		}
	}
	if double >= 3 || longest >= 3 || (double > 0 && 2*double+halfKana > latin) {
		return ShiftJIS
	}
	return Latin1
}
