package web

import (
	"fmt"
	"html/template"
	"time"

	"citygate/fleet"
	"citygate/fleet/store"
)

// slot is one quarter of an hour of a chart.
type slot struct {
	At                        time.Time
	Accepted, Refused, Cannot int64
}

// chart is a day's verdicts: accepted above the line, refused and cannot-check
// below, each by its own pattern, so that colour is not needed to tell them apart.
type chart struct {
	Slots                     []slot // only those with scans
	Accepted, Refused, Cannot int64
	Top                       int64 // the scale's upper end
	from                      time.Time
	slots                     int
}

func newChart(counts []store.Count, from time.Time) chart {
	c := chart{from: from, slots: int(from.AddDate(0, 0, 1).Sub(from) / store.Slot)}
	for _, n := range counts {
		if len(c.Slots) == 0 || !c.Slots[len(c.Slots)-1].At.Equal(n.Slot) {
			c.Slots = append(c.Slots, slot{At: n.Slot})
		}
		s := &c.Slots[len(c.Slots)-1]
		switch fleet.ClassOf(n.Verdict) {
		case fleet.ClassAccepted:
			s.Accepted += n.N
			c.Accepted += n.N
		case fleet.ClassRefused:
			s.Refused += n.N
			c.Refused += n.N
		default:
			s.Cannot += n.N
			c.Cannot += n.N
		}
	}
	top := int64(1)
	for _, s := range c.Slots {
		top = max(top, s.Accepted, 2*(s.Refused+s.Cannot))
	}
	c.Top = roundUp(top)
	return c
}

// roundUp is the next of 1, 2, 4, 6, 8, 10, 20, 40, and so on.
func roundUp(n int64) int64 {
	for step := int64(1); ; step *= 10 {
		for _, k := range []int64{1, 2, 4, 6, 8} {
			if n <= k*step {
				return k * step
			}
		}
	}
}

const (
	chartUp, chartDown = 98., 49. // heights above the line and below
	slotWidth          = 8.
)

// SVG draws the chart; times and scale are text beside it, so that it may be
// stretched to any width.
func (c chart) SVG(label string) template.HTML {
	var up, down, cannot []byte
	scale := chartUp / float64(c.Top)
	for _, s := range c.Slots {
		x := float64(s.At.Sub(c.from)/store.Slot)*slotWidth + .8
		bar := func(p []byte, y, h float64) []byte {
			if h == 0 {
				return p
			}
			return fmt.Appendf(p, "M%g %.1fh%gv%.1fh%gz", x, y, slotWidth-1.6, h, 1.6-slotWidth)
		}
		a, r, n := float64(s.Accepted)*scale, float64(s.Refused)*scale, float64(s.Cannot)*scale
		up = bar(up, chartUp-a, a)
		down = bar(down, chartUp+1, r)
		cannot = bar(cannot, chartUp+1+r, n)
	}
	w := float64(c.slots) * slotWidth
	return template.HTML(fmt.Sprintf(`<svg class="plot" viewBox="0 0 %g %g" preserveAspectRatio="none" role="img" aria-label="%s">`+
		`<path class="grid" d="M0 .5H%g M0 %gH%g"/><path class="c-ok" d="%s"/><path class="c-bad" d="%s"/><path class="c-wait" fill="url(#hatch)" d="%s"/><path class="axis" d="M0 %gH%g"/></svg>`,
		w, chartUp+chartDown+2, template.HTMLEscapeString(label), w, chartUp/2, w, up, down, cannot, chartUp+.5, w))
}

// Half is the middle of the scale above the line, 0 where it is no whole number.
func (c chart) Half() int64 {
	if c.Top%2 != 0 {
		return 0
	}
	return c.Top / 2
}
