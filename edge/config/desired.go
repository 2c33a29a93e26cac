package config

import (
	"bytes"
	"fmt"
	"maps"
	"slices"

	"github.com/pelletier/go-toml/v2"
)

// This file implements what operations may change from afar: the body of a desired state.

// MaxDesired is the largest body of a desired state that is read, in bytes.
const MaxDesired = MaxSize

// ringKey is the one key of a gateway's own desired state that the file does not have.
const ringKey = "ring"

// DefaultRing is the rollout ring of a gateway whose own desired state names none.
const DefaultRing = "all"

// fromAfar are the keys that a desired state may set. What makes a gateway itself, what it trusts, its way to the
// fleet and what it opens are changed only on the box, so that no order can cut it off or open a door.
func fromAfar() []string {
	return []string{"camera", "city", "follow", "formats", "help", "kiosk", "language", "lens", "mirrors", "nearest", "theme"}
}

// Ring is the rollout ring that a gateway's own desired state puts it in.
func Ring(own []byte) string {
	var v struct {
		Ring string `toml:"ring"`
	}
	if len(own) > MaxDesired || toml.Unmarshal(own, &v) != nil || matches(v.Ring, deviceName, "a name") != "" {
		return DefaultRing
	}
	return v.Ring
}

// With returns the configuration with the keys of a desired state's body set, which is TOML as the file is, and why
// keys were not set, by key. A key that is not set leaves the others as they are. The key "ring" is for [Ring].
func (c Config) With(body []byte) (Config, map[string]string) {
	drift := map[string]string{}
	if len(body) > MaxDesired {
		drift["desired"] = fmt.Sprintf("larger than %d bytes", MaxDesired)
		return c, drift
	}
	values := map[string]any{}
	if err := toml.Unmarshal(body, &values); err != nil {
		drift["desired"] = fmt.Sprintf("not TOML: %v", err)
		return c, drift
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		switch {
		case name == ringKey:
			if s, ok := values[name].(string); !ok || matches(s, deviceName, "a name") != "" {
				drift[name] = "not a name"
			}
		case !slices.Contains(fromAfar(), name):
			drift[driftName(name)] = fmt.Sprintf("%.40q cannot be changed from afar", name)
		default:
			next, problem := c.set(name, values[name])
			if problem != "" {
				drift[name] = problem
				continue
			}
			c = next
		}
	}
	return c, drift
}

// set changes one key and checks it as the file's is checked.
func (c Config) set(name string, value any) (Config, string) {
	b, err := toml.Marshal(map[string]any{name: value})
	if err != nil {
		return c, err.Error()
	}
	// Decoding into a map would add to what is there.
	c.City, c.Kiosk, c.Nearest = maps.Clone(c.City), maps.Clone(c.Kiosk), maps.Clone(c.Nearest)
	for key, text := range map[string]*Text{"city": &c.City, "kiosk": &c.Kiosk, "nearest": &c.Nearest} {
		if key == name {
			*text = nil
		}
	}
	if err := toml.NewDecoder(bytes.NewReader(b)).DisallowUnknownFields().EnableUnmarshalerInterface().Decode(&c); err != nil {
		return c, err.Error()
	}
	for _, k := range Keys() {
		if k.Name == name {
			return c, k.check(&c)
		}
	}
	panic("config: a key from afar that is no key: " + name)
}

// driftName makes a key that may be anything a name that a reported state can carry.
func driftName(key string) string {
	if matches(key, deviceName, "") == "" {
		return key
	}
	return "unknown"
}
