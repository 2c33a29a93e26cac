package trust

import (
	"time"

	"citygate/trust/code"
)

// Policy says what a gateway asks of codes, by kind.
type Policy struct {
	Default KindPolicy            // for kinds without a row of their own
	Kinds   map[uint64]KindPolicy // by claim 3
}

// KindPolicy says what a gateway asks of one kind of codes. The zero value
// takes everything that the ledger confirms, whatever its age.
type KindPolicy struct {
	// NeedSignature refuses codes without the issuer's signature.
	NeedSignature bool
	// NeedNonce refuses presented codes that do not carry the nonce that the
	// gateway shows.
	NeedNonce bool
	// Fresh takes signed codes that are too new for the ledger data here.
	Fresh bool
	// Hours says that opening hours hold for this kind, so that its answers
	// hang on time. The hours themselves are edge/policy's.
	Hours bool
	// MaxAge is the greatest age of ledger data to answer from. 0 is no limit.
	MaxAge time.Duration
	// AcceptStale answers also from ledger data older than MaxAge.
	AcceptStale bool
	// AcceptClock answers also by a clock that was not synchronised since
	// boot. Times are then compared with the later of that clock and the
	// newest checkpoint of the logs involved.
	AcceptClock bool
}

// For returns the policy of a kind.
func (p *Policy) For(kind uint64) KindPolicy {
	if k, ok := p.Kinds[kind]; ok {
		return k
	}
	return p.Default
}

// Ages of ledger data up to which DefaultPolicy answers.
const (
	defaultMaxAge  = 72 * time.Hour
	personalMaxAge = 24 * time.Hour
)

// DefaultPolicy is the policy of a gateway that was given none. Street assets
// and buildings are public facts: they are answered from ledger data of any
// age, street assets without a signature too. What grants a right is answered
// from younger data only. No kind takes fresh codes.
func DefaultPolicy() *Policy {
	personal := KindPolicy{NeedSignature: true, MaxAge: personalMaxAge}
	return &Policy{
		Default: KindPolicy{NeedSignature: true, MaxAge: defaultMaxAge},
		Kinds: map[uint64]KindPolicy{
			code.KindStreetAsset:  {},
			code.KindBuilding:     {NeedSignature: true},
			code.KindOrganisation: {NeedSignature: true},
			code.KindPermit:       personal,
			code.KindTicket:       personal,
			code.KindCredential:   personal,
			code.KindStaff:        personal,
		},
	}
}
