package policy

import (
	"crypto/rand"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"sync"
	"time"

	"citygate/trust"
)

// This file implements the nonce that a kiosk shows to holders, where policy demands it: a presentation that carries it
// was made in front of this screen, now, and not elsewhere or in advance.

// Times of a nonce. A holder has at least nonceGrace from taking it up to showing it.
const (
	nonceShown = time.Minute // on the screen, then another takes its place
	nonceGrace = time.Minute // after that, while people who took it up still come
)

// Nonces are the nonces that one kiosk shows, one after the other. A nonce is eight decimal digits, as the octets of
// their ASCII characters: people can type them, and a symbol can carry them. It ends when its time is over or when a
// code that carries it was accepted. Nonces is safe for concurrent use.
type Nonces struct {
	mu       sync.Mutex
	shown    string    // guarded by mu; "" before the first
	since    time.Time // guarded by mu; when shown came onto the screen
	before   string    // guarded by mu; the one before it, "" if it was used
	replaced time.Time // guarded by mu; when the time of before on the screen was over
}

// NewNonces returns the nonces of a kiosk that has shown none yet.
func NewNonces() *Nonces { return &Nonces{} }

// Shown returns the nonce that stands on the screen at time now.
func (n *Nonces) Shown(now time.Time) string {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.shown == "" || now.Sub(n.since) >= nonceShown || now.Before(n.since) {
		n.before, n.replaced = n.shown, n.since.Add(nonceShown) // not later, though nobody looked
		if now.Before(n.since) {
			n.before = "" // the clock was set back
		}
		n.shown, n.since = digits(), now
	}
	return n.shown
}

// Good returns the nonces that a presentation may carry at time now, the one on the screen first.
func (n *Nonces) Good(now time.Time) []string {
	good := []string{n.Shown(now)}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.before != "" && now.Sub(n.replaced) < nonceGrace {
		good = append(good, n.before)
	}
	return good
}

// Use ends a nonce: a code that carries it was accepted.
func (n *Nonces) Use(nonce string, now time.Time) {
	n.mu.Lock()
	defer n.mu.Unlock()
	switch nonce {
	case n.shown:
		n.shown, n.since = digits(), now
	case n.before:
		n.before = ""
	}
}

// digits are eight random ones.
func digits() string {
	n, err := rand.Int(rand.Reader, big.NewInt(1e8))
	if err != nil {
		panic("policy: " + err.Error()) // the system's random source never fails
	}
	return fmt.Sprintf("%08d", n)
}

// DemandsNonce says whether any kind of code must carry the nonce that the kiosk shows.
func (p *Policy) DemandsNonce() bool {
	return p.Trust.Default.NeedNonce || slices.ContainsFunc(slices.Collect(maps.Values(p.Trust.Kinds)),
		func(k trust.KindPolicy) bool { return k.NeedNonce })
}
