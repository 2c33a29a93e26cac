// Package config reads citygate.toml, the one file that configures a gateway.
//
// The file is strict TOML: an unknown key, a key given twice or a value of another type is an error that names the
// file, the line and the key, and a file with an error changes nothing. Every key has a default except the three
// that make a gateway itself (device, place, root_policy). [Keys] lists all of them with unit, default and meaning;
// the command `citygate config` prints that list, so that it can never differ from what the daemon reads.
//
// Paths that are not absolute are taken from the folder of the file itself. Secrets never stand in the file: key,
// event_key and the certificates are paths.
package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"
)

// MaxSize is the largest configuration file that is read, in bytes.
const MaxSize = 64 << 10

// Text is one text in the languages of the citizen's page: "zh-CN" and "en".
type Text map[string]string

// Config is a gateway's whole configuration. The fields are described by [Keys] under the name in their tag.
type Config struct {
	Device     string   `toml:"device"`
	Place      string   `toml:"place"`
	StateDir   string   `toml:"state_dir"`
	Cameras    Cameras  `toml:"camera"`
	CameraLoop bool     `toml:"camera_loop"`
	Formats    []string `toml:"formats"`
	Listen     string   `toml:"listen"`
	RootPolicy string   `toml:"root_policy"`
	Follow     []string `toml:"follow"`
	Mirrors    []string `toml:"mirrors"`
	Brokers    []string `toml:"brokers"`
	CA         string   `toml:"ca"`
	Cert       string   `toml:"cert"`
	Key        string   `toml:"key"`
	EventKey   string   `toml:"event_key"`
	FleetKey   string   `toml:"fleet_key"`
	Policy     string   `toml:"policy"`
	Relay      string   `toml:"relay"`
	Language   string   `toml:"language"`
	City       Text     `toml:"city"`
	Kiosk      Text     `toml:"kiosk"`
	Nearest    Text     `toml:"nearest"`
	Help       string   `toml:"help"`
	Lens       string   `toml:"lens"`
	Theme      string   `toml:"theme"`
}

// Default is the configuration that an empty file stands for. It is not valid: the required keys are missing.
func Default() Config {
	return Config{
		StateDir: "/var/lib/citygate",
		Cameras:  Cameras{"/dev/video0"},
		Formats:  []string{"qr", "datamatrix", "aztec"},
		Listen:   "127.0.0.1:8480",
		EventKey: "event.key",
		Language: "zh-CN",
		City:     Text{"zh-CN": "城市码", "en": "City codes"},
		Kiosk:    Text{"zh-CN": "终端", "en": "Kiosk"},
		Help:     "12345",
		Lens:     "below",
		Theme:    "auto",
	}
}

// Error says what is wrong with a configuration file and where. Line is 1 for the first line, 0 when the problem is
// a key that is not there.
type Error struct {
	File    string
	Line    int
	Key     string
	Problem string
}

// Error gives file, line, key and problem in one line.
func (e *Error) Error() string {
	at := e.File
	if e.Line > 0 {
		at = fmt.Sprintf("%s:%d", e.File, e.Line)
	}
	if e.Key == "" {
		return fmt.Sprintf("%s: %s", at, e.Problem)
	}
	return fmt.Sprintf("%s: key %q: %s", at, e.Key, e.Problem)
}

// Load reads and checks the file at path.
func Load(path string) (Config, error) {
	f, err := os.Open(path)
	if err != nil {
		return Config{}, fmt.Errorf("open configuration: %w", err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, MaxSize+1))
	if err != nil {
		return Config{}, fmt.Errorf("read configuration: %w", err)
	}
	if len(b) > MaxSize {
		return Config{}, &Error{File: path, Problem: fmt.Sprintf("the file is larger than %d bytes", MaxSize)}
	}
	return Parse(path, b)
}

// Parse checks the text of a configuration file. The name is for error messages, and its folder is where relative
// paths begin.
func Parse(name string, data []byte) (Config, error) {
	c := Default()
	dec := toml.NewDecoder(bytes.NewReader(data)).DisallowUnknownFields().EnableUnmarshalerInterface()
	if err := dec.Decode(&c); err != nil {
		return Config{}, decodeError(name, err)
	}
	lines := keyLines(data)
	for _, k := range Keys() {
		if problem := k.check(&c); problem != "" {
			return Config{}, &Error{File: name, Line: lines[k.Name], Key: k.Name, Problem: problem}
		}
	}
	c.resolve(filepath.Dir(name))
	return c, nil
}

// decodeError turns the TOML library's errors into one line with position and key.
func decodeError(name string, err error) error {
	var missing *toml.StrictMissingError
	if errors.As(err, &missing) && len(missing.Errors) > 0 {
		first := missing.Errors[0]
		row, _ := first.Position()
		return &Error{File: name, Line: row, Key: keyName(first.Key()),
			Problem: "there is no such key; `citygate config` lists them"}
	}
	var bad *toml.DecodeError
	if errors.As(err, &bad) {
		row, _ := bad.Position()
		return &Error{File: name, Line: row, Key: keyName(bad.Key()), Problem: wrongType(bad)}
	}
	return &Error{File: name, Problem: err.Error()}
}

// wrongType says of a value of another type what the key wants instead; the library's words are about Go.
func wrongType(e *toml.DecodeError) string {
	said := strings.TrimPrefix(e.Error(), "toml: ")
	if len(e.Key()) == 0 || !strings.HasPrefix(said, "cannot decode") {
		return said
	}
	for _, k := range Keys() {
		if k.Name == e.Key()[0] {
			return "the value is of another type than this key's: " + k.Unit
		}
	}
	return said
}

func keyName(k toml.Key) string {
	var b bytes.Buffer
	for i, part := range k {
		if i > 0 {
			b.WriteByte('.')
		}
		b.WriteString(part)
	}
	return b.String()
}

// keyLines finds the line of each top-level key. The text has been decoded before, so it has no syntax errors.
func keyLines(data []byte) map[string]int {
	lines := make(map[string]int)
	var p unstable.Parser
	p.Reset(data)
	for p.NextExpression() {
		e := p.Expression()
		if e.Kind != unstable.KeyValue && e.Kind != unstable.Table {
			continue
		}
		if it := e.Key(); it.Next() {
			if n := string(it.Node().Data); lines[n] == 0 {
				lines[n] = p.Shape(it.Node().Raw).Start.Line
			}
		}
	}
	return lines
}

// resolve makes the paths of the file absolute or relative to where the daemon runs, as the file's folder is.
func (c *Config) resolve(dir string) {
	for _, p := range []*string{&c.StateDir, &c.RootPolicy, &c.CA, &c.Cert, &c.Key, &c.EventKey, &c.FleetKey, &c.Policy} {
		if *p != "" && !filepath.IsAbs(*p) {
			*p = filepath.Join(dir, *p)
		}
	}
}
