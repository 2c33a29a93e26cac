package trust_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"slices"
	"testing"
	"time"

	"citygate/trust"
	"citygate/trust/cityid"
	"citygate/trust/code"
	"citygate/trust/ledger"
)

// This file writes the cases of TestCheck as data, and checks the data: any
// other verifier, in whatever language, is held to the same file.

var update = flag.Bool("update", false, "write testdata/verdicts.json anew")

const sharedFile = "testdata/verdicts.json"

// sharedTable is the file. docs/formats/verdict.md describes it.
type sharedTable struct {
	Version int                 `json:"version"`
	Root    json.RawMessage     `json:"root_policy"`
	Time    time.Time           `json:"time"`
	Logs    map[string][][]byte `json:"logs"`
	Cases   []sharedCase        `json:"cases"`
}

type sharedCase struct {
	Name   string               `json:"name"`
	Text   string               `json:"text"`
	Times  map[string]time.Time `json:"times,omitempty"`
	Policy sharedPolicy         `json:"policy"`
	Moment sharedMoment         `json:"moment"`
	Want   trust.Reason         `json:"want"`
	Alarm  bool                 `json:"alarm,omitempty"`
}

type sharedPolicy struct {
	NeedSignature bool  `json:"need_signature,omitempty"`
	NeedNonce     bool  `json:"need_nonce,omitempty"`
	Fresh         bool  `json:"fresh,omitempty"`
	Hours         bool  `json:"hours,omitempty"`
	MaxAge        int64 `json:"max_age_s,omitempty"`
	AcceptStale   bool  `json:"accept_stale,omitempty"`
	AcceptClock   bool  `json:"accept_clock,omitempty"`
}

type sharedMoment struct {
	Now     time.Time `json:"now"`
	Synced  bool      `json:"synced"`
	Started time.Time `json:"started"`
	Nonce   []byte    `json:"nonce,omitempty"`
	Place   string    `json:"place,omitempty"`
}

// share makes the table from the cases of TestCheck.
func share(t *testing.T) []byte {
	w := newWorld(t)
	table := sharedTable{Version: 1, Root: w.Root.Marshal(), Time: w.Time, Logs: map[string][][]byte{}}
	for _, l := range w.Logs() {
		entries := [][]byte{}
		for i := range l.Size() {
			entries = append(entries, l.Entry(i))
		}
		table.Logs[l.Short] = entries
	}
	for _, c := range checkCases() {
		s := c.scene(w)
		k := s.policy.For(kindOf(w, s))
		v := w.check(t, s)
		table.Cases = append(table.Cases, sharedCase{
			Name: c.name, Text: w.text(t, s), Times: s.checkpoint, Want: c.want, Alarm: v.Alarm,
			Policy: sharedPolicy{k.NeedSignature, k.NeedNonce, k.Fresh, k.Hours, int64(k.MaxAge / time.Second), k.AcceptStale, k.AcceptClock},
			Moment: sharedMoment{s.moment.Now, s.moment.Synced, s.moment.Started, s.moment.Nonce, s.moment.Place.String()},
		})
	}
	out, err := json.MarshalIndent(table, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return append(out, '\n')
}

func kindOf(w *world, s scene) uint64 {
	c, err := code.Code{Body: w.record[s.record].body}.Claims()
	if err != nil {
		return 0
	}
	return c.Kind
}

// TestSharedTableIsCurrent holds the file to the cases.
func TestSharedTableIsCurrent(t *testing.T) {
	want := share(t)
	if *update {
		if err := os.WriteFile(sharedFile, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile(sharedFile); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%s is not what the cases say (%v): go test ./trust -run Shared -update", sharedFile, err)
	}
}

// TestSharedTable gives every verdict from the file alone.
func TestSharedTable(t *testing.T) {
	raw, err := os.ReadFile(sharedFile)
	if err != nil {
		t.Fatal(err)
	}
	var table sharedTable
	if err := json.Unmarshal(raw, &table); err != nil {
		t.Fatal(err)
	}
	root, err := ledger.ParseRootPolicy(table.Root)
	if err != nil {
		t.Fatal(err)
	}
	empty, err := ledger.NewDirectory(root)
	if err != nil {
		t.Fatal(err)
	}
	dir := empty.With(table.Logs[ledger.DirectoryLog])
	heads := map[string]*ledger.LogView{}
	for short, entries := range table.Logs {
		heads[short] = logView(t, dir, short, entries)
	}
	seen := map[trust.Reason]bool{}
	for _, c := range table.Cases {
		var held []*ledger.LogView
		for short, l := range heads {
			head := *l
			head.Time = table.Time
			if at, ok := c.Times[short]; ok {
				head.Time = at
			}
			if !head.Time.IsZero() {
				held = append(held, &head)
			}
		}
		v := trust.Check(c.Text, ledger.NewView(dir, held...), c.Policy.policy(), c.Moment.moment())
		if v.Reason != c.Want || v.Alarm != c.Alarm {
			t.Errorf("%s: %s, alarm %v; want %s, %v", c.Name, v.Reason, v.Alarm, c.Want, c.Alarm)
		}
		seen[v.Reason] = true
	}
	for _, r := range trust.Reasons() {
		if later := slices.Contains([]trust.Reason{trust.Closed, trust.TooSoon, trust.Replayed}, r); !seen[r] && !later {
			t.Errorf("no case for %s", r)
		}
	}
}

// logView builds what a gateway keeps of a log from its entries.
func logView(t *testing.T, dir *ledger.Directory, short string, entries [][]byte) *ledger.LogView {
	t.Helper()
	var strip, open []ledger.Hash
	for _, e := range entries {
		open = append(open, ledger.LeafHash(e))
		if len(open) < ledger.TileWidth {
			continue
		}
		full := (*[ledger.TileWidth]ledger.Hash)(open)
		hash, _ := ledger.PathRoot(full[0], 0, ledger.Path(full, 0))
		strip, open = append(strip, hash), nil
	}
	tree, err := ledger.NewTree(strip, open)
	if err != nil {
		t.Fatal(err)
	}
	var statuses *ledger.StatusSet
	if dir.IsStatusLog(short) {
		statuses = statuses.With(entries)
	}
	return ledger.NewLogView(short, ledger.Checkpoint{Size: tree.Size(), Root: tree.Root()}, tree, statuses)
}

func (p sharedPolicy) policy() *trust.Policy {
	return &trust.Policy{Default: trust.KindPolicy{
		NeedSignature: p.NeedSignature, NeedNonce: p.NeedNonce, Fresh: p.Fresh, Hours: p.Hours,
		MaxAge: time.Duration(p.MaxAge) * time.Second, AcceptStale: p.AcceptStale, AcceptClock: p.AcceptClock,
	}}
}

func (m sharedMoment) moment() trust.Moment {
	place, _ := cityid.Parse(m.Place) // empty: no place
	return trust.Moment{Now: m.Now, Synced: m.Synced, Started: m.Started, Nonce: m.Nonce, Place: place}
}
