package code

// This file implements the digits of a code's text: groups of 7 octets, each a
// big-endian number of exactly 17 decimal digits, and a tail of 1..6 octets
// with 3, 5, 8, 10, 13 or 15 digits. A QR code's numeric mode takes 3 digits
// in 10 bits (ISO/IEC 18004, 7.4.3), so the text costs 2 % over the bytes.

const (
	groupBytes  = 7
	groupDigits = 17
)

// digitsOf is the number of digits for a group of so many octets.
var digitsOf = [groupBytes + 1]int{0, 3, 5, 8, 10, 13, 15, groupDigits}

// octetsOf is the inverse of digitsOf, 0 where a length does not occur.
var octetsOf = [groupDigits + 1]int{3: 1, 5: 2, 8: 3, 10: 4, 13: 5, 15: 6, groupDigits: groupBytes}

// EncodeDigits writes octets as decimal digits.
func EncodeDigits(b []byte) string {
	out := make([]byte, 0, (len(b)+groupBytes-1)/groupBytes*groupDigits)
	for len(b) > 0 {
		n := min(len(b), groupBytes)
		v := uint64(0)
		for _, c := range b[:n] {
			v = v<<8 | uint64(c)
		}
		end := len(out) + digitsOf[n]
		out = out[:end]
		for i := end - 1; i >= end-digitsOf[n]; i-- {
			out[i] = '0' + byte(v%10)
			v /= 10
		}
		b = b[n:]
	}
	return string(out)
}

// DecodeDigits reads what EncodeDigits writes, and nothing else: it refuses
// other characters, groups above their octets' range, and other tail lengths,
// with an error that wraps ErrMalformed.
func DecodeDigits(s string) ([]byte, error) {
	tail := len(s) % groupDigits
	if tail > 0 && octetsOf[tail] == 0 {
		return nil, malformed("number of digits")
	}
	b := make([]byte, 0, len(s)/groupDigits*groupBytes+octetsOf[tail])
	for len(s) > 0 {
		n := min(len(s), groupDigits)
		v, ok := decodeGroup(s[:n])
		if !ok {
			return nil, malformed("group of digits out of range")
		}
		for shift := 8 * (octetsOf[n] - 1); shift >= 0; shift -= 8 {
			b = append(b, byte(v>>shift))
		}
		s = s[n:]
	}
	return b, nil
}

// decodeGroup reads one whole group, and says whether it holds only digits and
// stays in the range of its octets.
func decodeGroup(s string) (uint64, bool) {
	v := uint64(0)
	digits := true
	for i := 0; i < len(s); i++ {
		c := s[i] - '0'
		digits = digits && c <= 9
		v = v*10 + uint64(c)
	}
	return v, digits && v>>(8*octetsOf[len(s)]) == 0
}
