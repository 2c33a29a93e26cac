package web

import (
	"encoding/hex"
	"net/http"
	"slices"
	"strconv"
	"time"

	"citygate/fleet"
	"citygate/fleet/store"
)

const (
	eventsShown     = 14
	eventsPageShown = 100
	commandsShown   = 6
)

// head is one log as a gateway reports it, beside the largest size reported.
type head struct {
	Log    string
	Size   uint64
	Root   string
	Time   time.Time
	Behind uint64
}

type gatewayData struct {
	G         judged
	PlaceName string
	PlaceLang string
	Chart     chart
	Events    []store.Record
	Epochs    []store.Epoch
	Heads     []head
	KeyText   string
	Commands  []fleet.Command
	Desired   uint64 // number of the newest desired state of this gateway, 0: none
	More      bool
	Before    uint64
}

// LastNumber is the lowest number of the page shown.
func (d gatewayData) LastNumber() uint64 { return d.Events[len(d.Events)-1].First }

func (s *Server) gatewayPage(r *http.Request, v *view) error {
	d, err := s.loadGateway(r, v)
	if err != nil {
		return err
	}
	name := d.G.Name
	from := dayStart(v.now.In(s.o.Zone))
	counts, err := s.o.Store.Counts(r.Context(), name, from, from.AddDate(0, 0, 1))
	if err != nil {
		return err
	}
	d.Chart = newChart(counts, from)
	if d.Events, err = s.newest(r, name, 0, 0, eventsShown); err != nil {
		return err
	}
	v.Page, v.Title, v.Data, v.tmpl = "gateways", name, d, "gateway.html"
	return nil
}

func (s *Server) loadGateway(r *http.Request, v *view) (gatewayData, error) {
	var d gatewayData
	g, err := s.o.Store.Gateway(r.Context(), r.PathValue("name"))
	if err != nil {
		return d, err
	}
	d.G = s.judge([]fleet.Gateway{g}, v.now)[0]
	_, d.PlaceName, d.PlaceLang = s.placeName(g, v.Lang)
	d.KeyText = groups(hex.EncodeToString(g.Key))
	if d.Epochs, err = s.o.Store.Epochs(r.Context(), g.Name); err != nil {
		return d, err
	}
	slices.Reverse(d.Epochs)
	if d.Heads, err = s.heads(r, g); err != nil {
		return d, err
	}
	if d.Commands, err = s.o.Store.Commands(r.Context(), store.CommandsQuery{Device: g.Name, Limit: commandsShown}); err != nil {
		return d, err
	}
	want, err := s.o.Store.DesiredStates(r.Context(), "d/"+g.Name, false)
	if err == nil && len(want) > 0 {
		d.Desired = want[0].Number
	}
	return d, err
}

func (s *Server) heads(r *http.Request, g fleet.Gateway) ([]head, error) {
	if g.Report == nil {
		return nil, nil
	}
	largest, err := s.o.Store.Sizes(r.Context())
	if err != nil {
		return nil, err
	}
	var out []head
	for _, h := range g.Report.Trust {
		x := head{Log: h.Log, Size: h.Size, Root: hex.EncodeToString(h.Root[:]), Time: time.Unix(h.Time, 0).UTC()}
		x.Behind = max(largest[h.Log], h.Size) - h.Size
		out = append(out, x)
	}
	return out, nil
}

// newest lists a gateway's records from the last to the first, below a number
// of an epoch where one is given.
func (s *Server) newest(r *http.Request, device string, epoch, before uint64, n int) ([]store.Record, error) {
	var out []store.Record
	q := store.EventsQuery{Device: device, Epoch: epoch, Before: before, Newest: true, Limit: n}
	err := s.o.Store.Events(r.Context(), q, func(rec store.Record) error {
		out = append(out, rec)
		return nil
	})
	return out, err
}

// eventsPage lists all events of a gateway, epoch by epoch, in pages.
func (s *Server) eventsPage(r *http.Request, v *view) error {
	d, err := s.loadGateway(r, v)
	if err != nil {
		return err
	}
	q := r.URL.Query()
	epoch := d.G.Epoch
	if e := q.Get("epoch"); e != "" {
		if epoch, err = strconv.ParseUint(e, 16, 64); err != nil {
			return badRequest("epoch is not a hexadecimal number of 16 digits")
		}
	}
	if b := q.Get("before"); b != "" {
		if d.Before, err = strconv.ParseUint(b, 10, 63); err != nil {
			return badRequest("before is not a number")
		}
	}
	if d.Events, err = s.newest(r, d.G.Name, epoch, d.Before, eventsPageShown+1); err != nil {
		return err
	}
	if d.More = len(d.Events) > eventsPageShown; d.More {
		d.Events = d.Events[:eventsPageShown]
	}
	d.G.Epoch = epoch
	v.Page, v.Title, v.Data, v.tmpl = "gateways", d.G.Name, d, "events.html"
	return nil
}

// groups sets a hexadecimal text apart in fours.
func groups(s string) string {
	var out []byte
	for i := range len(s) {
		if i > 0 && i%4 == 0 {
			out = append(out, ' ')
		}
		out = append(out, s[i])
	}
	return string(out)
}

// Row is one stored record as the tables show it.
type Row struct {
	store.Record
	Verdict, Type, Subject string
	At                     time.Time
	Unsynced               bool
	Answer                 string
	After                  string
	Class                  fleet.Class
}

// Row prepares a record for a table. A personal code shows only the pseudonym's
// beginning, and a foreign one nothing.
func (v *view) Row(r store.Record) Row {
	row := Row{Record: r, Type: "poison"}
	switch {
	case r.Kind == store.ItemEvicted:
		row.Type, row.Subject = "evicted", v.F("evicted-n", v.Num(r.Last-r.First+1))
	case r.Event != nil:
		e := r.Event
		row.Type, row.Verdict, row.At = e.Type, e.Verdict, time.UnixMicro(e.At).UTC()
		row.Unsynced = e.ClockQ != "synced"
		row.Subject = subject(v, e.ID, e.Pseudonym, e.Verdict)
		if us := e.ScanUS + e.VerifyUS; us > 0 {
			row.Answer = strconv.FormatFloat(float64(us)/1000, 'f', 1, 64) + " ms"
		}
		if after := r.Stored.Sub(row.At); after >= 0 && !row.Unsynced {
			row.After = v.Dur(after)
		}
	}
	if row.Verdict != "" {
		row.Class = fleet.ClassOf(row.Verdict)
	}
	return row
}

func subject(v *view, id string, pseudonym []byte, verdict string) string {
	switch {
	case id != "":
		return id
	case len(pseudonym) >= 4:
		return "~" + hex.EncodeToString(pseudonym[:2]) + " " + hex.EncodeToString(pseudonym[2:4])
	case verdict == "foreign":
		return v.T("not-kept")
	}
	return ""
}
