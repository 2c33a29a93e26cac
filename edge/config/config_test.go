package config_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"citygate/edge/config"
)

const shipped = "../../firmware-configs/citygate.toml"

const minimal = "device = \"k-1\"\nplace = \"MA.156.1301\"\nroot_policy = \"root.json\"\n"

func TestShippedFileIsValidAndComplete(t *testing.T) {
	c, err := config.Load(shipped)
	if err != nil {
		t.Fatal(err)
	}
	if want := filepath.Join(filepath.Dir(shipped), "root.json"); c.RootPolicy != want {
		t.Errorf("root_policy = %q, want %q: relative paths begin at the file", c.RootPolicy, want)
	}
	if c.StateDir != "/var/lib/citygate" {
		t.Errorf("state_dir = %q", c.StateDir)
	}
	text, err := os.ReadFile(shipped)
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range config.Keys() {
		if !strings.Contains(string(text), "\n"+k.Name+" = ") {
			t.Errorf("%s does not show the key %q", shipped, k.Name)
		}
	}
}

func TestAtMost25KeysAllDescribed(t *testing.T) {
	keys := config.Keys()
	if len(keys) > 25 {
		t.Errorf("%d keys, at most 25", len(keys))
	}
	for _, k := range keys {
		if k.Unit == "" || k.Meaning == "" {
			t.Errorf("key %q lacks a unit or a meaning", k.Name)
		}
	}
}

func TestPrintedConfigurationReadsBackTheSame(t *testing.T) {
	c, err := config.Load(shipped)
	if err != nil {
		t.Fatal(err)
	}
	var first, second strings.Builder
	if err := config.Print(&first, &c); err != nil {
		t.Fatal(err)
	}
	again, err := config.Parse(shipped, []byte(strings.ReplaceAll(first.String(), "../../firmware-configs/", "")))
	if err != nil {
		t.Fatalf("%v\n%s", err, first.String())
	}
	if err := config.Print(&second, &again); err != nil {
		t.Fatal(err)
	}
	if first.String() != second.String() {
		t.Errorf("printed twice differs:\n%s\n%s", first.String(), second.String())
	}
}

func TestPrintedDefaultsAreTheDefaults(t *testing.T) {
	var b strings.Builder
	if err := config.Print(&b, nil); err != nil {
		t.Fatal(err)
	}
	c, err := config.Parse("citygate.toml", []byte(minimal+b.String()))
	if err != nil {
		t.Fatalf("%v\n%s", err, b.String())
	}
	d, err := config.Parse("citygate.toml", []byte(minimal))
	if err != nil {
		t.Fatal(err)
	}
	var one, two strings.Builder
	_ = config.Print(&one, &c)
	_ = config.Print(&two, &d)
	if one.String() != two.String() {
		t.Errorf("the printed defaults are not the defaults in force:\n%s\n%s", one.String(), two.String())
	}
}

func TestMistakesNameLineAndKey(t *testing.T) {
	tests := []struct {
		name, text, key string
		line            int
	}{
		{"unknown key", minimal + "colour = \"red\"\n", "colour", 4},
		{"unknown table", minimal + "[network]\nmtu = 1500\n", "network", 4},
		{"wrong type", minimal + "\ncamera_loop = \"yes\"\n", "camera_loop", 5},
		{"missing", "device = \"k-1\"\nplace = \"MA.156\"\n", "root_policy", 0},
		{"capitals in the name", "device = \"K1\"\nplace = \"MA.156\"\nroot_policy = \"r\"\n", "device", 1},
		{"place", "device = \"k1\"\nplace = \"1301\"\nroot_policy = \"r\"\n", "place", 2},
		{"open to the network", minimal + "listen = \"0.0.0.0:80\"\n", "listen", 4},
		{"no port", minimal + "listen = \"127.0.0.1\"\n", "listen", 4},
		{"symbology", minimal + "\n\nformats = [\"qr\", \"maxicode\"]\n", "formats", 6},
		{"password in a URL", minimal + "brokers = [\"ssl://u:p@h:1\"]\nfleet_key=\"f\"\n", "brokers", 4},
		{"scheme", minimal + "mirrors = [\"ftp://h/\"]\n", "mirrors", 4},
		{"uplink without fleet key", minimal + "brokers = [\"ssl://h:1\"]\n", "fleet_key", 0},
		{"certificate without key", minimal + "cert = \"c\"\n", "cert", 4},
		{"language", minimal + "language = \"fr\"\n", "language", 4},
		{"text's language", minimal + "city = { fr = \"Ville\" }\n", "city", 4},
		{"two lines", minimal + "city = { en = \"a\\nb\" }\n", "city", 4},
		{"relay", minimal + "relay = \"gpio:17\"\n", "relay", 4},
		{"camera of no text", minimal + "camera = 3\n", "camera", 4},
		{"cameras of no text", minimal + "camera = [\"/dev/video0\", 3]\n", "camera", 4},
		{"no camera", minimal + "camera = []\n", "camera", 4},
		{"nameless camera", minimal + "camera = \"\"\n", "camera", 4},
		{"one camera twice", minimal + "camera = [\"a\", \"b\", \"a\"]\n", "camera", 4},
		{"too many cameras", minimal + "camera = [\"a\", \"b\", \"c\", \"d\", \"e\"]\n", "camera", 4},
		{"lens", minimal + "lens = \"behind\"\n", "lens", 4},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := config.Parse("/etc/citygate/citygate.toml", []byte(tt.text))
			var e *config.Error
			if !errors.As(err, &e) {
				t.Fatalf("error = %v, want a config.Error", err)
			}
			if e.Key != tt.key || e.Line != tt.line {
				t.Errorf("%v: key %q line %d, want key %q line %d", e, e.Key, e.Line, tt.key, tt.line)
			}
			if strings.Contains(err.Error(), "\n") || !strings.Contains(err.Error(), "/etc/citygate/citygate.toml") {
				t.Errorf("not one line with the file's name: %q", err)
			}
		})
	}
}

func TestOneCameraOrMore(t *testing.T) {
	for text, want := range map[string]string{
		"":                      `camera = "/dev/video0"`,
		`camera = "rtsp://h/1"`: `camera = "rtsp://h/1"`,
		`camera = ["a b"]`:      `camera = "a b"`,
		"camera = [\n  'a', # the gate\n  \"b\",\n]": `camera = ["a", "b"]`,
	} {
		c, err := config.Parse("c.toml", []byte(minimal+text+"\n"))
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		var b strings.Builder
		if err := config.Print(&b, &c); err != nil || !strings.Contains(b.String(), "\n"+want+"\n") {
			t.Errorf("%s: %v, %s", text, err, b.String())
		}
	}
}

func TestSyntaxErrorsNameTheLine(t *testing.T) {
	for text, line := range map[string]int{
		minimal + "lens = below\n":                    4,
		minimal + "device = \"again\"\n":              4,
		minimal + "\x00\n":                            4,
		"device = \"k\n":                              1,
		minimal + "city = { en = \"a\", en = \"b\" }": 4,
	} {
		_, err := config.Parse("c.toml", []byte(text))
		var e *config.Error
		if !errors.As(err, &e) {
			t.Fatalf("%q: error = %v, want a config.Error", text, err)
		}
		if e.Line != line {
			t.Errorf("%q: %v: line %d, want %d", text, err, e.Line, line)
		}
	}
}

func TestFileTooLargeOrAbsent(t *testing.T) {
	big := filepath.Join(t.TempDir(), "big.toml")
	if err := os.WriteFile(big, []byte(minimal+strings.Repeat("#\n", config.MaxSize)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := config.Load(big); err == nil {
		t.Error("a file over the limit was read")
	}
	if _, err := config.Load(filepath.Join(t.TempDir(), "none.toml")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("error = %v, want os.ErrNotExist", err)
	}
}

func FuzzParse(f *testing.F) {
	text, err := os.ReadFile(shipped)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add([]byte(minimal))
	f.Add([]byte("a.b.c=[{}]\n[[x]]\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := config.Parse("f/c.toml", data)
		if err != nil {
			return
		}
		var first strings.Builder
		if err := config.Print(&first, &c); err != nil {
			t.Fatal(err)
		}
		if _, err := config.Parse("c.toml", []byte(first.String())); err != nil {
			t.Fatalf("accepted, but its printed form is not: %v\n%s", err, first.String())
		}
	})
}
