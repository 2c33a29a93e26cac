package web

import (
	"cmp"
	"encoding/csv"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"citygate/fleet"
)

const listShown = 200

type listData struct {
	All     int
	Found   int
	List    []judged
	Counts  [4]int
	Query   string
	State   string
	Sort    string
	Next    int // offset of the next page, 0 at the end
	Offset  int
	States  []fleet.Severity
	Waiting func(judged) string
}

// gatewayList shows the gateways that a filter leaves, in pages.
func (s *Server) gatewayList(r *http.Request, v *view) error {
	all, found, err := s.filtered(r)
	if err != nil {
		return err
	}
	q := r.URL.Query()
	d := listData{All: len(all), Found: len(found), Query: q.Get("q"), State: q.Get("state"), Sort: q.Get("sort"),
		States: []fleet.Severity{fleet.Alarm, fleet.Attention, fleet.Offline, fleet.Fine}, Waiting: v.waiting}
	for _, g := range all {
		d.Counts[g.State]++
	}
	d.Offset, _ = strconv.Atoi(q.Get("from")) // no number means the first page
	d.Offset = min(max(d.Offset, 0), len(found))
	d.List = found[d.Offset:min(d.Offset+listShown, len(found))]
	if end := d.Offset + len(d.List); end < len(found) {
		d.Next = end
	}
	v.Page, v.Title, v.Data, v.tmpl = "gateways", v.T("gateways"), d, "gateways.html"
	return nil
}

// filtered reads all gateways and those that the address asks for, in its order.
func (s *Server) filtered(r *http.Request) (all, found []judged, err error) {
	list, err := s.o.Store.Gateways(r.Context())
	if err != nil {
		return nil, nil, err
	}
	now := s.o.Now()
	all = s.judge(list, now)
	q := r.URL.Query()
	terms := strings.Fields(strings.ToLower(q.Get("q")))
	if st := q.Get("state"); st != "" {
		terms = append(terms, "state:"+st)
	}
	for _, g := range all {
		if matches(g, terms) {
			found = append(found, g)
		}
	}
	order := worstFirst
	switch q.Get("sort") {
	case "name":
		order = func(a, b judged) int { return cmp.Compare(a.Name, b.Name) }
	case "heard":
		order = func(a, b judged) int { return a.Heard.Compare(b.Heard) }
	case "waiting":
		order = func(a, b judged) int { return cmp.Compare(waitingOf(b, now), waitingOf(a, now)) }
	case "trust":
		order = func(a, b judged) int { return cmp.Compare(trustOf(b, now), trustOf(a, now)) }
	}
	slices.SortStableFunc(found, order)
	return all, found, nil
}

func waitingOf(g judged, now time.Time) time.Duration {
	age, _, _ := g.Waiting(now)
	return age
}

func trustOf(g judged, now time.Time) time.Duration {
	age, _ := g.TrustAge(now)
	return age
}

// matches tells whether a gateway has every term: "state:alarm",
// "reason:event-gap", "version:1.2", "place:MA.156.1301", or a word in its name,
// title, place, condition or version.
func matches(g judged, terms []string) bool {
	var conditions []string
	for _, c := range g.Conditions {
		conditions = append(conditions, c.Code)
	}
	has := func(list []string, part string) bool {
		return slices.ContainsFunc(list, func(s string) bool { return strings.Contains(strings.ToLower(s), part) })
	}
	for _, t := range terms {
		key, value, ok := strings.Cut(t, ":")
		if !ok {
			key, value = "", t
		}
		good := false
		switch key {
		case "state":
			good = g.State.String() == value
		case "reason":
			good = has(conditions, value)
		case "version":
			good = strings.HasPrefix(strings.ToLower(g.Software()), value)
		case "place":
			good = strings.HasPrefix(strings.ToLower(g.Place), value)
		default:
			good = has(append(conditions, g.Name, g.Title, g.Place, g.Software()), t)
		}
		if !good {
			return false
		}
	}
	return true
}

// waiting is the age of the oldest event that waits, with "≥" where it is only
// a lower bound, and a dash where nothing is known.
func (v *view) waiting(g judged) string {
	age, least, ok := g.Waiting(v.now)
	switch {
	case !ok:
		return "–"
	case least:
		return "≥ " + v.Dur(age)
	case age == 0:
		return v.T("none")
	}
	return v.Dur(age)
}

// TrustAge is a gateway's trust age, or a dash.
func (v *view) TrustAge(g judged) string {
	if age, ok := g.TrustAge(v.now); ok {
		return v.Dur(age)
	}
	return "–"
}

// gatewaysCSV is the same list, filtered and sorted by the same address.
func (s *Server) gatewaysCSV(w http.ResponseWriter, r *http.Request) error {
	_, found, err := s.filtered(r)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "text/csv; charset=utf-8")
	w.Header().Set("Content-Disposition", `attachment; filename="gateways.csv"`)
	out := csv.NewWriter(w)
	rows := [][]string{{"device", "title", "place", "state", "worst_condition", "since", "heard", "epoch", "stored_to", "software", "trust_age_s", "frames_per_s"}}
	now := s.o.Now()
	for _, g := range found {
		age, frames := "", ""
		if g.Health != nil && g.Health.FrameMilliHz > 0 {
			frames = strconv.FormatFloat(float64(g.Health.FrameMilliHz)/1000, 'f', 1, 64)
		}
		if d, ok := g.TrustAge(now); ok {
			age = strconv.FormatInt(int64(d/time.Second), 10)
		}
		rows = append(rows, []string{g.Name, cell(g.Title), g.Place, g.State.String(), cell(g.Worst().Code), stampOrEmpty(g.Worst().Since),
			stampOrEmpty(g.Heard), epochText(g.Epoch), strconv.FormatUint(g.Mark, 10), cell(g.Software()), age, frames})
	}
	return out.WriteAll(rows)
}

// cell keeps a spreadsheet from running what a device wrote.
func cell(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r", rune(s[0])) {
		return "'" + s
	}
	return s
}

func stampOrEmpty(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}
