package web

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"citygate/fleet"
	"citygate/fleet/store"
)

// judged is a gateway with its conditions at one moment.
type judged struct {
	fleet.Gateway
	Conditions []fleet.Condition
	State      fleet.Severity
}

// Worst is the first condition, or a zero one for a gateway that is fine.
func (j judged) Worst() fleet.Condition {
	if len(j.Conditions) == 0 {
		return fleet.Condition{}
	}
	return j.Conditions[0]
}

// figures are what the overview and /api/summary both say.
type figures struct {
	now      time.Time
	gateways []judged
	states   [4]int // by severity
	totals   store.Totals
	today    map[string]int64
	scans    int64 // today
	quick    int64 // of them, read and checked in under 100 ms

	wait                 time.Duration
	waitKnown, waitLeast bool
	trust                time.Duration
	trustKnown           bool
	alarms               int // open conditions that are alarms
}

func (s *Server) figures(ctx context.Context) (figures, error) {
	f := figures{now: s.o.Now(), today: make(map[string]int64)}
	list, err := s.o.Store.Gateways(ctx)
	if err != nil {
		return f, err
	}
	f.gateways = s.judge(list, f.now)
	for _, g := range f.gateways {
		f.add(g)
	}
	if f.totals, err = s.o.Store.Totals(ctx); err != nil {
		return f, err
	}
	from := dayStart(f.now.In(s.o.Zone))
	counts, err := s.o.Store.Counts(ctx, "", from, from.AddDate(0, 0, 1))
	for _, c := range counts {
		f.today[c.Verdict] += c.N
		f.scans += c.N
		f.quick += c.Quick
	}
	return f, err
}

func (s *Server) judge(list []fleet.Gateway, now time.Time) []judged {
	out := make([]judged, len(list))
	for i, g := range list {
		c := g.Conditions(now, s.o.Limits)
		out[i] = judged{Gateway: g, Conditions: c, State: fleet.State(c)}
	}
	return out
}

func (f *figures) add(g judged) {
	f.states[g.State]++
	if age, least, ok := g.Waiting(f.now); ok && (!f.waitKnown || age > f.wait) {
		f.wait, f.waitLeast, f.waitKnown = age, least, true
	}
	if age, ok := g.TrustAge(f.now); ok && (!f.trustKnown || age > f.trust) {
		f.trust, f.trustKnown = age, true
	}
	for _, c := range g.Conditions {
		if c.Severity == fleet.Alarm {
			f.alarms++
		}
	}
}

func (f *figures) stateWords() map[string]int {
	out := make(map[string]int)
	for s, n := range f.states {
		out[fleet.Severity(s).String()] = n
	}
	return out
}

func dayStart(t time.Time) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, t.Location())
}

// worstFirst orders gateways by severity, then by how long it has been so.
func worstFirst(a, b judged) int {
	if a.State != b.State {
		return int(b.State) - int(a.State)
	}
	x, y := a.Worst(), b.Worst()
	if c := x.Since.Compare(y.Since); c != 0 && !x.Since.IsZero() && !y.Since.IsZero() {
		return c
	}
	return strings.Compare(a.Name, b.Name)
}

// group is one row of the wall: the gateways of one place.
type group struct {
	Prefix string // what the list is filtered by
	Name   string
	Lang   string
	Bricks []judged
	NotOK  int
}

// wall groups gateways by the longest prefix that has a name, else by the
// prefix itself; within a group they stand in order of their names, which is
// street order where names are given along streets.
func (s *Server) wall(list []judged, lang string) []group {
	by := make(map[string]*group)
	for _, g := range list {
		prefix, name, in := s.placeName(g.Gateway, lang)
		w := by[prefix]
		if w == nil {
			w = &group{Prefix: prefix, Name: name, Lang: in}
			by[prefix] = w
		}
		w.Bricks = append(w.Bricks, g)
		if g.State != fleet.Fine {
			w.NotOK++
		}
	}
	out := make([]group, 0, len(by))
	for _, g := range by {
		out = append(out, *g)
	}
	slices.SortFunc(out, func(a, b group) int { return cmp.Compare(a.Prefix, b.Prefix) })
	return out
}

// placeName finds the longest prefix of a gateway's place that the directory
// names. Without one the prefix itself is the name.
func (s *Server) placeName(g fleet.Gateway, lang string) (prefix, name, in string) {
	nodes, _, _ := strings.Cut(g.Place, "/")
	if nodes == "" && g.Report != nil {
		nodes, _, _ = strings.Cut(g.Report.Place, "/")
	}
	for p := nodes; p != ""; {
		names := s.o.Places(p)
		for _, l := range []string{lang, "zh-CN", "zh", "en"} {
			if names[l] != "" {
				return p, names[l], l
			}
		}
		i := strings.LastIndexByte(p, '.')
		if i < 0 {
			break
		}
		p = p[:i]
	}
	return nodes, nodes, ""
}
