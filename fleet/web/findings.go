package web

import (
	"bytes"
	"encoding/csv"
	"encoding/hex"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"citygate/fleet"
	"citygate/fleet/store"
)

const (
	findingsShown = 500
	reasonLimit   = 500     // octets of a written reason
	formLimit     = 4 << 10 // of a form that carries one
)

type findingsData struct {
	List []fleet.Finding
	All  bool
}

type findingData struct {
	F            fleet.Finding
	Ours, Theirs string
}

func (s *Server) findingList(r *http.Request, v *view) error {
	d := findingsData{All: r.URL.Query().Get("closed") == "1"}
	var err error
	d.List, err = s.o.Store.Findings(r.Context(), store.FindingsQuery{Resolved: d.All, Limit: findingsShown})
	slices.SortStableFunc(d.List, worstFinding)
	v.Page, v.Title, v.Data, v.tmpl = "findings", v.T("findings"), d, "findings.html"
	return err
}

// worstFinding puts open findings first, of these the worst.
func worstFinding(a, b fleet.Finding) int {
	if x, y := a.Resolved.IsZero(), b.Resolved.IsZero(); x != y {
		if x {
			return -1
		}
		return 1
	}
	return int(b.Kind.Severity()) - int(a.Kind.Severity())
}

// closeFinding closes a finding with what a person wrote, and says who it was.
func (s *Server) closeFinding(w http.ResponseWriter, r *http.Request) error {
	f, err := s.finding(r)
	if err != nil {
		return err
	}
	r.Body = http.MaxBytesReader(w, r.Body, formLimit)
	reason := strings.TrimSpace(r.PostFormValue("reason"))
	switch {
	case !f.Resolved.IsZero():
		return badRequest("this finding is closed already")
	case reason == "" || len(reason) > reasonLimit:
		return badRequest(fmt.Sprintf("write why it is closed, in at most %d octets", reasonLimit))
	}
	who := s.person(r)
	if err := s.o.Store.Resolve(r.Context(), f.ID, fmt.Sprintf("%s (%s)", reason, who)); err != nil {
		return err
	}
	s.o.Logger.Info("finding closed", "finding", f.ID, "device", f.Device, "kind", string(f.Kind), "by", who)
	http.Redirect(w, r, fmt.Sprintf("/findings/%d", f.ID), http.StatusSeeOther)
	return nil
}

func (s *Server) findingPage(r *http.Request, v *view) error {
	f, err := s.finding(r)
	if err != nil {
		return err
	}
	d := findingData{F: f, Ours: groups(hex.EncodeToString(f.Ours)), Theirs: groups(hex.EncodeToString(f.Theirs))}
	v.Page, v.Title, v.Data, v.tmpl = "findings", fmt.Sprintf("%s %s", f.Device, f.Kind), d, "finding.html"
	return nil
}

func (s *Server) finding(r *http.Request) (fleet.Finding, error) {
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	if err != nil || id <= 0 {
		return fleet.Finding{}, errNotFound
	}
	list, err := s.o.Store.Findings(r.Context(), store.FindingsQuery{ID: id, Resolved: true})
	if err != nil {
		return fleet.Finding{}, err
	}
	if len(list) == 0 {
		return fleet.Finding{}, errNotFound
	}
	return list[0], nil
}

// evidence hands out the message as it came, never as something to be shown.
func (s *Server) evidence(w http.ResponseWriter, r *http.Request) error {
	f, err := s.finding(r)
	if err != nil {
		return err
	}
	if len(f.Evidence) == 0 {
		return errNotFound
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Content-Disposition", fmt.Sprintf(`attachment; filename="finding-%d.bin"`, f.ID))
	http.ServeContent(w, r, "", f.LastSeen, bytes.NewReader(f.Evidence))
	return nil
}

func (s *Server) findingsCSV(w http.ResponseWriter, r *http.Request) error {
	list, err := s.o.Store.Findings(r.Context(), store.FindingsQuery{Resolved: true, Limit: 100000})
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "text/csv; charset=utf-8")
	w.Header().Set("Content-Disposition", `attachment; filename="findings.csv"`)
	rows := [][]string{{"id", "device", "kind", "about", "epoch", "first", "last", "detail", "first_seen", "last_seen", "times", "closed", "reason"}}
	for _, f := range list {
		rows = append(rows, []string{strconv.FormatInt(f.ID, 10), f.Device, string(f.Kind), f.Subject, epochText(f.Epoch),
			strconv.FormatUint(f.First, 10), strconv.FormatUint(f.Last, 10), cell(f.Detail), stampOrEmpty(f.FirstSeen), stampOrEmpty(f.LastSeen),
			strconv.Itoa(f.Times), stampOrEmpty(f.Resolved), cell(f.Reason)})
	}
	return csv.NewWriter(w).WriteAll(rows)
}

// Numbers is the range of a finding in words.
func (v *view) Numbers(f fleet.Finding) string {
	switch {
	case f.First == 0:
		return ""
	case f.Last == 0:
		return v.F("to-end", v.Num(f.First))
	case f.First == f.Last:
		return v.Num(f.First)
	}
	return v.Num(f.First) + " – " + v.Num(f.Last)
}
