package web_test

import (
	"crypto/ed25519"
	"crypto/sha256"
	"fmt"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"citygate/fleet"
	"citygate/fleet/store"
	"citygate/fleet/web"
	"citygate/sync/wire"
)

var noon = time.Date(2026, 3, 2, 6, 32, 7, 0, time.UTC) // 14:32 in Shijiazhuang

// clock is the store's and the pages' clock; tests set it.
type clock struct{ t time.Time }

func (c *clock) now() time.Time { return c.t }

// sample is a store filled with events of several gateways in several states,
// all through the same calls as ingest makes.
type sample struct {
	tb    testing.TB
	s     *store.Store
	clock *clock
	rnd   *rand.Rand
}

func newSample(tb testing.TB) *sample {
	tb.Helper()
	c := &clock{t: noon}
	s, err := store.Open(filepath.Join(tb.TempDir(), "fleet.db"), store.Options{Now: c.now})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { s.Close() })
	return &sample{tb: tb, s: s, clock: c, rnd: rand.New(rand.NewPCG(1, 2))}
}

func (x *sample) must(err error) {
	x.tb.Helper()
	if err != nil {
		x.tb.Fatal(err)
	}
}

func (x *sample) observe(o store.Observation) {
	x.tb.Helper()
	errs, err := x.s.Observe(x.tb.Context(), []store.Observation{o})
	x.must(err)
	x.must(errs[0])
}

func (x *sample) enrol(name, place, title string) {
	key := sha256.Sum256([]byte(name))
	x.must(x.s.AddDevice(x.tb.Context(), fleet.Device{Name: name, Key: ed25519.NewKeyFromSeed(key[:]).Public().(ed25519.PublicKey), Place: place, Title: title}))
}

// day makes a day of scans of one gateway, added to the batches of each quarter
// of an hour up to now.
func (x *sample) day(slots map[time.Time][]store.Batch, name string, epoch uint64, perSlot int) {
	chain := wire.Chain0(name, epoch)
	seq := uint64(0)
	for at := noon.Add(-8 * time.Hour).Truncate(store.Slot); at.Before(noon.Add(-store.Slot)); at = at.Add(store.Slot) {
		b := wire.Batch{Device: name, Epoch: epoch, First: seq + 1, Prev: chain}
		n := perSlot/2 + x.rnd.IntN(perSlot+1)
		for i := range min(n, wire.MaxItems) {
			seq++
			e := x.scan(seq, at.Add(time.Duration(i)*25*time.Second))
			if seq == 1 {
				e.Type, e.Verdict, e.ID = wire.TypeStart, "", ""
			}
			raw, err := e.Encode()
			x.must(err)
			b.Items = append(b.Items, wire.Item{Event: raw})
		}
		if len(b.Items) == 0 {
			continue
		}
		chain = b.Chain()
		sb, err := store.FromWire(b, nil)
		x.must(err)
		slots[at] = append(slots[at], sb)
	}
}

// commit stores the batches of each slot at its end.
func (x *sample) commit(slots map[time.Time][]store.Batch) {
	for _, at := range slices.SortedFunc(maps.Keys(slots), time.Time.Compare) {
		x.clock.t = at.Add(store.Slot)
		_, err := x.s.Commit(x.tb.Context(), slots[at])
		x.must(err)
	}
	x.clock.t = noon
}

func (x *sample) scan(seq uint64, at time.Time) wire.Event {
	e := wire.Event{Seq: seq, At: at.UnixMicro(), ClockQ: wire.ClockSynced, Type: wire.TypeScan, Prio: wire.PrioScan,
		Symbology: "qr", ScanUS: 6000 + x.rnd.Int64N(9000), VerifyUS: 60 + x.rnd.Int64N(60), Log: "sjz-records"}
	verdicts := []string{"expired", "revoked", "foreign", "not-in-ledger", "mismatch", "pending", "stale-trust"}
	if v := x.rnd.IntN(40); v < len(verdicts) {
		e.Verdict = verdicts[v]
	} else {
		e.Verdict = "valid"
	}
	switch {
	case e.Verdict == "foreign":
		e.Log = ""
	case x.rnd.IntN(3) == 0:
		e.Pseudonym = []byte(fmt.Sprintf("%08x", x.rnd.Uint32()))
	default:
		e.Index = uint64(x.rnd.IntN(100000))
		e.ID = fmt.Sprintf("MA.156.1301.01/LAMP.%06d", x.rnd.IntN(900000))
	}
	return e
}

func (x *sample) on(name string, epoch uint64, ago time.Duration) {
	x.clock.t = noon.Add(-ago)
	x.observe(store.Observation{Device: name, Birth: &wire.Birth{State: wire.StateOn, Conn: epoch + 100, Epoch: epoch, Software: "1.0.0"}})
	x.clock.t = noon.Add(-20 * time.Second)
	x.observe(store.Observation{Device: name, Report: &wire.Report{At: 1, Software: "1.0.0", Config: "c-0412", Trust: []wire.Head{
		{Log: "directory", Size: 24, Root: wire.Hash{1}, Time: noon.Add(-4 * time.Minute).Unix()},
		{Log: "sjz-records", Size: 11206144 + epoch%2*256, Root: wire.Hash{2, byte(epoch % 2)}, Time: noon.Add(-4 * time.Minute).Unix()},
		{Log: "sjz-status", Size: 48310, Root: wire.Hash{3}, Time: noon.Add(-3 * time.Minute).Unix()},
	}}})
	x.clock.t = noon
}

func (x *sample) off(name string, epoch uint64, ago time.Duration) {
	x.clock.t = noon.Add(-ago)
	x.observe(store.Observation{Device: name, Birth: &wire.Birth{State: wire.StateOff, Conn: epoch + 100, Epoch: epoch}})
	x.clock.t = noon
}

func (x *sample) health(name string, h wire.Health) {
	h.At, h.ClockQ = noon.UnixMicro(), wire.ClockSynced
	h.FrameMilliHz, h.TempMilliC, h.CertDays, h.Uptime, h.TrustAge = 29800, 47200, 41, 86400*3, 240
	x.clock.t = noon.Add(-12 * time.Second)
	x.observe(store.Observation{Device: name, Health: &h})
	x.clock.t = noon
}

// streetEpoch is the epoch of the i-th gateway of street.
func streetEpoch(i int) uint64 { return 0x9e3779b97f4a7c15*uint64(i+1) | 1 }

// street is a fleet of a dozen gateways with something to look at.
func street(tb testing.TB) *sample {
	x := newSample(tb)
	places := []string{"MA.156.1301.02/KIOSK.%06d", "MA.156.1301.01/GATE.%06d", "MA.156.1303.02/KIOSK.%06d"}
	titles := []string{"中山路口 3 号终端", "建设大街 12 号", "Zhongshan Road, kiosk 3", ""}
	slots := make(map[time.Time][]store.Batch)
	defer func() { x.commit(slots) }()
	for i := range 12 {
		name := fmt.Sprintf("%s-01%02d-%04d", []string{"sjz", "sjz", "qhd"}[i%3], i%3+1, 100+i)
		epoch := streetEpoch(i)
		x.enrol(name, fmt.Sprintf(places[i%3], 100+i), titles[i%4])
		if i == 11 {
			continue // enrolled, never seen
		}
		x.day(slots, name, epoch, 6+3*i)
		x.on(name, epoch, 7*time.Hour)
		h := wire.Health{Epoch: epoch, WALBytes: 4100000}
		switch i {
		case 1:
			h.Depth, h.OldestAge = 214, 2400
		case 4:
			h.Conditions = map[string]string{"camera-dirty": "sharpness is 38 % of its first week"}
		}
		x.health(name, h)
		if i == 2 || i == 5 {
			x.off(name, epoch, 26*time.Minute)
		}
		if i == 3 {
			x.must(x.s.Find(tb.Context(), fleet.Finding{Device: name, Kind: fleet.Fork, Epoch: epoch, First: 118, Last: 118,
				Detail: "two chains for number 118", Ours: make([]byte, 32), Theirs: []byte("0123456789abcdef0123456789abcdef"), Evidence: []byte("a batch")}))
		}
		if i == 7 {
			x.must(x.s.Find(tb.Context(), fleet.Finding{Device: name, Kind: fleet.Gap, Epoch: epoch, First: 5001, Last: 5032, Detail: "later events came; these were asked for again"}))
		}
	}
	return x
}

// city is a fleet of n gateways that were only heard; of many, some have scanned too.
func city(tb testing.TB, n int) *sample {
	x := newSample(tb)
	slots := make(map[time.Time][]store.Batch)
	defer func() { x.commit(slots) }()
	for i := range n {
		name := fmt.Sprintf("sjz-%04d", i)
		x.enrol(name, fmt.Sprintf("MA.156.%s/KIOSK.%06d", []string{"1301", "1301.02", "1302", "1303.01"}[i%4], i), "")
		if i%37 != 0 {
			x.on(name, uint64(i+1), time.Hour)
		}
		if n > 1000 && i%150 == 8 {
			x.day(slots, name, uint64(i+1), 20)
		}
		if i%53 == 0 || i > 300 && i < 320 {
			x.off(name, uint64(i+1), 26*time.Minute)
		}
		if i%211 == 5 {
			x.must(x.s.Find(tb.Context(), fleet.Finding{Device: name, Kind: fleet.Clone, Detail: "two epochs after one", Epoch: 1, First: 1}))
		}
	}
	return x
}

func (x *sample) server(o web.Options) *web.Server {
	x.tb.Helper()
	zone, err := time.LoadLocation("Asia/Shanghai")
	x.must(err)
	o.Store, o.Now, o.Zone, o.Version = x.s, x.clock.now, zone, "cityfleet 1.0.0"
	o.Title = map[string]string{"en": "Shijiazhuang fleet", "zh-CN": "石家庄网关群"}
	o.Ingest = func() web.Ingest { return web.Ingest{Connected: true, Since: noon} }
	o.Logs = func() []web.Log {
		return []web.Log{{Name: "directory", Size: 24, Checked: noon}, {Name: "sjz-records", Size: 11206400, Checked: noon}, {Name: "sjz-status", Size: 48310, Checked: noon, Failing: true}}
	}
	o.Places = func(p string) map[string]string {
		return map[string]map[string]string{"MA.156.1301": {"zh-CN": "石家庄", "en": "Shijiazhuang"}, "MA.156.1303": {"zh-CN": "秦皇岛", "en": "Qinhuangdao"},
			"MA.156.1301.02": {"zh-CN": "石家庄交通", "en": "Shijiazhuang Traffic"}}[p]
	}
	srv, err := web.New(o)
	x.must(err)
	return srv
}
