package ledger

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"

	"citygate/trust/cityid"
)

// This file implements the checks that a directory row passes whoever signed
// it: what can be said of the row alone.

// Limits of rows.
const (
	maxNames   = 16
	maxHosts   = 16
	maxMirrors = 16
)

// checkRow refuses a row that is not well formed.
func checkRow(row any) error {
	switch r := row.(type) {
	case *RegistryRow:
		return r.check()
	case *KeyRow:
		return r.check()
	case *Withdrawal:
		if r.Key >= 1<<32 || r.Size > MaxIndex {
			return errors.New("withdrawal is out of range")
		}
		return nil
	case *Rotation:
		if err := r.Previous.Validate(); err != nil {
			return fmt.Errorf("rotation: previous: %w", err)
		}
		if err := r.Root.Validate(); err != nil {
			return fmt.Errorf("rotation: %w", err)
		}
		if r.Root.Directory.Origin != r.Previous.Directory.Origin {
			return errors.New("rotation changes the directory's origin")
		}
		return nil
	}
	return fmt.Errorf("row of type %T", row)
}

func (r *RegistryRow) check() error {
	if _, err := cityid.ParsePrefix(r.Prefix); err != nil {
		return fmt.Errorf("registry row: %w", err)
	}
	if len(r.Names) < 1 || len(r.Names) > maxNames {
		return fmt.Errorf("registry row %s: %d names", r.Prefix, len(r.Names))
	}
	for lang, name := range r.Names {
		if !validLanguage(lang) || !validName(name) {
			return fmt.Errorf("registry row %s: name in language %q", r.Prefix, lang)
		}
	}
	if r.Records.Short == r.Status.Short || r.Records.Origin == r.Status.Origin {
		return fmt.Errorf("registry row %s: both logs have one name", r.Prefix)
	}
	alloc, err := parseKeys(r.AllocKeys, MaxKeys, noteKey)
	if err != nil {
		return fmt.Errorf("registry row %s: allocation keys: %w", r.Prefix, err)
	}
	if r.AllocThreshold < 1 || r.AllocThreshold > len(alloc) {
		return fmt.Errorf("registry row %s: threshold %d of %d allocation keys", r.Prefix, r.AllocThreshold, len(alloc))
	}
	for _, l := range []LogRef{r.Records, r.Status} {
		if !ValidShort(l.Short) || l.Short == DirectoryLog {
			return fmt.Errorf("registry row %s: short name %q", r.Prefix, l.Short)
		}
		if err := r.Policy(l).Validate(); err != nil {
			return fmt.Errorf("registry row %s: %w", r.Prefix, err)
		}
		keys, _ := parseKeys(l.Keys, MaxLogKeys, noteKey)
		if k, ok := common(alloc, keys); ok {
			return fmt.Errorf("registry row %s: allocation key %s is a log key", r.Prefix, k.name)
		}
	}
	return checkMirrors(r.Mirrors)
}

func checkMirrors(mirrors []string) error {
	if len(mirrors) > maxMirrors {
		return fmt.Errorf("%d mirrors", len(mirrors))
	}
	for _, m := range mirrors {
		u, err := url.Parse(m)
		if err != nil || len(m) > 200 || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			return fmt.Errorf("mirror %q is not an HTTP URL of at most 200 bytes", m)
		}
	}
	return nil
}

func (r *KeyRow) check() error {
	if _, err := cityid.ParsePrefix(r.Prefix); err != nil {
		return fmt.Errorf("key row: %w", err)
	}
	if err := checkIssuerKey(r.Alg, r.Key); err != nil {
		return fmt.Errorf("key row %s: %w", r.Prefix, err)
	}
	if len(r.Hosts) < 1 || len(r.Hosts) > maxHosts {
		return fmt.Errorf("key row %s: %d hosts", r.Prefix, len(r.Hosts))
	}
	for _, h := range r.Hosts {
		if h == "" || len(h) > 253 || !only(h, alphanumeric+".-") {
			return fmt.Errorf("key row %s: host %q", r.Prefix, h)
		}
	}
	if !ValidShort(r.Records) || !ValidShort(r.Status) || r.Records == r.Status {
		return fmt.Errorf("key row %s: logs %q and %q", r.Prefix, r.Records, r.Status)
	}
	return nil
}

const alphanumeric = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

// ValidShort says whether s is a log's short name: [a-z0-9_-]{1,64}.
func ValidShort(s string) bool {
	return s != "" && len(s) <= 64 && only(s, "abcdefghijklmnopqrstuvwxyz0123456789_-")
}

// only says whether all characters of s are among those of set.
func only(s, set string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return !strings.ContainsRune(set, r) })
}

// validLanguage says whether s has the form of a BCP 47 tag.
func validLanguage(s string) bool {
	return s != "" && len(s) <= 35 && only(s, alphanumeric+"-")
}

// validName says whether s can stand on a screen: 1 to 128 bytes of UTF-8 that
// print, so no control, no line break and nothing that turns the direction of
// the text around it.
func validName(s string) bool {
	if s == "" || len(s) > 128 || !utf8.ValidString(s) {
		return false
	}
	return !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) })
}
