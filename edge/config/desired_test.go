package config_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"citygate/edge/config"
)

func TestDesiredState(t *testing.T) {
	base, err := config.Parse("c.toml", []byte(minimal))
	if err != nil {
		t.Fatal(err)
	}
	var before strings.Builder
	_ = config.Print(&before, &base)
	for _, tt := range []struct {
		name, body, line string
		drift            []string
	}{
		{"texts are replaced whole", `kiosk = { en = "North gate" }`, `kiosk = { en = "North gate" }`, nil},
		{"one camera", `camera = "rtsp://h/2"`, `camera = "rtsp://h/2"`, nil},
		{"cameras", `camera = ["a", "b"]`, `camera = ["a", "b"]`, nil},
		{"no camera", `camera = [3]`, `camera = "/dev/video0"`, []string{"camera"}},
		{"lists", `formats = ["qr"]`, `formats = ["qr"]`, nil},
		{"the good keys of a partly bad one", "theme = \"night\"\nlens = \"behind\"\n", `theme = "night"`, []string{"lens"}},
		{"wrong type", "theme = 3\nhelp = \"110\"", `help = "110"`, []string{"theme"}},
		{"what is changed on the box", "device = \"k2\"\nfleet_key = \"x\"\nbrokers = []\nrelay = \"dry-run\"\n", `device = "k-1"`, []string{"brokers", "device", "fleet_key", "relay"}},
		{"what is no key", "\"Colour!\" = 1\ncolour = 2", `theme = "auto"`, []string{"colour", "unknown"}},
		{"not TOML", "theme = ", `theme = "auto"`, []string{"desired"}},
		{"too large", "#" + strings.Repeat("x", config.MaxDesired), `theme = "auto"`, []string{"desired"}},
		{"ring", `ring = "pilot"`, `theme = "auto"`, nil},
		{"no ring", `ring = "Pilot 1"`, `theme = "auto"`, []string{"ring"}},
		{"nothing", "", `theme = "auto"`, nil},
	} {
		got, drift := base.With([]byte(tt.body))
		var text, after strings.Builder
		_ = config.Print(&text, &got)
		if !strings.Contains(text.String(), "\n"+tt.line+"\n") {
			t.Errorf("%s: no line %s in\n%s", tt.name, tt.line, text.String())
		}
		if keys := slices.Sorted(maps.Keys(drift)); !slices.Equal(keys, tt.drift) {
			t.Errorf("%s: drift %v, want %v", tt.name, drift, tt.drift)
		}
		if _ = config.Print(&after, &base); after.String() != before.String() {
			t.Fatalf("%s: the configuration it was made from has changed", tt.name)
		}
	}
	for body, ring := range map[string]string{"": "all", `ring = "pilot"`: "pilot", `ring = "Pilot"`: "all", "ring = 1": "all", "]": "all"} {
		if got := config.Ring([]byte(body)); got != ring {
			t.Errorf("ring of %q is %q, want %q", body, got, ring)
		}
	}
}

// Whatever a desired state says, what comes of it is a configuration that a file could hold.
func FuzzWith(f *testing.F) {
	f.Add([]byte(minimal))
	f.Add([]byte("theme = \"night\"\nformats = [\"qr\"]\nkiosk = { en = \"x\" }\nring = \"pilot\"\n"))
	base, err := config.Parse("c.toml", []byte(minimal))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		got, _ := base.With(body)
		var text strings.Builder
		if err := config.Print(&text, &got); err != nil {
			t.Fatal(err)
		}
		if _, err := config.Parse("c.toml", []byte(text.String())); err != nil {
			t.Fatalf("%v\n%s", err, text.String())
		}
		if got.Device != base.Device || got.FleetKey != base.FleetKey || got.Relay != base.Relay {
			t.Fatal("changed what is changed only on the box")
		}
	})
}
