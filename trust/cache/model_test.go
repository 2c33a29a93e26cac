package cache_test

import (
	"errors"
	"math/rand/v2"
	"strconv"
	"testing"
	"time"

	"citygate/trust/cache"
	"citygate/trust/ledger"
	"citygate/trust/ledger/ledgertest"
)

// model is a gateway's life: logs grow, mirrors fail and lie, the gateway starts
// again, and the view only ever goes forward.
type model struct {
	*world
	t    testing.TB
	rng  *rand.Rand
	view *ledger.View
}

// faulty is a mirror that refuses one answer in five and lies in another one.
func (m *model) faulty() *ledgertest.Source {
	s := ledgertest.NewSource(m.Nation)
	s.SetFault(func(_, _ string, b []byte) ([]byte, error) {
		switch at := m.rng.IntN(5 * max(len(b), 1)); {
		case m.rng.IntN(5) == 0:
			return nil, errors.New("no answer")
		case at < len(b):
			b[at] ^= 1 << m.rng.IntN(8)
		}
		return b, nil
	})
	return s
}

// forward checks that no log of the view went back, and remembers the view.
func (m *model) forward() {
	v := m.c.View()
	for _, head := range m.view.Logs() {
		l := v.Log(head.Short)
		if l == nil || l.Size < head.Size {
			m.t.Fatalf("log %s went back from size %d", head.Short, head.Size)
		}
	}
	for _, l := range m.Logs() {
		if held := v.Log(l.Short); held != nil && (held.Root != l.Root(held.Size) || held.Tree.Root() != held.Root) {
			m.t.Fatalf("log %s has a root that it never had", l.Short)
		}
	}
	m.view = v
}

func TestModel(t *testing.T) {
	for seed := range uint64(8) {
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
			m := &model{world: newWorld(t), t: t, rng: rand.New(rand.NewPCG(seed, 0))}
			m.view = m.c.View()
			for range 20 {
				m.act()
				m.forward()
			}
			m.sync(t)
			m.same(t)
			m.reopen(t)
			m.same(t)
			if a := m.c.Alarms(); len(a) != 0 {
				t.Fatalf("alarms %v", a)
			}
		})
	}
}

// act does one thing at random.
func (m *model) act() {
	switch m.rng.IntN(7) {
	case 0:
		m.city.Records.Fill(m.rng.IntN(600))
	case 1:
		for range m.rng.IntN(600) {
			m.SetStatus(m.city, uint64(m.rng.IntN(1000)), ledger.Status(1+m.rng.IntN(4)))
		}
	case 2:
		if i := len(m.Registries) - 2; i < 3 {
			name := string(rune('a' + i))
			m.AddRegistry("MA.156.140"+name, "r-"+name).Records.Fill(m.rng.IntN(300))
		}
	case 3:
		// Two faulty mirrors: it may fail, but nothing wrong gets in.
		_, _ = m.c.Sync(m.t.Context(), several{m.src, []cache.Source{m.faulty(), m.faulty()}})
	case 4:
		m.reopen(m.t)
	case 5:
		m.Time = m.Time.Add(time.Minute)
	case 6:
		m.sync(m.t)
		m.same(m.t)
	}
}
