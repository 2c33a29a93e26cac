package ledger

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// This file implements the policies under which checkpoints and directory
// entries are believed.

// Limits of policies.
const (
	MaxLogKeys   = 4  // keys of one log, so that it can change its key
	MaxWitnesses = 16 // witness keys of one policy
	MaxKeys      = 16 // directory or allocation keys of one holder
)

// LogPolicy says when a checkpoint of one log is believed.
type LogPolicy struct {
	// Origin is the checkpoint's first line.
	Origin string `json:"origin" cbor:"1,keyasint"`
	// LogKeys are the log's own Ed25519 keys as vkeys (C2SP signed-note) whose
	// name is Origin. One signature of any of them is needed.
	LogKeys []string `json:"log_keys" cbor:"2,keyasint"`
	// Witnesses are the witnesses' keys as vkeys: Ed25519 (cosignature/v1) or
	// ML-DSA-44 (subtree/v1). Two keys with one name are one witness.
	Witnesses []string `json:"witnesses" cbor:"3,keyasint"`
	// Quorum is how many witnesses must have cosigned, at least 1.
	Quorum int `json:"quorum" cbor:"4,keyasint"`
}

// RootPolicy is what a gateway starts from: how the directory's checkpoints are
// believed, and whose signatures its entries need.
type RootPolicy struct {
	// Directory is the directory log's policy.
	Directory LogPolicy `json:"directory" cbor:"1,keyasint"`
	// DirectoryKeys are the institutes' Ed25519 keys as vkeys.
	DirectoryKeys []string `json:"directory_keys" cbor:"2,keyasint"`
	// DirectoryThreshold is how many of them must sign an entry.
	DirectoryThreshold int `json:"directory_threshold" cbor:"3,keyasint"`
}

// ParseRootPolicy reads the JSON form of a root policy, which is strict: no
// unknown field, nothing behind it, every key well formed.
func ParseRootPolicy(b []byte) (RootPolicy, error) {
	var p RootPolicy
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&p); err != nil {
		return RootPolicy{}, fmt.Errorf("root policy: %w", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return RootPolicy{}, errors.New("root policy: more follows its end")
	}
	if err := p.Validate(); err != nil {
		return RootPolicy{}, err
	}
	return p, nil
}

// Marshal returns the JSON form that ParseRootPolicy reads.
func (p RootPolicy) Marshal() []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(p); err != nil {
		panic("ledger: root policy: " + err.Error()) // strings and numbers only
	}
	return b.Bytes()
}

// Equal says whether two root policies have the same content.
func (p RootPolicy) Equal(q RootPolicy) bool { return bytes.Equal(p.Marshal(), q.Marshal()) }

// Validate says whether the policy can be used: keys well formed, no key in two
// roles, quorum and threshold within reach.
func (p RootPolicy) Validate() error {
	if err := p.Directory.Validate(); err != nil {
		return fmt.Errorf("root policy: %w", err)
	}
	keys, err := parseKeys(p.DirectoryKeys, MaxKeys, noteKey)
	if err != nil {
		return fmt.Errorf("root policy: directory keys: %w", err)
	}
	if p.DirectoryThreshold < 1 || p.DirectoryThreshold > len(keys) {
		return fmt.Errorf("root policy: threshold %d of %d directory keys", p.DirectoryThreshold, len(keys))
	}
	logKeys, _ := parseKeys(p.Directory.LogKeys, MaxLogKeys, noteKey)
	if k, ok := common(keys, logKeys); ok {
		return fmt.Errorf("root policy: directory key %s is the log's key as well", k.name)
	}
	return nil
}

// Validate says whether the policy can be used.
func (p LogPolicy) Validate() error {
	if err := checkOrigin(p.Origin); err != nil {
		return err
	}
	logKeys, err := parseKeys(p.LogKeys, MaxLogKeys, noteKey)
	if err != nil {
		return fmt.Errorf("log %s: log keys: %w", p.Origin, err)
	}
	for _, k := range logKeys {
		if k.name != p.Origin {
			return fmt.Errorf("log %s: log key is named %q", p.Origin, k.name)
		}
	}
	witnesses, err := parseKeys(p.Witnesses, MaxWitnesses, witnessKey)
	if err != nil {
		return fmt.Errorf("log %s: witnesses: %w", p.Origin, err)
	}
	if k, ok := common(witnesses, logKeys); ok {
		return fmt.Errorf("log %s: witness %s has the log's own key", p.Origin, k.name)
	}
	names := map[string]bool{}
	for _, k := range witnesses {
		names[k.name] = true
	}
	if p.Quorum < 1 || p.Quorum > len(names) {
		return fmt.Errorf("log %s: quorum %d of %d witnesses", p.Origin, p.Quorum, len(names))
	}
	return nil
}

// checkOrigin refuses a string that cannot be the first line of a checkpoint
// and the name of a key at once.
func checkOrigin(s string) error {
	if s == "" || len(s) > 200 || strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' || r == '+' }) {
		return fmt.Errorf("origin %q is not 1 to 200 printable ASCII characters without space and plus", s)
	}
	return nil
}
