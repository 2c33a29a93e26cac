package web

import (
	"cmp"
	"fmt"
	"html/template"
	"net/http"
	"slices"
	"time"

	"citygate/fleet"
	"citygate/fleet/store"
)

const (
	needsShown   = 8
	newestShown  = 10
	namedBricks  = 48   // up to so many gateways a brick carries its name
	singleBricks = 6000 // above, a brick stands for several
	quickGoal    = 0.99
)

// promise is one figure of the strip: where it stands against its limit.
type promise struct {
	Label string
	State fleet.Severity
	Value string
	Note  string
	Known bool
	// Part and Limit place the bar's end and its mark, of 1000.
	Part, Limit int
}

// verdictRow is one line of the answers of a day.
type verdictRow struct {
	Verdict string
	N       int64
	Share   string
	Part    int // of 1000, for the bar
}

type overviewData struct {
	Gateways []judged
	Scans    int64
	States   [4]int
	Promises []promise
	Places   []group
	Named    bool
	PerBrick int
	Needs    []need
	NeedAll  int
	Answers  []verdictRow
	Newest   []store.Record
	Logs     []Log
}

func (s *Server) overview(r *http.Request, v *view) error {
	f, err := s.figures(r.Context())
	if err != nil {
		return err
	}
	d := overviewData{Gateways: f.gateways, Scans: f.scans, States: f.states, PerBrick: 1, Named: len(f.gateways) <= namedBricks}
	d.PerBrick = max(1, (len(f.gateways)+singleBricks-1)/singleBricks)
	d.Places = s.wall(f.gateways, v.Lang)
	d.Promises = s.promises(v, f)
	d.Answers = answers(f)
	var bad []judged
	for _, g := range f.gateways {
		if g.State != fleet.Fine {
			bad = append(bad, g)
		}
	}
	slices.SortStableFunc(bad, worstFirst)
	d.NeedAll = len(bad)
	d.Needs = s.needs(bad, v.Lang)
	d.Needs = d.Needs[:min(needsShown, len(d.Needs))]
	if d.Newest, err = s.o.Store.Newest(r.Context(), newestShown); err != nil {
		return err
	}
	if s.o.Logs != nil {
		d.Logs = s.o.Logs()
	}
	v.Page, v.Title, v.Data, v.tmpl = "overview", v.FleetName(), d, "overview.html"
	return nil
}

func answers(f figures) []verdictRow {
	var out []verdictRow
	var top int64
	for verdict, n := range f.today {
		out = append(out, verdictRow{Verdict: verdict, N: n, Share: percent(n, f.scans)})
		top = max(top, n)
	}
	for i := range out {
		out[i].Part = int(out[i].N * 1000 / top)
	}
	slices.SortFunc(out, func(a, b verdictRow) int {
		if a.N != b.N {
			return cmp.Compare(b.N, a.N)
		}
		return cmp.Compare(a.Verdict, b.Verdict)
	})
	return out
}

func percent(n, of int64) string {
	if of == 0 {
		return ""
	}
	return fmt.Sprintf("%.1f %%", float64(n)*100/float64(of))
}

// promises sets each figure beside its limit. What is not known says so.
func (s *Server) promises(v *view, f figures) []promise {
	l := s.o.Limits
	wait := against(f.wait, l.Waiting)
	wait.Label, wait.Known, wait.Value, wait.Note = v.T("p-oldest"), f.waitKnown, v.Dur(f.wait), v.F("limit", v.Dur(l.Waiting))
	if f.waitKnown && f.wait == 0 && !f.waitLeast {
		wait.Value = v.T("none")
	}
	if f.waitLeast {
		wait.Value = "≥ " + wait.Value
	}
	trust := against(f.trust, l.TrustAge)
	trust.Label, trust.Known, trust.Value, trust.Note = v.T("p-trust"), f.trustKnown, v.Dur(f.trust), v.F("limit", v.Dur(l.TrustAge))

	n, off := int64(len(f.gateways)), int64(f.states[fleet.Offline])
	offline := against(time.Duration(off)*time.Second, time.Duration(float64(n)*l.OfflineShare*float64(time.Second)))
	offline.Label, offline.Known, offline.Value = v.T("p-offline"), n > 0, v.Num(off)
	offline.Note = v.F("share-limit", percent(off, max(n, 1)), fmt.Sprintf("%.1f %%", l.OfflineShare*100))
	if off == 0 {
		offline.State, offline.Part = fleet.Fine, 0
	}
	alarms := promise{Label: v.T("p-alarms"), Known: n > 0, Value: v.Num(f.alarms), Note: v.F("alarms-on", v.Num(f.states[fleet.Alarm])), Limit: 0}
	if f.alarms > 0 {
		alarms.State, alarms.Part = fleet.Alarm, 1000
	}
	quick := promise{Label: v.T("p-quick"), Known: f.scans > 0, Value: percent(f.quick, f.scans), Note: v.F("goal", fmt.Sprintf("%.0f %%", quickGoal*100)), Limit: 990}
	if f.scans > 0 {
		quick.Part = int(f.quick * 1000 / f.scans)
		if float64(f.quick) < quickGoal*float64(f.scans) {
			quick.State = fleet.Attention
		}
	}
	return []promise{wait, trust, offline, alarms, quick}
}

// against places a figure on a bar whose limit stands at 95 %.
func against(value, limit time.Duration) promise {
	p := promise{Limit: 950}
	if limit <= 0 {
		limit = 1
	}
	p.Part = int(min(1000, float64(value)/float64(limit)*950))
	if value > limit {
		p.State = fleet.Alarm
	} else if value > limit/2 {
		p.State = fleet.Attention
	}
	return p
}

// bricks cuts a group into bricks of per gateways, each as its worst.
func bricks(list []judged, per int) []fleet.Severity {
	var out []fleet.Severity
	for i := 0; i < len(list); i += per {
		worst := fleet.Fine
		for _, g := range list[i:min(i+per, len(list))] {
			worst = max(worst, g.State)
		}
		out = append(out, worst)
	}
	return out
}

const (
	brickWidth, brickHeight = 8, 11
)

// wallRow draws a group's bricks, cols to a row. A page holds a wide and a slim
// drawing, of which its style shows one.
func wallRow(list []fleet.Severity, cols int, label string) template.HTML {
	paths := map[fleet.Severity]*[]byte{fleet.Fine: {}, fleet.Attention: {}, fleet.Offline: {}, fleet.Alarm: {}}
	const w, h = brickWidth - 1, brickHeight - 3
	for i, sev := range list {
		row, x, y := i/cols, float64(i%cols*brickWidth), float64(i/cols*brickHeight+1)
		if row%2 == 1 {
			x += brickWidth / 2
		}
		p := paths[sev]
		switch sev {
		case fleet.Attention:
			*p = fmt.Appendf(*p, "M%g %gl%g %g %g %g %g %gz", x+w/2., y-1, w/2., h/2.+1, -w/2., h/2.+1, -w/2., -h/2.-1)
		case fleet.Offline:
			*p = fmt.Appendf(*p, "M%g %gh%gv%gh%gz", x+.7, y+.7, w-1.4, h-1.4, 1.4-w)
		case fleet.Alarm:
			*p = fmt.Appendf(*p, "M%g %gh%dl1 2v%dl-1 2h%dl-1 -2v%dz", x, y-1, w, h-2, -w, 2-h)
		default:
			*p = fmt.Appendf(*p, "M%g %gh%dv%dh%dz", x, y, w, h, -w)
		}
	}
	rows := (len(list) + cols - 1) / cols
	width, height := min(len(list), cols)*brickWidth+brickWidth/2+1, rows*brickHeight+1
	out := fmt.Sprintf(`<svg class="bricks" width="%d" height="%d" viewBox="-1 -1 %d %d" role="img" aria-label="%s">`,
		width, height, width+1, height+1, template.HTMLEscapeString(label))
	for _, sev := range []fleet.Severity{fleet.Fine, fleet.Offline, fleet.Attention, fleet.Alarm} {
		out += fmt.Sprintf(`<path class="b-%s" d="%s"/>`, sev, *paths[sev])
	}
	return template.HTML(out + "</svg>")
}
