package trust_test

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"citygate/trust"
	"citygate/trust/cityid"
	"citygate/trust/ledger"
)

// mixture says what is wrong with a permit that is shown.
type mixture struct {
	lower, broken, wrongPath, forged, impostor bool
	issuer                                     string // sjz, withdrawn, ts, future
	missing                                    string // a log's short name, or ""
	leaf                                       string // own, other, fresh, beyond
	status                                     ledger.Status
	past, early                                bool
	unsynced, late, elsewhere, old             bool
}

func drawMixture(t *rapid.T) mixture {
	// One of four, so that the later reasons come up as well.
	wrong := func(name string) bool { return rapid.IntRange(0, 3).Draw(t, name) == 0 }
	pick := func(name string, good string, bad ...string) string {
		if !wrong(name) {
			return good
		}
		return rapid.SampledFrom(bad).Draw(t, name+" which")
	}
	m := mixture{
		lower: rapid.IntRange(0, 30).Draw(t, "lower") == 0, broken: rapid.IntRange(0, 20).Draw(t, "broken") == 0,
		wrongPath: wrong("path"), forged: wrong("forged"), impostor: wrong("impostor"),
		issuer:  pick("issuer", "sjz", "withdrawn", "ts", "future"),
		missing: pick("missing", "", "directory", "sjz-status", "sjz-records"),
		leaf:    pick("leaf", "own", "other", "fresh", "beyond"),
		past:    wrong("past"), early: wrong("early"), unsynced: wrong("unsynced"),
		late: wrong("late"), elsewhere: wrong("elsewhere"), old: wrong("old"),
	}
	if wrong("status") {
		m.status = rapid.SampledFrom([]ledger.Status{ledger.Revoked, ledger.Suspended}).Draw(t, "status which")
	}
	return m
}

// want is the list of DESIGN.md once more, as a person reads it.
func (m mixture) want() trust.Reason {
	ours := m.issuer == "sjz" || m.issuer == "withdrawn" // their logs are the city's
	switch {
	case m.lower:
		return trust.Foreign
	case m.broken:
		return trust.Malformed
	case m.issuer == "future":
		return trust.Unsupported
	case m.missing == "directory" || m.missing != "" && ours:
		return trust.StaleTrust
	case m.issuer == "withdrawn":
		return trust.UnknownIssuer
	case m.wrongPath:
		return trust.Mismatch
	case m.issuer == "ts":
		return trust.WrongIssuer
	case m.forged || m.impostor:
		return trust.BadSignature
	case m.leaf == "other":
		return trust.NotInLedger
	case m.leaf == "fresh" || m.leaf == "beyond":
		return trust.Pending
	case m.status == ledger.Revoked:
		return trust.Revoked
	case m.status == ledger.Suspended:
		return trust.Suspended
	case m.past:
		return trust.Expired
	case m.unsynced:
		return trust.ClockUntrusted
	case m.early:
		return trust.NotYetValid
	case m.late:
		return trust.StalePresentation
	case m.elsewhere:
		return trust.Elsewhere
	case m.old:
		return trust.StaleTrust
	}
	return trust.Valid
}

func (m mixture) record() string { return fmt.Sprint("mixture permit ", m.status, m.past, m.early) }

// scene shows the mixture.
func (m mixture) scene(w *world) scene {
	s := w.scene(m.record())
	s.issuer, s.forged, s.impostor = m.issuer, m.forged, m.impostor
	if m.wrongPath {
		s.old, s.new = "156.1301.02/P", "156.1301/P"
	}
	switch m.leaf {
	case "other":
		s.at = "lamp"
	case "fresh":
		s.fresh = true
	case "beyond":
		s.ahead = 10000
	}
	if m.missing != "" {
		s.checkpoint[m.missing] = time.Time{}
	}
	if m.old && m.missing != "directory" {
		s.checkpoint["directory"] = w.Time.Add(-1000 * time.Hour)
	}
	s.moment.Synced = !m.unsynced
	if m.late {
		s.shownAt = s.shownAt.Add(-time.Minute)
	}
	if m.elsewhere {
		s.moment.Place = cityid.ID{}
	}
	return s
}

// TestAnyMixture draws what is wrong and holds the verdict to the first reason.
func TestAnyMixture(t *testing.T) {
	w := newWorld(t)
	for _, status := range []ledger.Status{ledger.Good, ledger.Revoked, ledger.Suspended} {
		for i := range 4 {
			m := mixture{status: status, past: i&1 != 0, early: i&2 != 0}
			c := permit(m.record())
			c.Object = fmt.Sprintf("PERMIT.%d", w.sjz.Records.Size())
			if m.past {
				c.NotAfter = w.Time.Unix() - 1
			}
			if m.early {
				c.NotBefore = w.Time.Unix() + 3600
			}
			w.add(t, w.sjz, m.record(), true, c)
			if status != ledger.Good {
				w.SetStatus(w.sjz, w.record[m.record()].index, status)
			}
		}
	}
	w.sjz.Records.Pad()
	w.sjz.Records.Fill(3)
	seen := map[trust.Reason]bool{}
	rapid.Check(t, func(rt *rapid.T) {
		m := drawMixture(rt)
		s := m.scene(w)
		text := w.text(t, s)
		if m.lower {
			text = "h" + text[1:]
		}
		if m.broken {
			text += "0000"
		}
		got := trust.Check(text, w.ViewWith(s.checkpoint), s.policy, s.moment)
		if got.Reason != m.want() {
			rt.Fatalf("%s, want %s", got.Reason, m.want())
		}
		seen[got.Reason] = true
	})
	if len(seen) < 5 {
		t.Errorf("only %d reasons came up", len(seen))
	}
}
