package config

import (
	"fmt"
	"io"
	"net"
	"net/url"
	"reflect"
	"regexp"
	"strconv"
	"strings"

	"citygate/trust/cityid"
)

// Key describes one key of the file: its unit or form, its default as TOML ("" when the key is required) and what
// it means.
type Key struct {
	Name, Unit, Default, Meaning string
	check                        func(*Config) string // the problem, or ""
}

// Keys lists every key that the file may contain, in the order in which they are documented. There are at most 25.
func Keys() []Key {
	return []Key{
		{"device", "name", "", "this gateway's name: the certificate's CN and the MQTT client id, [a-z0-9_-], 1 to 64 characters",
			func(c *Config) string { return matches(c.Device, deviceName, "[a-z0-9_-], 1 to 64 characters") }},
		{"place", "identifier", "", "where the gateway stands, such as MA.156.1301.02, for codes that are valid only in some places",
			func(c *Config) string { return checkPlace(c.Place) }},
		{"root_policy", "path", "", "the root policy: directory log, its witnesses and the directory keys",
			func(c *Config) string { return required(c.RootPolicy) }},
		{"state_dir", "path", `"/var/lib/citygate"`, "folder of the trust database and the outbox; only the daemon writes there",
			func(c *Config) string { return required(c.StateDir) }},
		{"camera", "device, URL or path, or a list of them", `"/dev/video0"`, "V4L2 device (with controls: ?size=1920x1080&rate=30&format=MJPG&exposure=8ms&focus=30), rtsp:// or http:// stream, video file, folder or pattern of pictures; up to 4 in a list",
			func(c *Config) string { return checkCameras(c.Cameras) }},
		{"camera_loop", "boolean", "false", "begin a video file again at its end; false: the gateway stays idle after it", ok},
		{"formats", "list of names", `["qr", "datamatrix", "aztec"]`, "the symbologies that are looked for",
			func(c *Config) string { return checkFormats(c.Formats) }},
		{"listen", "address:port", `"127.0.0.1:8480"`, "where the citizen's page, /readyz and /metrics are served; loopback only",
			func(c *Config) string { return checkListen(c.Listen) }},
		{"follow", "list of prefixes", "[]", "registries whose logs are kept; empty: every registry of the directory",
			func(c *Config) string { return checkPrefixes(c.Follow) }},
		{"mirrors", "list of URLs", "[]", "HTTP mirrors of the logs, asked when nothing comes over MQTT; never trusted",
			func(c *Config) string { return checkURLs(c.Mirrors, "http", "https") }},
		{"brokers", "list of URLs", "[]", "MQTT brokers, tried in turn: tls://host:8883; empty: no uplink, events wait",
			func(c *Config) string { return checkURLs(c.Brokers, "tls", "ssl", "tcp") }},
		{"ca", "path", `""`, "certificate authority of the brokers, PEM", ok},
		{"cert", "path", `""`, "this gateway's client certificate, PEM",
			func(c *Config) string { return together(c.Cert, c.Key, "key") }},
		{"key", "path", `""`, "private key of the client certificate, PEM, mode 0600",
			func(c *Config) string { return together(c.Key, c.Cert, "cert") }},
		{"event_key", "path", `"event.key"`, "the Ed25519 key that signs event batches: a seed of 64 hex digits, mode 0600",
			func(c *Config) string { return required(c.EventKey) }},
		{"fleet_key", "path", `""`, "the fleet's verifier keys (vkey texts, one a line), pinned at enrolment: the first one's acknowledgements are believed, the second one's commands and desired states are obeyed, and without a second line none are; required with brokers",
			func(c *Config) string { return checkFleet(c) }},
		{"policy", "path", `""`, "policy file: what is accepted per kind, the kiosk's nonce, staff mode, opening hours, anti-passback; empty: the built-in policy", ok},
		{"relay", "output", `""`, "what opens after an accepted code: gpio:/dev/gpiochip0,line=17 or serial:/dev/ttyUSB0,on=A00101A2 or a webhook's URL; dry-run: before it only logs; empty: nothing",
			func(c *Config) string { return checkRelay(c.Relay) }},
		{"language", "zh-CN or en", `"zh-CN"`, "language of the citizen's page at rest",
			func(c *Config) string { return oneOf(c.Language, "zh-CN", "en") }},
		{"city", "text per language", `{ zh-CN = "城市码", en = "City codes" }`, "first line of the page's header",
			func(c *Config) string { return checkText(c.City, 1) }},
		{"kiosk", "text per language", `{ zh-CN = "终端", en = "Kiosk" }`, "second line of the page's header: this place's name",
			func(c *Config) string { return checkText(c.Kiosk, 1) }},
		{"nearest", "text per language", "{}", "the nearest other kiosk, on the out-of-service sign: name, a line break, an arrow (← → ↑ ↓) and the way",
			func(c *Config) string { return checkText(c.Nearest, 2) }},
		{"help", "telephone number", `"12345"`, "the number that citizens are told to call",
			func(c *Config) string { return matches(c.Help, phone, "a telephone number") }},
		{"lens", "below, above, left or right", `"below"`, "where the lens is, seen from the screen",
			func(c *Config) string { return oneOf(c.Lens, "below", "above", "left", "right") }},
		{"theme", "auto, day or night", `"auto"`, "colours of the page; auto: night from 19:00 to 06:00 by the kiosk's own time",
			func(c *Config) string { return oneOf(c.Theme, "auto", "day", "night") }},
	}
}

// Print writes every key with its unit, default and meaning, as a commented TOML file. With a configuration the
// values are those in force, without (nil) the defaults.
func Print(w io.Writer, c *Config) error {
	for i, k := range Keys() {
		def := "default " + k.Default
		if k.Default == "" {
			def = "required"
		}
		if i > 0 {
			fmt.Fprintln(w)
		}
		fmt.Fprintf(w, "# %s\n# unit: %s; %s\n", k.Meaning, k.Unit, def)
		line := k.Name + " = " + k.Default
		switch {
		case c != nil:
			line = k.Name + " = " + c.literal(k.Name)
		case k.Default == "":
			line = "# " + k.Name + " = …"
		}
		if _, err := fmt.Fprintln(w, line); err != nil {
			return fmt.Errorf("print configuration: %w", err)
		}
	}
	return nil
}

// literal writes the value of one key as TOML on one line.
func (c *Config) literal(name string) string {
	v := reflect.ValueOf(*c)
	for i := range v.NumField() {
		if v.Type().Field(i).Tag.Get("toml") != name {
			continue
		}
		switch f := v.Field(i).Interface().(type) {
		case Cameras:
			if len(f) == 1 {
				return quote(f[0])
			}
			return quoteList(f)
		case string:
			return quote(f)
		case bool:
			return strconv.FormatBool(f)
		case []string:
			return quoteList(f)
		case Text:
			var parts []string
			for _, lang := range []string{"zh-CN", "en"} {
				if s, ok := f[lang]; ok {
					parts = append(parts, lang+" = "+quote(s))
				}
			}
			return "{ " + strings.Join(parts, ", ") + " }"
		}
	}
	panic("config: no field for key " + name)
}

func quoteList(list []string) string {
	parts := make([]string, len(list))
	for i, s := range list {
		parts[i] = quote(s)
	}
	return "[" + strings.Join(parts, ", ") + "]"
}

// quote writes a TOML basic string; strconv.Quote would write \x escapes, which TOML does not have.
func quote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r < ' ' || r == 0x7f:
			fmt.Fprintf(&b, `\u%04X`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

const (
	deviceName = `^[a-z0-9_-]{1,64}$`
	phone      = `^[0-9 +-]{2,24}$`
)

func ok(*Config) string { return "" }

func required(s string) string {
	if s == "" {
		return "is required and has no default"
	}
	return ""
}

func matches(s, pattern, form string) string {
	if s == "" {
		return required(s)
	}
	if !regexp.MustCompile(pattern).MatchString(s) {
		return fmt.Sprintf("%q is not %s", s, form)
	}
	return ""
}

func checkPlace(s string) string {
	if s == "" {
		return required(s)
	}
	if _, err := cityid.Parse(s); err != nil {
		return fmt.Sprintf("%q is not an identifier such as MA.156.1301.02: %v", s, err)
	}
	return ""
}

func checkPrefixes(list []string) string {
	for _, s := range list {
		if _, err := cityid.ParsePrefix(s); err != nil {
			return fmt.Sprintf("%q is not a prefix such as MA.156.1301: %v", s, err)
		}
	}
	return ""
}

func oneOf(s string, allowed ...string) string {
	for _, a := range allowed {
		if s == a {
			return ""
		}
	}
	return fmt.Sprintf("%q is not one of %s", s, strings.Join(allowed, ", "))
}

func together(a, b, other string) string {
	if a != "" && b == "" {
		return fmt.Sprintf("needs the key %q as well", other)
	}
	return ""
}

func checkFleet(c *Config) string {
	if len(c.Brokers) > 0 && c.FleetKey == "" {
		return "is required when brokers are given: without it no event would ever leave the outbox"
	}
	return ""
}

func checkFormats(list []string) string {
	if len(list) == 0 {
		return "at least one symbology is needed"
	}
	for _, f := range list {
		if problem := oneOf(f, "qr", "microqr", "rmqr", "datamatrix", "aztec"); problem != "" {
			return problem
		}
	}
	return ""
}

// checkListen takes loopback addresses only: the page has no log-in, because only the kiosk's own browser sees it.
func checkListen(s string) string {
	host, port, err := net.SplitHostPort(s)
	if err != nil {
		return fmt.Sprintf("%q is not address:port", s)
	}
	if ip := net.ParseIP(host); ip == nil || !ip.IsLoopback() {
		return fmt.Sprintf("%q is not a loopback address such as 127.0.0.1", host)
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n > 65535 {
		return fmt.Sprintf("%q is not a port", port)
	}
	return ""
}

func checkURLs(list []string, schemes ...string) string {
	for _, s := range list {
		u, err := url.Parse(s)
		if err != nil || u.Host == "" || u.User != nil {
			return fmt.Sprintf("%q is not a URL with a host and without a password", s)
		}
		if problem := oneOf(u.Scheme, schemes...); problem != "" {
			return fmt.Sprintf("%q: the scheme %s", s, problem)
		}
	}
	return ""
}

func checkRelay(s string) string {
	if s == "" || s == "dry-run" {
		return ""
	}
	s = strings.TrimPrefix(s, "dry-run:")
	if rest, ok := strings.CutPrefix(s, "gpio:/dev/"); ok && rest != "" {
		return "" // package relay reads the rest
	}
	if rest, ok := strings.CutPrefix(s, "serial:/dev/"); ok && rest != "" {
		return ""
	}
	return checkURLs([]string{s}, "http", "https")
}

// maxText keeps what stands on the page within one line of its place.
const maxText = 80

func checkText(t Text, lines int) string {
	for lang, s := range t {
		if problem := oneOf(lang, "zh-CN", "en"); problem != "" {
			return "the language " + problem
		}
		if len([]rune(s)) > maxText || strings.Count(s, "\n") >= lines {
			return fmt.Sprintf("%s: at most %d characters in %d line(s)", lang, maxText, lines)
		}
	}
	return ""
}
