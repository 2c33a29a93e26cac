package edge

import (
	"strings"
	"time"

	"citygate/edge/kiosk"
	"citygate/trust"
	"citygate/trust/ledger"
)

// This file implements the nonce that the kiosk shows to holders, where policy demands it.

// holderPage is the path of the holder's page on the host of a person's codes (docs/formats/resolve.md).
const holderPage = "/citygate.page/holder.html"

// check gives the verdict on a text, with each nonce that a holder may have taken up: a code that carries the one that
// has just left the screen is good as well, and one that was accepted stays so while it is held, though its nonce is
// used up. More than one check is needed for stale presentations only. It needs the turn.
func (g *Gateway) check(text string, at trust.Moment) (trust.Verdict, string) {
	if g.o.Nonces == nil {
		return trust.Check(text, g.o.Views.View(), g.o.Policy.Trust, at), ""
	}
	var first trust.Verdict
	good := g.o.Nonces.Good(at.Now)
	for i, nonce := range good {
		at.Nonce = []byte(nonce)
		v := trust.Check(text, g.o.Views.View(), g.o.Policy.Trust, at)
		if v.Reason != trust.StalePresentation {
			return v, nonce
		}
		if i == 0 {
			first = v
		}
	}
	for h := range g.scans() {
		if !h.accepted || h.nonce == "" {
			continue
		}
		at.Nonce = []byte(h.nonce)
		if v := trust.Check(text, g.o.Views.View(), g.o.Policy.Trust, at); v.Reason != trust.StalePresentation && v.BodyHash == h.key.body {
			return v, h.nonce
		}
	}
	return first, good[0]
}

// used ends the nonce of a code that was accepted, and shows the next one at once.
func (g *Gateway) used(s sighting, reason trust.Reason, now time.Time) {
	if g.o.Nonces == nil || reason.Class() != trust.Accepted || !s.verdict.Presented || !g.o.Policy.Trust.For(s.verdict.Kind).NeedNonce {
		return
	}
	g.o.Nonces.Use(s.nonce, now)
	g.showNonce(now)
}

// showNonce tells the screen which nonce stands there now, once.
func (g *Gateway) showNonce(now time.Time) {
	if g.o.Nonces == nil {
		return
	}
	n := kiosk.Nonce{Digits: g.o.Nonces.Shown(now), Page: g.asked.Page}
	if n.Digits != g.asked.Digits || n.Page == "" { // at the start the directory may not be here yet
		n.Page = g.holderPage()
	}
	if n != g.asked {
		g.asked = n
		g.o.Screen.Nonce(n)
	}
}

// holderPage is where most people who come here keep their codes: the host of the newest issuer key whose prefix covers
// this place. "" while the directory names none; holders then type the digits.
func (g *Gateway) holderPage() string {
	dir := g.o.Views.View().Directory()
	for i := dir.Size(); i > 0; i-- {
		k, state := dir.Key(uint32(i - 1))
		if state == ledger.KeyLive && len(k.Hosts) > 0 && k.PrefixID.Contains(g.o.Place) {
			return "https://" + strings.ToLower(k.Hosts[0]) + holderPage
		}
	}
	return ""
}
