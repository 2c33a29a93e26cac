package web

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"citygate/fleet"
	"citygate/fleet/store"
)

func epochText(e uint64) string { return fmt.Sprintf("%016x", e) }

// summary is the answer of /api/summary. Fields that are not known are absent.
type summary struct {
	At       time.Time        `json:"at"`
	Gateways int              `json:"gateways"`
	States   map[string]int   `json:"states"`
	Epochs   int              `json:"epochs"`
	Events   uint64           `json:"events"`
	Verdicts map[string]int64 `json:"verdicts"`
	Today    map[string]int64 `json:"verdicts_today"`
	Findings map[string]int64 `json:"findings_open"`
	OldestS  *float64         `json:"oldest_unacknowledged_s,omitempty"`
	OldestLB bool             `json:"oldest_is_lower_bound,omitempty"`
	TrustS   *float64         `json:"trust_age_s,omitempty"`
	Ingest   *ingestJSON      `json:"ingest,omitempty"`
	Logs     []logJSON        `json:"logs,omitempty"`
}

type ingestJSON struct {
	Connected  bool              `json:"connected"`
	StoreFails bool              `json:"store_fails"`
	Events     uint64            `json:"events"`
	Repeated   uint64            `json:"repeated_batches"`
	Dropped    map[string]uint64 `json:"dropped,omitempty"`
}

type logJSON struct {
	Log     string `json:"log"`
	Size    uint64 `json:"size"`
	Failing bool   `json:"failing,omitempty"`
}

func (s *Server) apiSummary(w http.ResponseWriter, r *http.Request) error {
	f, err := s.figures(r.Context())
	if err != nil {
		return err
	}
	out := summary{
		At: f.now.UTC(), Gateways: len(f.gateways), States: f.stateWords(), Epochs: f.totals.Epochs, Events: f.totals.Numbers,
		Verdicts: f.totals.Verdicts, Today: f.today, Findings: f.totals.Findings,
	}
	if f.waitKnown {
		v := f.wait.Seconds()
		out.OldestS, out.OldestLB = &v, f.waitLeast
	}
	if f.trustKnown {
		v := f.trust.Seconds()
		out.TrustS = &v
	}
	if s.o.Ingest != nil {
		in := s.o.Ingest()
		out.Ingest = &ingestJSON{in.Connected, in.StoreFails, in.Events, in.Repeated, in.Dropped}
	}
	if s.o.Logs != nil {
		for _, l := range s.o.Logs() {
			out.Logs = append(out.Logs, logJSON{l.Name, l.Size, l.Failing})
		}
	}
	return writeJSON(w, out)
}

type gatewayJSON struct {
	Device     string           `json:"device"`
	Title      string           `json:"title,omitempty"`
	Place      string           `json:"place,omitempty"`
	State      string           `json:"state"`
	Conditions []conditionJSON  `json:"conditions,omitempty"`
	Heard      *time.Time       `json:"heard,omitempty"`
	Software   string           `json:"software,omitempty"`
	Births     int              `json:"births"`
	Waiting    *uint64          `json:"waiting,omitempty"`
	WaitingS   *float64         `json:"oldest_waiting_s,omitempty"`
	TrustS     *float64         `json:"trust_age_s,omitempty"`
	Epochs     []epochJSON      `json:"epochs"`
	Recent     map[string]int64 `json:"verdicts_last_hour,omitempty"`
}

type conditionJSON struct {
	Code     string     `json:"code"`
	Severity string     `json:"severity"`
	Since    *time.Time `json:"since,omitempty"`
	Detail   string     `json:"detail,omitempty"`
}

type epochJSON struct {
	Epoch  string    `json:"epoch"`
	Mark   uint64    `json:"mark"`
	Chain  string    `json:"chain"`
	Opened time.Time `json:"opened"`
	Stored time.Time `json:"stored"`
}

func (s *Server) apiGateways(w http.ResponseWriter, r *http.Request) error {
	list, err := s.o.Store.Gateways(r.Context())
	if err != nil {
		return err
	}
	now := s.o.Now()
	out := make([]gatewayJSON, 0, len(list))
	for _, g := range list {
		j, err := s.gatewayJSON(r.Context(), g, now)
		if err != nil {
			return err
		}
		out = append(out, j)
	}
	return writeJSON(w, out)
}

func (s *Server) gatewayJSON(ctx context.Context, g fleet.Gateway, now time.Time) (gatewayJSON, error) {
	conditions := g.Conditions(now, s.o.Limits)
	j := gatewayJSON{
		Device: g.Name, Title: g.Title, Place: g.Place, State: fleet.State(conditions).String(), Heard: known(g.Heard),
		Software: g.Software(), Births: g.Births, Recent: g.Recent, Epochs: []epochJSON{},
	}
	for _, c := range conditions {
		j.Conditions = append(j.Conditions, conditionJSON{c.Code, c.Severity.String(), known(c.Since), c.Detail})
	}
	if g.Health != nil {
		j.Waiting = &g.Health.Depth
	}
	if age, least, ok := g.Waiting(now); ok && !least {
		v := age.Seconds()
		j.WaitingS = &v
	}
	if age, ok := g.TrustAge(now); ok {
		v := age.Seconds()
		j.TrustS = &v
	}
	epochs, err := s.o.Store.Epochs(ctx, g.Name)
	if err != nil {
		return j, err
	}
	for _, e := range epochs {
		j.Epochs = append(j.Epochs, epochJSON{epochText(e.Epoch), e.Mark, hex.EncodeToString(e.Chain[:]), e.Opened, e.Stored})
	}
	return j, nil
}

func known(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// eventJSON is one line of /api/events. An evicted range has type "evicted" and
// a last number; bytes that are no event have type "poison" and raw.
type eventJSON struct {
	Device    string            `json:"device"`
	Epoch     string            `json:"epoch"`
	Seq       uint64            `json:"seq"`
	Last      uint64            `json:"last,omitempty"`
	Type      string            `json:"type"`
	At        *time.Time        `json:"at,omitempty"`
	Clock     string            `json:"clock,omitempty"`
	Verdict   string            `json:"verdict,omitempty"`
	Kind      uint64            `json:"kind,omitempty"`
	Log       string            `json:"log,omitempty"`
	Index     *uint64           `json:"index,omitempty"`
	Pseudonym string            `json:"pseudonym,omitempty"`
	ID        string            `json:"id,omitempty"`
	Symbology string            `json:"symbology,omitempty"`
	ScanUS    int64             `json:"scan_us,omitempty"`
	VerifyUS  int64             `json:"verify_us,omitempty"`
	Detail    map[string]string `json:"detail,omitempty"`
	Counts    map[string]uint64 `json:"counts,omitempty"`
	Raw       []byte            `json:"raw,omitempty"`
	Stored    time.Time         `json:"stored"`
	Chain     string            `json:"chain"`
}

func toEventJSON(r store.Record) eventJSON {
	j := eventJSON{Device: r.Device, Epoch: epochText(r.Epoch), Seq: r.First, Type: "poison", Stored: r.Stored, Chain: hex.EncodeToString(r.Chain[:])}
	switch {
	case r.Kind == store.ItemEvicted:
		j.Type, j.Last = "evicted", r.Last
		if r.Evicted != nil {
			j.Counts = r.Evicted.Counts
		}
	case r.Event != nil:
		e := r.Event
		at := time.UnixMicro(e.At).UTC()
		j.Type, j.At, j.Clock, j.Verdict, j.Kind, j.Log, j.ID = e.Type, &at, e.ClockQ, e.Verdict, e.Kind, e.Log, e.ID
		j.Symbology, j.ScanUS, j.VerifyUS, j.Detail, j.Pseudonym = e.Symbology, e.ScanUS, e.VerifyUS, e.Detail, hex.EncodeToString(e.Pseudonym)
		if e.Log != "" && e.Pseudonym == nil {
			j.Index = &e.Index
		}
	default:
		j.Raw = r.Raw
	}
	return j
}

// apiEvents streams events as JSON lines, oldest first: ?device= is required,
// &epoch= (hex) and &after= (a number in that epoch) narrow it.
func (s *Server) apiEvents(w http.ResponseWriter, r *http.Request) error {
	q, err := s.eventsQuery(r)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/jsonl")
	enc := json.NewEncoder(w)
	err = s.o.Store.Events(r.Context(), q, func(rec store.Record) error { return enc.Encode(toEventJSON(rec)) })
	if err != nil && r.Context().Err() == nil {
		// The status is sent already: an answer cut short must not look whole.
		s.o.Logger.Error("events could not be listed", "device", q.Device, "error", err)
		panic(http.ErrAbortHandler)
	}
	return nil
}

func (s *Server) eventsQuery(r *http.Request) (store.EventsQuery, error) {
	v := r.URL.Query()
	q := store.EventsQuery{Device: v.Get("device")}
	if q.Device == "" {
		return q, badRequest("device is missing: /api/events?device=NAME")
	}
	if _, err := s.o.Store.Device(r.Context(), q.Device); err != nil {
		return q, err
	}
	var err error
	if e := v.Get("epoch"); e != "" {
		if q.Epoch, err = strconv.ParseUint(e, 16, 64); err != nil {
			return q, badRequest("epoch is not a hexadecimal number of 16 digits")
		}
	}
	if a := v.Get("after"); a != "" {
		if q.After, err = strconv.ParseUint(a, 10, 63); err != nil || q.Epoch == 0 {
			return q, badRequest("after is not a number, or has no epoch beside it")
		}
	}
	return q, nil
}

func writeJSON(w http.ResponseWriter, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode answer: %w", err)
	}
	w.Header().Set("Content-Type", "application/json")
	_, err = w.Write(append(b, '\n'))
	return err
}

func (s *Server) healthz(w http.ResponseWriter, _ *http.Request) error {
	return writeJSON(w, map[string]bool{"ok": true})
}

func (s *Server) readyz(w http.ResponseWriter, r *http.Request) error {
	out := map[string]bool{"store": true}
	if _, err := s.o.Store.Totals(r.Context()); err != nil {
		out["store"] = false
	}
	if s.o.Ingest != nil {
		in := s.o.Ingest()
		out["broker"], out["commits"] = in.Connected, !in.StoreFails
	}
	for _, ok := range out {
		if !ok {
			w.WriteHeader(http.StatusServiceUnavailable)
			break
		}
	}
	return writeJSON(w, out)
}
