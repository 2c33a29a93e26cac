package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/pelletier/go-toml/v2"

	"citygate/fleet"
	"citygate/fleet/store"
)

// config is fleet.toml. Relative paths begin in the file's folder.
type config struct {
	Listen   string            `toml:"listen"`
	Hosts    []string          `toml:"hosts"`
	Person   string            `toml:"person_header"`
	Title    map[string]string `toml:"title"`
	Language string            `toml:"language"`
	TimeZone string            `toml:"time_zone"`
	Database string            `toml:"database"`
	Brokers  []string          `toml:"brokers"`
	ClientID string            `toml:"client_id"`
	CA       string            `toml:"ca"`
	Cert     string            `toml:"cert"`
	Key      string            `toml:"key"`
	AckKey   string            `toml:"ack_key"`
	OpsKey   string            `toml:"ops_key"`
	Share    string            `toml:"share"`
	Workers  int               `toml:"workers"`
	Mirrors  []string          `toml:"mirrors"`
	Logs     []string          `toml:"logs"`
	Limits   limits            `toml:"limits"`
	Enrol    enrolConfig       `toml:"enrolment"`

	zone *time.Location
}

// limits are beyond which a gateway needs a person.
type limits struct {
	WaitingMinutes int     `toml:"waiting_minutes"`
	TrustMinutes   int     `toml:"trust_minutes"`
	SilentMinutes  int     `toml:"silent_minutes"`
	CertDays       int     `toml:"cert_days"`
	OfflinePercent float64 `toml:"offline_percent"`
}

// enrolConfig says where new gateways ask, and what they are given.
type enrolConfig struct {
	Listen     string   `toml:"listen"`
	Authority  string   `toml:"authority"`
	Brokers    []string `toml:"brokers"`
	Mirrors    []string `toml:"mirrors"`
	RootPolicy string   `toml:"root_policy"`
	OpsVkey    string   `toml:"ops_vkey"`
}

// explain is what `cityfleet config` prints: every key with its default.
const explain = `listen = "127.0.0.1:8490"     # address of the pages and the HTTP interface; keep it on loopback
hosts = []                    # further host names that requests may use, for a proxy in front
person_header = ""            # header in which that proxy names who is signed in: they may close findings; only the proxy may reach listen then
title = { en = "…" }          # the fleet's name by language (en, zh-CN); empty: "Citygate fleet"
language = "en"               # of the pages, where the browser asks for neither en nor zh
time_zone = "Asia/Shanghai"   # of all times on the pages; default UTC
database = "fleet.db"         # required: a SQLite file, or "postgres://user@host/name" (the password in ~/.pgpass)
brokers = ["ssl://host:8883"] # required: tried in order; tcp:// only without certificates, for tests
client_id = "fleet"           # the certificate's common name
ca = "ca.pem"                 # authority of the broker's certificate; required with ssl://
cert = "fleet.pem"            # client certificate; required with ssl://
key = "fleet.key"             # and its key
ack_key = "ack.key"           # required: Ed25519 seed of 64 hex digits, mode 0600, that signs acknowledgements
ops_key = "ops.key"           # seed, mode 0600, that signs commands and desired states; only where they are given
share = ""                    # shared subscription group, where several servers share one broker
workers = 2                   # that commit in parallel
mirrors = []                  # where logs are read: "https://host/path" or a folder, tried in order
logs = []                     # short names to publish; empty: the directory and every log that it names
[limits]
waiting_minutes = 30          # age of the oldest unacknowledged event
trust_minutes = 60            # age of a gateway's oldest checkpoint
silent_minutes = 3            # without any message of a gateway that counts as connected
cert_days = 14                # that a gateway's certificate should still last
offline_percent = 1.5         # of all gateways
[enrolment]                   # of new gateways: cityfleet enrol
listen = ""                   # address of the HTTPS endpoint for their first start, such as ":8491"; empty: none
authority = "pki"             # folder of the authority: cityfleet cert makes it; the server reads ca.pem, enrol.pem, enrol.key
brokers = []                  # as gateways reach them: ["tls://broker.example:8883"]
mirrors = []                  # of the logs, as gateways reach them: ["https://ledger.example"]
root_policy = "root.json"     # the root policy that they are given
ops_vkey = ""                 # the operations' verifier key that they pin; empty: that of ops_key, if it is here
`

func loadConfig(path string) (*config, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	c := &config{Listen: "127.0.0.1:8490", Language: "en", TimeZone: "UTC", ClientID: "fleet", Workers: 2,
		Enrol: enrolConfig{Authority: "pki", RootPolicy: "root.json"}}
	dec := toml.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	if err := dec.Decode(c); err != nil {
		var strict *toml.StrictMissingError
		if errors.As(err, &strict) {
			row, _ := strict.Errors[0].Position()
			return nil, fmt.Errorf("%s: line %d: unknown key %s (cityfleet config lists all keys)", path, row, strings.Join(strict.Errors[0].Key(), "."))
		}
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if err := c.check(); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	c.resolve(filepath.Dir(path))
	return c, nil
}

func (c *config) check() error {
	for _, k := range []struct{ name, value string }{{"database", c.Database}, {"ack_key", c.AckKey}, {"listen", c.Listen}, {"client_id", c.ClientID}} {
		if k.value == "" {
			return fmt.Errorf("%s is required (cityfleet config explains it)", k.name)
		}
	}
	if len(c.Brokers) == 0 {
		return errors.New("brokers is required: [\"ssl://host:8883\"]")
	}
	for _, b := range c.Brokers {
		scheme, _, ok := strings.Cut(b, "://")
		if !ok || !slices.Contains([]string{"ssl", "tcp"}, scheme) || strings.Contains(b, "@") {
			return fmt.Errorf("broker %q: want ssl://host:port, without a password", b)
		}
		if scheme == "ssl" && (c.CA == "" || c.Cert == "" || c.Key == "") {
			return errors.New("ca, cert and key are required with ssl:// brokers")
		}
	}
	if c.Workers < 1 || c.Workers > 64 {
		return fmt.Errorf("workers is %d, want 1 to 64", c.Workers)
	}
	var err error
	if c.zone, err = time.LoadLocation(c.TimeZone); err != nil {
		return fmt.Errorf("time_zone %q: want a name such as Asia/Shanghai", c.TimeZone)
	}
	if c.Language != "en" && c.Language != "zh-CN" {
		return fmt.Errorf("language %q: want en or zh-CN", c.Language)
	}
	return nil
}

func (c *config) resolve(dir string) {
	for _, p := range []*string{&c.Database, &c.CA, &c.Cert, &c.Key, &c.AckKey, &c.OpsKey,
		&c.Enrol.Authority, &c.Enrol.RootPolicy, &c.Enrol.OpsVkey} {
		if *p != "" && !filepath.IsAbs(*p) && !store.IsURL(*p) {
			*p = filepath.Join(dir, *p)
		}
	}
	for i, m := range c.Mirrors {
		if !strings.Contains(m, "://") && !filepath.IsAbs(m) {
			c.Mirrors[i] = filepath.Join(dir, m)
		}
	}
}

// fleetLimits are the defaults, changed where the file says so.
func (c *config) fleetLimits() fleet.Limits {
	l := fleet.DefaultLimits()
	set := func(d *time.Duration, minutes int) {
		if minutes > 0 {
			*d = time.Duration(minutes) * time.Minute
		}
	}
	set(&l.Waiting, c.Limits.WaitingMinutes)
	set(&l.TrustAge, c.Limits.TrustMinutes)
	set(&l.Silent, c.Limits.SilentMinutes)
	if c.Limits.CertDays > 0 {
		l.CertDays = int64(c.Limits.CertDays)
	}
	if c.Limits.OfflinePercent > 0 {
		l.OfflineShare = c.Limits.OfflinePercent / 100
	}
	return l
}

type configCommand struct{}

// Run explains every key.
func (configCommand) Run(s *streams) error {
	_, err := fmt.Fprint(s.out, explain)
	return err
}
