package edge

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"strings"
	"time"

	"citygate/edge/health"
	"citygate/edge/kiosk"
	"citygate/sync/wire"
	"citygate/trust"
	"citygate/trust/ledger"
)

// This file implements what is recorded of a scan, and what is shown of it.

// store makes an event durable and keeps the condition of the disk; the lens shows the signs of life. A caller that gets
// an error shows nothing. It needs the turn.
func (g *Gateway) store(ctx context.Context, l *lens, e wire.Event) (epoch, seq uint64, err error) {
	if e.At == 0 {
		e.At = g.o.Now().UnixMicro()
	}
	e.ClockQ = g.clockQ()
	e.Software = g.o.Version
	if g.o.Place != (Options{}).Place {
		e.Place = g.o.Place.String()
	}
	type stamp struct{ epoch, seq uint64 }
	s, err := supervise(ctx, l.alive, storeTimeout, func(ctx context.Context) (stamp, error) {
		epoch, seq, err := g.o.Outbox.Append(ctx, e)
		return stamp{epoch, seq}, err
	}, nil)
	now := g.o.Now()
	if err != nil {
		if !g.storage {
			g.log.Error("event cannot be stored", "error", err)
		}
		g.o.Metrics.storeFailures.Inc()
		g.storage, g.retryAt = true, now.Add(storeAgain)
		g.o.Health.Raise(health.Storage, err.Error(), now)
		return 0, 0, err
	}
	if g.storage {
		g.log.Info("events can be stored again")
	}
	g.storage, g.retryAt = false, time.Time{}
	g.o.Health.Clear(health.Storage)
	return s.epoch, s.seq, nil
}

// scanEvent is what is kept of a scan. Nothing of a foreign or broken code's content; of a personal code a pseudonym;
// an identifier only where the issuer's signature or the ledger stands behind it.
func (l *lens) scanEvent(s sighting, reason trust.Reason, now time.Time) wire.Event {
	g, v := l.g, s.verdict
	e := wire.Event{
		Type: wire.TypeScan, Prio: wire.PrioScan, At: now.UnixMicro(), Verdict: string(reason),
		Symbology: s.format, ScanUS: s.scanned.Microseconds(), VerifyUS: s.verified.Microseconds(),
		Trust: g.trustVersion(v.Log), Log: v.Log, Kind: v.Kind,
	}
	switch {
	case v.BodyHash == [32]byte{}:
		e.Kind = 0
	case v.Personal:
		e.Pseudonym = g.names.of(v.BodyHash, now)
	case v.Log != "":
		e.Index = v.Index
		if v.SignatureGood || v.Accept {
			e.ID = v.ID.String()
		}
	}
	if v.Alarm {
		e.Prio = wire.PrioAlarm
		describe(&e, "alarm", "good signature, not in the ledger")
	}
	source := g.o.source
	if s.test {
		source = SourceTest
	}
	describe(&e, "source", source)
	describe(&e, "camera", l.name())
	return e
}

// describe adds a detail to an event, unless it is empty.
func describe(e *wire.Event, name, value string) {
	if value == "" {
		return
	}
	if e.Detail == nil {
		e.Detail = map[string]string{}
	}
	e.Detail[name] = clip(value)
}

// trustVersion says by which ledger data the verdict was made: sizes of the directory and of the records log.
func (g *Gateway) trustVersion(log string) string {
	view := g.o.Views.View()
	var b strings.Builder
	if l := view.Log(ledger.DirectoryLog); l != nil {
		fmt.Fprintf(&b, "%s %d", l.Short, l.Size)
	}
	if l := view.Log(log); l != nil && log != ledger.DirectoryLog {
		fmt.Fprintf(&b, ", %s %d", l.Short, l.Size)
	}
	return b.String()
}

// screenAnswer is what the citizen may see. Facts are named only for an accepted code, and for a refused one whose
// signature was good: a forged code never puts its own words on a public screen.
func (l *lens) screenAnswer(s sighting, reason trust.Reason, now time.Time, epoch, seq uint64) kiosk.Answer {
	v := s.verdict
	class := reason.Class()
	a := kiosk.Answer{
		Epoch: epoch, Seq: seq, At: now, Verdict: string(reason), Class: class.String(), Accept: class == trust.Accepted,
		Symbology: s.format, Personal: v.Personal, Camera: l.number,
		Test: s.test, Staff: !s.test && l.g.o.Policy.Staff(v, reason, l.g.o.Place),
	}
	if !named(reason) || !v.Accept && !v.SignatureGood {
		return a
	}
	a.Lang, a.Kind = v.Language, v.Kind
	if v.Personal {
		a.Ending = ending(v.ID.Object())
	} else {
		a.ID = v.ID.String()
	}
	a.Issuer = issuer(l.g.o.Views.View(), v.Key)
	return a
}

// named says whether facts stand beside this reason (UI.md, section 2).
func named(r trust.Reason) bool {
	switch r {
	case trust.Valid, trust.ValidFresh, trust.Expired, trust.NotYetValid, trust.Revoked, trust.Suspended, trust.Replayed,
		trust.StalePresentation, trust.Elsewhere, trust.Closed, trust.TooSoon:
		return true
	}
	return false
}

// ending is the last four letters or digits of a personal identifier, nothing of a short one.
func ending(object string) string {
	plain := strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' {
			return r
		}
		return -1
	}, object)
	if len(plain) < 8 {
		return ""
	}
	return plain[len(plain)-4:]
}

// issuer names the office of an issuer key: the newest registry row of its prefix, or of the nearest prefix above.
func issuer(v *ledger.View, key uint32) map[string]string {
	k, _ := v.Key(key)
	if k == nil {
		return nil
	}
	for p, ok := k.PrefixID, true; ok; p, ok = p.Parent() {
		row := v.Registry(p.String())
		if row == nil {
			continue
		}
		names := map[string]string{}
		for lang, name := range row.Names {
			primary, _, _ := strings.Cut(lang, "-")
			if primary == "zh" {
				names["zh-CN"] = name
			} else {
				names[primary] = name
			}
		}
		return names
	}
	return nil
}

// pseudonyms name personal codes for one day, so that a day's scans of one code can be told to be the same, and
// nothing more. The key is never written anywhere.
type pseudonyms struct {
	day string
	key [32]byte
}

func (p *pseudonyms) of(body [32]byte, now time.Time) []byte {
	p.roll(now)
	if p.day == "" {
		p.day = now.UTC().Format(time.DateOnly)
		_, _ = rand.Read(p.key[:]) // never fails
	}
	m := hmac.New(sha256.New, p.key[:])
	m.Write(body[:])
	return m.Sum(nil)[:16]
}

// roll destroys the key when its day is not the day of now.
func (p *pseudonyms) roll(now time.Time) {
	if p.day != "" && p.day != now.UTC().Format(time.DateOnly) {
		p.forget()
	}
}

func (p *pseudonyms) forget() { *p = pseudonyms{} }
