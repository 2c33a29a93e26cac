package cityid_test

import (
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"citygate/trust/cityid"
)

// published holds identifiers that were published for the MA scheme, each as
// it stands in its source, with its parts.
var published = []struct{ text, nodes, object string }{
	// City codes, as reported at their launch in November 2019.
	{"MA.156.1301", "156.1301", ""},
	{"MA.156.1301.01", "156.1301.01", ""},
	{"MA.156.1301.02", "156.1301.02", ""},
	// Organisations and objects of the registry's own service documents.
	{"MA.156.1003.1629", "156.1003.1629", ""},
	{"MA.156.1003.1629/73.10000000.6/", "156.1003.1629", "73.10000000.6/"},
	{"MA.156.1003.1629/10.46100000.riseplatform", "156.1003.1629", "10.46100000.riseplatform"},
	// Device identification, with lower-case serials.
	{"MA.156.M0.100761.21234561.Sx00008.M220117.L20220117.D20220118.E220130.V220117.C3",
		"156.M0.100761.21234561.Sx00008.M220117.L20220117.D20220118.E220130.V220117.C3", ""},
	// This project's own example.
	{"MA.156.1301.01/LAMP.000421", "156.1301.01", "LAMP.000421"},
	{"MA.156", "156", ""},
}

func TestPublishedIdentifiers(t *testing.T) {
	for _, want := range published {
		id, err := cityid.Parse(want.text)
		if err != nil {
			t.Errorf("Parse(%q): %v", want.text, err)
			continue
		}
		if id.String() != want.text || id.Nodes() != want.nodes || id.Object() != want.object {
			t.Errorf("Parse(%q) = %q, nodes %q, object %q", want.text, id, id.Nodes(), id.Object())
		}
		if got := id.Prefix().String(); got != "MA."+want.nodes {
			t.Errorf("Parse(%q).Prefix() = %q", want.text, got)
		}
		back, err := cityid.FromClaims(want.nodes, want.object)
		if err != nil || back != id {
			t.Errorf("FromClaims(%q, %q) = %v, %v", want.nodes, want.object, back, err)
		}
		if back, err = cityid.FromPath(id.Path()); err != nil || back != id {
			t.Errorf("FromPath(%q) = %v, %v", id.Path(), back, err)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	long := "MA.156" + strings.Repeat(".12345678901234567890", 6)
	for _, s := range []string{
		"", "MA", "MA.", "MA.15", "MA.1560", "MA.ABC", "ma.156", "XX.156", "156.1301", "MA156",
		"MA.156.", "MA.156..1301", ".MA.156", "MA.156/", "MA.156//", "MA.156/A//", "MA.156/A/B",
		"MA.156/.A", "MA.156/A.", "MA.156/A..B", "MA.156.13-01", "MA.156.13_01", "MA.156.1301 ",
		" MA.156", "MA.156/A B", "MA.156/Ä", "MA.156.Ä", "MA.156\n", "MA.156/A\x00", "MA.156.1301/%41",
		"MA.156.123456789012345678901",
		"MA.156/" + strings.Repeat("A", 41),
		long + ".1",
		long[:126] + "/AB",
	} {
		if id, err := cityid.Parse(s); !errors.Is(err, cityid.ErrSyntax) {
			t.Errorf("Parse(%q) = %v, %v; want ErrSyntax", s, id, err)
		}
	}
	if _, err := cityid.Parse(long[:126] + "/A"); err != nil {
		t.Errorf("identifier of %d octets refused: %v", cityid.MaxLength, err)
	}
	for _, c := range [][2]string{{"156/A", ""}, {"156/A", "B"}, {"156", "/"}, {"156", "A/B"}, {"", "A"}} {
		if id, err := cityid.FromClaims(c[0], c[1]); err == nil {
			t.Errorf("FromClaims(%q, %q) = %v", c[0], c[1], id)
		}
	}
}

func TestZeroValues(t *testing.T) {
	var id cityid.ID
	var p cityid.Prefix
	lamp := parse(t, "MA.156.1301/LAMP.1")
	if id.String() != "" || !id.IsZero() || p.String() != "" || !p.IsZero() || p.IsCountry() {
		t.Error("a zero value names something")
	}
	if p.Covers(lamp) || p.Contains(lamp) || p.CoversPrefix(lamp.Prefix()) || lamp.Prefix().Covers(id) || lamp.Prefix().Contains(id) {
		t.Error("a zero value covers or is covered")
	}
	if _, ok := p.Parent(); ok {
		t.Error("the zero prefix has a parent")
	}
}

func TestCovers(t *testing.T) {
	for _, c := range []struct {
		prefix, id                 string
		covers, contains, ancestor bool
	}{
		{"MA.156", "MA.156.1301", true, true, true},
		{"MA.156", "MA.156/X", true, true, true},
		{"MA.156", "MA.156.1301/X", false, true, true},
		{"MA.156", "MA.156.1301.01", false, true, true},
		{"MA.156", "MA.156.1301.01/LAMP.1", false, true, true},
		{"MA.156", "MA.156", false, true, true},
		{"MA.156", "MA.157.1301", false, false, false},
		{"MA.156.1301", "MA.156.1301", false, true, true},
		{"MA.156.1301", "MA.156.1301/X", true, true, true},
		{"MA.156.1301", "MA.156.1301.01", true, true, true},
		{"MA.156.1301", "MA.156.1301.01/LAMP.1", true, true, true},
		{"MA.156.1301", "MA.156.13010/X", false, false, false},
		{"MA.156.1301", "MA.156.130/X", false, false, false},
		{"MA.156.1301", "MA.156.1302.01/X", false, false, false},
		{"MA.156.1301.01", "MA.156.1301.01/X", true, true, true},
		{"MA.156.1301.01", "MA.156.1301.02/X", false, false, false},
		{"MA.156.1301.01", "MA.156.1301/X", false, false, false},
	} {
		p, err := cityid.ParsePrefix(c.prefix)
		if err != nil {
			t.Fatal(err)
		}
		id := parse(t, c.id)
		if p.Covers(id) != c.covers || p.Contains(id) != c.contains || p.CoversPrefix(id.Prefix()) != c.ancestor {
			t.Errorf("%s and %s: covers %v, contains %v, ancestor %v", c.prefix, c.id,
				p.Covers(id), p.Contains(id), p.CoversPrefix(id.Prefix()))
		}
	}
}

func TestParents(t *testing.T) {
	p := parse(t, "MA.156.1301.01/LAMP.1").Prefix()
	for _, want := range []string{"MA.156.1301", "MA.156"} {
		up, ok := p.Parent()
		if !ok || up.String() != want || up.IsCountry() != (want == "MA.156") {
			t.Fatalf("parent of %s is %s", p, up)
		}
		p = up
	}
	if _, ok := p.Parent(); ok {
		t.Error("a country has a parent")
	}
	if _, err := cityid.ParsePrefix("MA.156/X"); !errors.Is(err, cityid.ErrSyntax) {
		t.Errorf("a prefix with an object: %v", err)
	}
}

func TestIssuedAlphabet(t *testing.T) {
	if !cityid.IssuedAlphabet("ABCXYZ0189.-/") {
		t.Error("a character of the alphabet is refused")
	}
	for c := range 256 {
		in := strings.IndexByte("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-/", byte(c)) >= 0
		if cityid.IssuedAlphabet(string([]byte{byte(c)})) != in {
			t.Errorf("character %#x", c)
		}
	}
}

// ids draws identifiers of the grammar.
func ids() *rapid.Generator[string] {
	return rapid.StringMatching(`MA\.[0-9]{3}(\.[0-9A-Za-z]{1,20}){0,3}(/[0-9A-Za-z_-]{1,20}(\.[0-9A-Za-z_-]{1,20}){0,1}/?)?`)
}

func TestContainmentIsAnOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := ids().Draw(t, "id")
		id, err := cityid.Parse(text)
		if err != nil {
			t.Fatalf("Parse(%q): %v", text, err)
		}
		above, ok := id.Above()
		if !ok {
			t.Skip("a country")
		}
		if !above.Covers(id) {
			t.Fatalf("%s does not cover %s, which lies directly below it", above, id)
		}
		for p := above; ok; p, ok = p.Parent() {
			if !p.Contains(id) || !p.CoversPrefix(above) {
				t.Fatalf("%s does not contain %s", p, id)
			}
			if p.Covers(id) != (!p.IsCountry() || p == above) {
				t.Fatalf("%s covers %s: %v", p, id, p.Covers(id))
			}
		}
	})
}

func FuzzParse(f *testing.F) {
	for _, p := range published {
		f.Add(p.text)
	}
	f.Fuzz(func(t *testing.T, s string) {
		id, err := cityid.Parse(s)
		if err != nil {
			if !id.IsZero() {
				t.Fatalf("refused, but returned %v", id)
			}
			return
		}
		if id.String() != s || len(s) > cityid.MaxLength {
			t.Fatalf("accepted %q as %q", s, id)
		}
		if back, err := cityid.FromClaims(id.Nodes(), id.Object()); err != nil || back != id {
			t.Fatalf("%q comes back from its claims as %v, %v", s, back, err)
		}
	})
}

func parse(t testing.TB, s string) cityid.ID {
	t.Helper()
	id, err := cityid.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return id
}
