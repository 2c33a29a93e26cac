package code_test

import (
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"citygate/trust/code"
)

func TestTextForm(t *testing.T) {
	c := mint(t, false, lampClaims(), true)
	digits := code.EncodeDigits(marshal(t, c))
	const head = "HTTPS://ID.SJZ.EXAMPLE/156.1301.01/LAMP.000421#"
	if got := text(t, c); got != head+digits {
		t.Errorf("text %q", got)
	}
	permit := mint(t, true, permitClaims(), true)
	permit.Sig = nil
	if got := text(t, permit); !strings.HasPrefix(got, "HTTPS://ID.SJZ.EXAMPLE/156.1301.02/P#") || strings.Contains(got, "PERMIT") {
		t.Errorf("text of a personal record %q", got)
	}
	city := mint(t, false, code.Claims{Nodes: "156.1301"}, true)
	if got := text(t, city); !strings.HasPrefix(got, "HTTPS://ID.SJZ.EXAMPLE/156.1301#") {
		t.Errorf("text of a city %q", got)
	}
}

// TestTextKinds holds every broken text to the error that section 5 gives it.
func TestTextKinds(t *testing.T) {
	good := text(t, mint(t, false, lampClaims(), true))
	url, digits, _ := strings.Cut(good, "#")
	newer := code.EncodeDigits(append([]byte{0xC3}, make([]byte, 100)...))
	group := func(s string) string { return url + "#" + s + strings.Repeat("0", 187) }
	with := func(old, new string) string {
		s := strings.Replace(good, old, new, 1)
		if s == good {
			t.Fatalf("no %q in the text", old)
		}
		return s
	}
	for _, c := range []struct {
		name, text string
		want       error
	}{
		{"good", good, nil},
		{"another host", with("ID.SJZ.EXAMPLE", "A-1.B"), nil},
		{"another path", with("LAMP", "lamp_"), nil}, // for the verdict to say mismatch
		{"slash behind the object", with("#", "/#"), nil},

		{"nothing", "", code.ErrForeign},
		{"a web link", "https://example.com/", code.ErrForeign},
		{"digits alone", digits, code.ErrForeign},
		{"lower-case scheme", with("HTTPS", "https"), code.ErrForeign},
		{"other scheme", with("HTTPS", "HTTP"), code.ErrForeign},
		{"lower-case host", with("SJZ", "sjz"), code.ErrForeign},
		{"no host", with("ID.SJZ.EXAMPLE", ""), code.ErrForeign},
		{"host with a port", with("EXAMPLE", "EXAMPLE:443"), code.ErrForeign},
		{"host with a user", with("ID.", "ME@ID."), code.ErrForeign},
		{"host with an empty label", with("ID.", "ID.."), code.ErrForeign},
		{"host with a dot behind", with("EXAMPLE", "EXAMPLE."), code.ErrForeign},
		{"host label with a dash", with("SJZ", "SJZ-"), code.ErrForeign},
		{"long label", with("SJZ", strings.Repeat("A", 64)), code.ErrForeign},
		{"long host", with("SJZ", strings.Repeat("A.", 127)+"A"), code.ErrForeign},
		{"no path", with("156.1301.01/LAMP.000421", ""), code.ErrForeign},
		{"path of no identifier", with("156", "15"), code.ErrForeign},
		{"path with MA.", with("156", "MA.156"), code.ErrForeign},
		{"two slashes", with("/LAMP", "//LAMP"), code.ErrForeign},
		{"two objects", with("/LAMP", "/A/LAMP"), code.ErrForeign},
		{"percent escape", with("LAMP", "%4CAMP"), code.ErrForeign},
		{"query", with("#", "?A#"), code.ErrForeign},
		{"long path", with("LAMP", strings.Repeat("A.", 60)+"LAMP"), code.ErrForeign},
		{"no fragment", url, code.ErrForeign},
		{"second #", with("#", "##"), code.ErrForeign},
		{"letter among the digits", good[:len(good)-1] + "A", code.ErrForeign},
		{"space behind", good + " ", code.ErrForeign},
		{"199 digits", url + "#" + digits[:199], code.ErrForeign},

		{"C3", url + "#" + newer, code.ErrUnsupported},
		{"CF", group("58546795155816447"), code.ErrUnsupported}, // CF FF FF FF FF FF FF
		{"C3 and a bad tail", url + "#" + newer + "0", code.ErrUnsupported},
		{"C3 and a bad group", url + "#" + newer[:17] + strings.Repeat("9", 187), code.ErrUnsupported},
		{"C3, too long", url + "#" + newer[:17] + strings.Repeat("0", 1700), code.ErrUnsupported},

		{"C0", group("54043195528445952"), code.ErrMalformed},
		{"D0", group("58546795155816448"), code.ErrMalformed},
		{"zeros", group("00000000000000000"), code.ErrMalformed},
		{"200 digits of C1", url + "#" + digits[:200], code.ErrMalformed},
		{"bad tail", good + "0", code.ErrMalformed},
		{"first group out of range", group("72057594037927936"), code.ErrMalformed},
		{"second group out of range", url + "#" + digits[:17] + strings.Repeat("9", 17) + digits[34:], code.ErrMalformed},
		{"another octet", good + "000", code.ErrMalformed},
		{"one group less", url + "#" + digits[:len(digits)/17*17-17], code.ErrMalformed},
		{"text too long", good + strings.Repeat("0", 1700), code.ErrMalformed},
	} {
		_, err := code.ParseText(c.text)
		if !errors.Is(err, c.want) || (err == nil) != (c.want == nil) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
}

func TestPathMatches(t *testing.T) {
	lamp, permit := text(t, mint(t, false, lampClaims(), true)), text(t, mint(t, true, permitClaims(), false))
	city := text(t, mint(t, false, code.Claims{Nodes: "156.1301"}, true))
	slash := text(t, mint(t, false, code.Claims{Nodes: "156.1301", Object: "A/"}, true))
	for _, c := range []struct {
		text, from, to string
		want           bool
	}{
		{lamp, "X", "X", true},
		{lamp, "000421", "000422", false},
		{lamp, "000421", "421", false},
		{lamp, "/LAMP.000421#", "#", false},
		{lamp, "/LAMP.000421#", "/LAMP.000421/#", false},
		{lamp, "LAMP", "lamp", false},
		{lamp, "1301.01", "1301", false},
		{lamp, "LAMP.000421", "P", false},
		{permit, "X", "X", true},
		{permit, "/P#", "#", false},
		{permit, "/P#", "/P/#", false},
		{permit, "/P#", "/PERMIT.0007#", false},
		{permit, "/P#", ".P#", false},
		{city, "X", "X", true},
		{city, "1301#", "1301/P#", false},
		{city, "1301#", "1301.01#", false},
		{slash, "/A/#", "/A/#", true},
		{slash, "/A/#", "/A#", false},
	} {
		s := strings.Replace(c.text, c.from, c.to, 1)
		p, err := code.ParseText(s)
		if err != nil {
			t.Errorf("%q: %v", s[:60], err)
			continue
		}
		if p.PathMatches() != c.want {
			t.Errorf("path %q with claims %q and %q: %v", p.Path, p.Claims.Nodes, p.Claims.Object, !c.want)
		}
		if want, _ := p.Claims.ID(); p.ID() != want {
			t.Errorf("identifier %v, want that of the claims, %v", p.ID(), want)
		}
	}
}

func TestTextRefuses(t *testing.T) {
	c := mint(t, false, lampClaims(), true)
	for _, host := range []string{"", "id.sjz.example", "A..B", "A/B", "A#B", "A:1", strings.Repeat("A", 64)} {
		if s, err := code.Text(host, c); err == nil {
			t.Errorf("host %q: %q", host, s)
		}
	}
	short := mint(t, false, code.Claims{Nodes: "156"}, false)
	short.Index = 0
	if s, err := code.Text(sampleHost, short); err == nil {
		t.Errorf("a text that readers take for a foreign one: %q", s)
	}
	c.Body = c.Body[:10]
	if s, err := code.Text(sampleHost, c); err == nil {
		t.Errorf("a body that readers refuse: %q", s)
	}
}

func TestDigitTable(t *testing.T) {
	digits := []int{0, 3, 5, 8, 10, 13, 15, 17}
	for n, want := range digits {
		top := make([]byte, n)
		for i := range top {
			top[i] = 0xff
		}
		s := code.EncodeDigits(top)
		if len(s) != want {
			t.Errorf("%d octets give %d digits, want %d", n, len(s), want)
		}
		if n == 0 {
			continue
		}
		above := strings.Repeat("9", want)
		if b, err := code.DecodeDigits(above); !errors.Is(err, code.ErrMalformed) {
			t.Errorf("%q gives %x, %v", above, b, err)
		}
		next := s[:want-1] + string(s[want-1]+1) // the last digit of 256^n - 1 is 5
		if b, err := code.DecodeDigits(next); !errors.Is(err, code.ErrMalformed) {
			t.Errorf("%q gives %x, %v", next, b, err)
		}
	}
	for n := range 36 {
		_, err := code.DecodeDigits(strings.Repeat("0", n))
		tail := n % 17
		good := tail == 0 || tail == 3 || tail == 5 || tail == 8 || tail == 10 || tail == 13 || tail == 15
		if (err == nil) != good {
			t.Errorf("%d digits: %v", n, err)
		}
	}
	for _, c := range []string{"/", ":", "A", "-", " ", "\xff", "०"} {
		for i := range 17 {
			s := strings.Repeat("0", i) + c + strings.Repeat("0", 17)
			if b, err := code.DecodeDigits(s[:17]); err == nil {
				t.Errorf("%q gives %x", s[:17], b)
			}
		}
	}
}

func TestDigitsComeBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.SliceOfN(rapid.Byte(), 0, 64).Draw(t, "octets")
		got, err := code.DecodeDigits(code.EncodeDigits(want))
		if err != nil || string(got) != string(want) {
			t.Fatalf("%x comes back as %x, %v", want, got, err)
		}
	})
}
