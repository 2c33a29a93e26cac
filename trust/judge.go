package trust

import (
	"errors"
	"strings"
	"time"

	"citygate/trust/code"
	"citygate/trust/ledger"
)

// Limits on time and distance.
const (
	maxDirectoryAge = time.Hour        // for saying that a key beyond the directory does not exist
	freshWindow     = 10 * time.Minute // around claim 6
	freshReach      = 65536            // leaves beyond the cached size
)

// judge holds one code while its reason is looked for.
type judge struct {
	code.Parsed
	view    *ledger.View
	policy  KindPolicy
	moment  Moment
	verdict Verdict

	key     *ledger.IssuerKey // nil if the directory has no key row at the index
	state   ledger.KeyState
	dir     *ledger.LogView // the logs involved, each nil if not held
	records *ledger.LogView
	status  *ledger.LogView

	now    time.Time // the clock's, not before bound if the clock is not synchronised
	bound  time.Time // the newest checkpoint of the logs involved: it is at least this late
	oldest time.Time // the oldest checkpoint of the logs involved
}

// read parses the text and says if that ended the search.
func (j *judge) read(text string) Reason {
	var err error
	j.Parsed, err = code.ParseText(text)
	switch {
	case errors.Is(err, code.ErrForeign):
		return Foreign
	case errors.Is(err, code.ErrUnsupported):
		return Unsupported
	case err != nil:
		return Malformed
	}
	v := &j.verdict
	v.ID = j.ID()
	v.Personal, v.Kind, v.Language = j.Code.Personal(), j.Claims.Kind, j.Claims.Language
	v.NotAfter, v.Key, v.Index = j.Claims.NotAfter, j.Code.Key, j.Code.Index
	v.BodyHash = j.Code.BodyHash()
	if j.Presented != nil {
		v.Presented, v.PresentedAt, v.Presentation = true, j.Presented.At, j.Presented.ID()
	}
	return ""
}

// resolve finds the key row, its logs, and what they say about time. The bound
// is that of the logs involved: a city whose witnesses stamp a wrong year then
// harms its own codes only.
func (j *judge) resolve() {
	j.key, j.state = j.view.Key(j.Code.Key)
	j.dir = j.view.Log(ledger.DirectoryLog)
	if j.key != nil {
		j.verdict.Log = j.key.Records
		j.records, j.status = j.view.Log(j.key.Records), j.view.Log(j.key.Status)
	}
	for _, l := range [...]*ledger.LogView{j.dir, j.records, j.status} {
		if l == nil {
			continue
		}
		if l.Time.After(j.bound) {
			j.bound = l.Time
		}
		if j.oldest.IsZero() || l.Time.Before(j.oldest) {
			j.oldest = l.Time
		}
	}
	j.now = j.moment.Now
	if !j.moment.Synced && j.now.Before(j.bound) {
		j.now = j.bound
	}
	if j.dir != nil && j.records != nil && j.status != nil {
		j.verdict.TrustAge = max(0, j.now.Sub(j.oldest))
	}
}

// reason asks for the reasons in the order of their list.
func (j *judge) reason() Reason {
	for _, ask := range [...]func(*judge) Reason{
		(*judge).algorithm, (*judge).held, (*judge).issuer, (*judge).url, (*judge).scope,
		(*judge).signatures, (*judge).forged, (*judge).pending, (*judge).standing, (*judge).expired,
		(*judge).clock, (*judge).early, (*judge).presentation, (*judge).place, (*judge).aged,
	} {
		if r := ask(j); r != "" {
			return r
		}
	}
	if j.beyond() {
		return ValidFresh
	}
	return Valid
}

// algorithm: a signature that this build cannot check. A sealed code without
// one does not need its key's algorithm.
func (j *judge) algorithm() Reason {
	if j.key != nil && len(j.Code.Sig) > 0 && !code.Supported(j.key.Alg) {
		return Unsupported
	}
	return ""
}

// held: a log that this code hangs on was never read, or the key may be in the
// part of the directory that was not read yet.
func (j *judge) held() Reason {
	switch {
	case j.dir == nil:
		return StaleTrust
	case j.key != nil:
		if j.records == nil || j.status == nil {
			return StaleTrust
		}
	case j.state == ledger.KeyBeyond && j.now.Sub(j.dir.Time) > maxDirectoryAge:
		return StaleTrust
	}
	return ""
}

func (j *judge) issuer() Reason {
	if j.key == nil || j.key.Withdrawn && j.Code.Index >= j.key.StandsUpTo {
		return UnknownIssuer
	}
	return ""
}

func (j *judge) url() Reason {
	if !j.PathMatches() {
		return Mismatch
	}
	for _, host := range j.key.Hosts {
		if strings.EqualFold(host, j.Host) {
			return ""
		}
	}
	return Mismatch
}

func (j *judge) scope() Reason {
	if !j.key.PrefixID.Covers(j.verdict.ID) {
		return WrongIssuer
	}
	return ""
}

// signatures: a signature that is there has to be good, also where the policy
// does not ask for it.
func (j *judge) signatures() Reason {
	if len(j.Code.Sig) > 0 {
		j.verdict.SignatureGood = code.VerifySig(j.key.Key, j.key.Alg, j.Code)
	}
	if !j.verdict.SignatureGood && (len(j.Code.Sig) > 0 || j.policy.NeedSignature) {
		return BadSignature
	}
	if j.Presented != nil && !j.Presented.Verify(j.Claims.Holder) {
		return BadSignature
	}
	return ""
}

// beyond says that the record's index is not below the cached size.
func (j *judge) beyond() bool { return j.Code.Index >= j.records.Size }

// open says that the record's index is in the open tile, below the cached size.
func (j *judge) open() bool {
	return !j.beyond() && j.Code.Index/ledger.TileWidth == j.records.Size/ledger.TileWidth
}

// forged: the ledger has another record at the index.
func (j *judge) forged() Reason {
	if j.beyond() || !j.open() && !j.Code.Sealed() {
		return ""
	}
	leaf := ledger.Hash(j.Code.LeafHash())
	if j.open() {
		if have, ok := j.records.OpenLeaf(j.Code.Index); !ok || have != leaf {
			return NotInLedger
		}
		return ""
	}
	root, _ := ledger.PathRoot(leaf, j.Code.Index, j.Code.Path)
	if have, ok := j.records.Subtree(j.Code.Index / ledger.TileWidth); !ok || have != root {
		return NotInLedger
	}
	return ""
}

// pending: the record is newer than the cached log and not to be taken on its
// signature alone, or its tile closed and its sealed form is needed.
func (j *judge) pending() Reason {
	if j.beyond() && !j.freshEnough() || !j.beyond() && !j.open() && !j.Code.Sealed() {
		return Pending
	}
	return ""
}

// freshEnough says whether a record beyond the cached size may be valid-fresh.
// Personal records have no fresh form: their order in a batch is shuffled.
func (j *judge) freshEnough() bool {
	return j.policy.Fresh && !j.key.Withdrawn && j.verdict.SignatureGood &&
		!j.Code.Sealed() && !j.Code.Personal() && j.Code.Index-j.records.Size < freshReach &&
		j.moment.Synced && j.Claims.Issued != 0 && within(j.now, j.Claims.Issued, freshWindow)
}

// within says whether a second is at most d away from t.
func within(t time.Time, second int64, d time.Duration) bool {
	apart := t.Unix() - second
	return apart <= int64(d/time.Second) && apart >= -int64(d/time.Second)
}

func (j *judge) standing() Reason {
	switch j.view.Status(j.key.Status, j.Code.Index) {
	case ledger.Good:
		return ""
	case ledger.Revoked:
		return Revoked
	}
	return Suspended
}
