package registry

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"citygate/internal/durable"
	"citygate/trust/cityid"
	"citygate/trust/ledger"
)

// configVersion is the version of registry.json.
const configVersion = 1

// Config is a registry's configuration, the file registry.json.
type Config struct {
	// Version is that of the format; Create sets it.
	Version int `json:"version"`
	// National says that this registry runs the directory.
	National bool `json:"national,omitempty"`
	// Prefix is what the registry holds, such as "MA.156.1301".
	Prefix string `json:"prefix"`
	// Short begins the short names of its logs, "{short}-records" and "{short}-status": [a-z0-9_-], at most 56 characters.
	Short string `json:"short"`
	// Names are the registry's names for people, by BCP 47 language; at least one.
	Names map[string]string `json:"names"`
	// Origin begins the origins of its logs, "{origin}/{log}": a schema-less URL such as "citygate.example".
	Origin string `json:"origin"`
	// Hosts may stand in its codes' texts; new codes get the first.
	Hosts []string `json:"hosts"`
	// Witnesses cosign its logs, a Quorum of them before anything is published.
	Witnesses []Witness `json:"witnesses"`
	Quorum    int       `json:"quorum"`
	// Mirrors are base URLs where its logs are served, for the directory's row.
	Mirrors []string `json:"mirrors,omitempty"`
	// Key is the directory index of the issuer key's row; absent until the registry has been allocated.
	Key *uint32 `json:"key,omitempty"`
	// Issuer is the name of the issuer key's file in keys/, without ".seed"; absent is "issuer". A rotation changes it together with Key.
	Issuer string `json:"issuer,omitempty"`
	// LogKeys counts the changes of the logs' keys that are in force, and Next is the change that waits, see Prepare.
	LogKeys int     `json:"log_keys,omitempty"`
	Next    *Change `json:"next,omitempty"`
	// Token is the PKCS #11 URI of a token on which the registry's keys are made; absent, they are made as files. See package pkcs11key.
	Token string `json:"token,omitempty"`
	// NotesInFiles keeps all keys but the issuer's in files all the same, for a token without Ed25519: notes know no other algorithm.
	NotesInFiles bool `json:"notes_in_files,omitempty"`
	// IssuerAlg is the algorithm of new issuer keys: ed25519 (or absent), es256, sm2.
	IssuerAlg string `json:"issuer_alg,omitempty"`
	// Root is the root policy that the directory began with; absent while keys and configuration still make it.
	Root *ledger.RootPolicy `json:"root,omitempty"`
}

// Witness is where a witness is reached and how its cosignatures are checked.
type Witness struct {
	// Key is its verifier key in C2SP note form.
	Key string `json:"key"`
	// URL is the prefix of its add-checkpoint call.
	URL string `json:"url"`
}

// RecordsLog and StatusLog are the short names of the registry's logs.
func (c Config) RecordsLog() string { return c.Short + "-records" }

// StatusLog is the short name of the registry's status log.
func (c Config) StatusLog() string { return c.Short + "-status" }

// logs lists the short names of all logs that the registry runs.
func (c Config) logs() []string {
	if c.National {
		return []string{ledger.DirectoryLog, c.RecordsLog(), c.StatusLog()}
	}
	return []string{c.RecordsLog(), c.StatusLog()}
}

func (c Config) origin(log string) string { return c.Origin + "/" + log }

// check refuses a configuration that could not be allocated or published.
func (c Config) check() error {
	p, err := cityid.ParsePrefix(c.Prefix)
	switch {
	case err != nil:
		return err
	case c.Version != configVersion:
		return fmt.Errorf("configuration has version %d, this program writes %d", c.Version, configVersion)
	case c.National != p.IsCountry():
		return fmt.Errorf("%s: the national registry holds a country's prefix such as MA.156, and no other registry does", c.Prefix)
	case !ledger.ValidShort(c.StatusLog()) || !ledger.ValidShort(c.RecordsLog()) || c.Short == "":
		return fmt.Errorf("short name %q is not a-z 0-9 _ - of at most 56 characters", c.Short)
	case len(c.Hosts) == 0:
		return errors.New("no host for the codes' texts")
	case len(c.Names) == 0:
		return errors.New("no name for people")
	}
	if err := c.checkKeys(); err != nil {
		return err
	}
	keys := make(map[string]string) // by URL
	for _, s := range c.stages() {
		if err := s.check(keys); err != nil {
			return err
		}
	}
	return nil
}

// check refuses witnesses that could not be asked. In keys it notes whose a URL is.
func (s Change) check(keys map[string]string) error {
	if len(s.Witnesses) == 0 {
		return errors.New("no witness: nobody would believe the logs")
	}
	seen := make(map[string]bool)
	for _, w := range s.Witnesses {
		if !strings.HasPrefix(w.URL, "http://") && !strings.HasPrefix(w.URL, "https://") || strings.ContainsAny(w.URL, " #\n") ||
			seen[w.URL] || keys[w.URL] != "" && keys[w.URL] != w.Key {
			return fmt.Errorf("witness URL %q is not an http URL of its own", w.URL)
		}
		seen[w.URL], keys[w.URL] = true, w.Key
	}
	return nil
}

func configFile(dir string) string { return filepath.Join(dir, "registry.json") }

// ReadConfig reads the configuration of the registry in dir.
func ReadConfig(dir string) (Config, error) {
	b, err := os.ReadFile(configFile(dir))
	if err != nil {
		return Config{}, fmt.Errorf("open registry: %w", err)
	}
	var c Config
	if err := strict(b, &c); err != nil {
		return Config{}, fmt.Errorf("open registry: %s: %w", configFile(dir), err)
	}
	if err := c.check(); err != nil {
		return Config{}, fmt.Errorf("open registry: %s: %w", configFile(dir), err)
	}
	return c, nil
}

func writeConfig(dir string, c Config) error {
	return durable.WriteFile(configFile(dir), indented(c), 0o644)
}

// strict decodes one JSON value and nothing else.
func strict(b []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something follows the JSON value")
	}
	return nil
}

// indented is the form of JSON files that people may read and edit.
func indented(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(v); err != nil {
		panic(fmt.Sprintf("registry: encode JSON: %v", err)) // only our own plain types come here
	}
	return b.Bytes()
}
