// Package policy decides what a gateway does with a verdict: the second half of the answer, after package trust.
//
// A [Policy] is data. It joins the trust policy of each kind (is a signature needed, how old may ledger data be) with
// what hangs on this place and on earlier scans: opening hours, and anti-passback, the time within which the same
// code is not accepted again. It comes from a TOML file; what the file leaves out is as in [Default]:
//
//	zone = "Asia/Shanghai"       # time zone of the opening hours; default the machine's own
//
//	[default]                    # kinds that neither this file nor package trust has a row for
//	need_signature = true        # refuse codes without the issuer's signature
//	max_age = "72h"              # greatest age of ledger data to answer from; "0s": no limit
//
//	[kinds.ticket]               # by name or by number (claim 3)
//	fresh = false                # accept signed codes that are too new for the ledger data here
//	need_nonce = false           # presented codes must carry the nonce that the kiosk shows
//	staff = false                # an accepted code opens the kiosk's staff mode; true for the kind staff
//	accept_stale = false         # answer also from older ledger data
//	accept_clock = false         # answer also by a clock that is not synchronised
//	hours = ["06:00-23:30"]      # opening hours; [] is always; "22:00-02:00" passes midnight
//	again = "10s"                # the same code is refused as too-soon for so long after it was accepted
//
// A kind that opens the staff mode does so only when its holder presents the code, and only for an identifier of the
// same office as the kiosk's own: its nodes are those of the place.
//
// A [Decider] holds the memory that opening hours do not need but the other two reasons do.
package policy

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"strconv"
	"time"

	"github.com/pelletier/go-toml/v2"

	"citygate/trust"
	"citygate/trust/code"
)

// MaxSize is the largest policy file that is read, in bytes.
const MaxSize = 256 << 10

// Policy says what is accepted here. It does not change after it was made.
type Policy struct {
	Trust *trust.Policy  // what package trust asks of codes, per kind
	Zone  *time.Location // of the opening hours
	rest  rules
	kinds map[uint64]rules
}

// rules are the parts of one kind's policy that package trust does not know.
type rules struct {
	hours []span
	again time.Duration
	staff bool
}

// span is a time of day from begin to before end, in minutes after midnight; end below begin passes midnight.
type span struct{ begin, end int }

func (p *Policy) rules(kind uint64) rules {
	if r, ok := p.kinds[kind]; ok {
		return r
	}
	return p.rest
}

// Default is the policy of a gateway without a policy file: that of package trust, always open, no anti-passback.
func Default() *Policy {
	return &Policy{Trust: trust.DefaultPolicy(), Zone: time.Local, kinds: map[uint64]rules{code.KindStaff: {staff: true}}}
}

// kindFile is the table of one kind. Pointers tell what the file leaves out.
type kindFile struct {
	Fresh         *bool     `toml:"fresh"`
	NeedSignature *bool     `toml:"need_signature"`
	NeedNonce     *bool     `toml:"need_nonce"`
	MaxAge        *string   `toml:"max_age"`
	Staff         *bool     `toml:"staff"`
	AcceptStale   *bool     `toml:"accept_stale"`
	AcceptClock   *bool     `toml:"accept_clock"`
	Hours         *[]string `toml:"hours"`
	Again         *string   `toml:"again"`
}

type policyFile struct {
	Zone    string              `toml:"zone"`
	Default kindFile            `toml:"default"`
	Kinds   map[string]kindFile `toml:"kinds"`
}

// Load reads the policy file at path; an empty path is [Default].
func Load(path string) (*Policy, error) {
	if path == "" {
		return Default(), nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open policy: %w", err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, MaxSize+1))
	if err != nil {
		return nil, fmt.Errorf("read policy: %w", err)
	}
	if len(b) > MaxSize {
		return nil, fmt.Errorf("policy %s: larger than %d bytes", path, MaxSize)
	}
	return Parse(path, b)
}

// Parse reads the text of a policy file. Unknown keys, kinds, zones and malformed times are errors.
func Parse(name string, data []byte) (*Policy, error) {
	var file policyFile
	if err := toml.NewDecoder(bytes.NewReader(data)).DisallowUnknownFields().Decode(&file); err != nil {
		return nil, fmt.Errorf("policy %s: %w", name, oneLine(err))
	}
	p := Default()
	if file.Zone != "" {
		zone, err := time.LoadLocation(file.Zone)
		if err != nil {
			return nil, fmt.Errorf("policy %s: zone %q: %w", name, file.Zone, err)
		}
		p.Zone = zone
	}
	t := &trust.Policy{Default: p.Trust.Default, Kinds: maps.Clone(p.Trust.Kinds)}
	p.Trust = t
	if err := file.Default.apply(&t.Default, &p.rest); err != nil {
		return nil, fmt.Errorf("policy %s: default: %w", name, err)
	}
	p.kinds = map[uint64]rules{}
	for word, k := range file.Kinds {
		kind, err := parseKind(word)
		if err != nil {
			return nil, fmt.Errorf("policy %s: %w", name, err)
		}
		if _, twice := p.kinds[kind]; twice {
			return nil, fmt.Errorf("policy %s: kinds.%s: there are two tables for this kind", name, word)
		}
		row, r := t.For(kind), p.rest
		r.staff = r.staff || kind == code.KindStaff
		if err := k.apply(&row, &r); err != nil {
			return nil, fmt.Errorf("policy %s: kinds.%s: %w", name, word, err)
		}
		t.Kinds[kind], p.kinds[kind] = row, r
	}
	if _, named := p.kinds[code.KindStaff]; !named {
		r := p.rest
		r.staff = true
		p.kinds[code.KindStaff] = r
	}
	for kind, row := range t.Kinds { // kinds that only package trust knows keep the place's hours
		row.Hours = len(p.rules(kind).hours) > 0
		t.Kinds[kind] = row
	}
	return p, nil
}

func (k kindFile) apply(t *trust.KindPolicy, r *rules) error {
	set := func(to *bool, from *bool) {
		if from != nil {
			*to = *from
		}
	}
	set(&t.Fresh, k.Fresh)
	set(&t.NeedSignature, k.NeedSignature)
	set(&t.NeedNonce, k.NeedNonce)
	set(&r.staff, k.Staff)
	set(&t.AcceptStale, k.AcceptStale)
	set(&t.AcceptClock, k.AcceptClock)
	if err := duration("max_age", k.MaxAge, &t.MaxAge); err != nil {
		return err
	}
	if err := duration("again", k.Again, &r.again); err != nil {
		return err
	}
	if k.Hours != nil {
		r.hours = nil
		for _, s := range *k.Hours {
			h, err := parseSpan(s)
			if err != nil {
				return err
			}
			r.hours = append(r.hours, h)
		}
	}
	t.Hours = len(r.hours) > 0
	return nil
}

func duration(key string, from *string, to *time.Duration) error {
	if from == nil {
		return nil
	}
	d, err := time.ParseDuration(*from)
	if err != nil || d < 0 {
		return fmt.Errorf("%s: %q is not a duration such as 10s or 72h", key, *from)
	}
	*to = d
	return nil
}

// parseSpan reads "06:00-23:30"; 24:00 is allowed as an end.
func parseSpan(s string) (span, error) {
	var h1, m1, h2, m2 int
	bad := fmt.Errorf("hours: %q is not a span such as 06:00-23:30", s)
	if n, err := fmt.Sscanf(s, "%02d:%02d-%02d:%02d", &h1, &m1, &h2, &m2); n != 4 || err != nil {
		return span{}, bad
	}
	if s != fmt.Sprintf("%02d:%02d-%02d:%02d", h1, m1, h2, m2) || h1 > 23 || m1 > 59 || m2 > 59 || h2*60+m2 > 24*60 {
		return span{}, bad
	}
	return span{h1*60 + m1, h2*60 + m2}, nil
}

// parseKind takes a kind's name, or its number as this project would write it.
func parseKind(word string) (uint64, error) {
	if n, err := strconv.ParseUint(word, 10, 64); err == nil && word == strconv.FormatUint(n, 10) {
		return n, nil
	}
	if n, ok := code.KindOf(word); ok {
		return n, nil
	}
	return 0, fmt.Errorf("kinds.%s: %w", word, errKind)
}

var errKind = errors.New("there is no such kind; give its name or its number")

// oneLine gives the position that the TOML library knows, without its drawing of the text.
func oneLine(err error) error {
	var missing *toml.StrictMissingError
	if errors.As(err, &missing) && len(missing.Errors) > 0 {
		row, _ := missing.Errors[0].Position()
		return fmt.Errorf("line %d: there is no key %q", row, missing.Errors[0].Key())
	}
	var bad *toml.DecodeError
	if errors.As(err, &bad) {
		row, _ := bad.Position()
		return fmt.Errorf("line %d: %w", row, err)
	}
	return err
}
