package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"sort"
	"strings"
)

// storedEvent is what the fleet's interface says of one event.
type storedEvent struct {
	Epoch   string `json:"epoch"`
	Seq     uint64 `json:"seq"`
	Last    uint64 `json:"last"` // of an evicted range
	Type    string `json:"type"`
	Verdict string `json:"verdict"`
}

// summary is the one JSON line of --once.
type summary struct {
	Scans        int            `json:"scans"`
	Verdicts     map[string]int `json:"verdicts"`
	Events       int            `json:"events"`
	Acknowledged int            `json:"acknowledged"`
	Lost         int            `json:"lost"`
	Duplicated   int            `json:"duplicated"`
}

// compare holds what the fleet has stored against the journal: an answer that was shown, in this start or an earlier
// one, and that the fleet does not have, or has with another verdict, is lost; an event that it has twice is duplicated.
// A number that is missing below an epoch's highest is lost as well, whether or not anything was shown for it.
// The counts are of this start: old names the epochs of earlier ones, and waiting is what the gateway still holds.
func compare(all, now []answer, stored []storedEvent, old map[string]bool, waiting int) summary {
	s := summary{Scans: len(now), Verdicts: map[string]int{}}
	have, highest := map[eventKey]string{}, map[string]uint64{}
	for _, e := range stored {
		k := eventKey{e.Epoch, e.Seq}
		if _, twice := have[k]; twice {
			s.Duplicated++
		}
		have[k] = e.Verdict
		highest[e.Epoch] = max(highest[e.Epoch], e.Seq)
		if !old[e.Epoch] {
			s.Events++
			s.Acknowledged++
		}
	}
	s.Events += waiting
	for epoch, last := range highest {
		for seq := uint64(1); seq <= last; seq++ {
			if _, ok := have[eventKey{epoch, seq}]; !ok {
				s.Lost++
			}
		}
	}
	for _, a := range all {
		if v, ok := have[a.key()]; !ok && a.Seq > highest[a.Epoch] || ok && v != a.Verdict {
			s.Lost++
		}
	}
	for _, a := range now {
		s.Verdicts[a.Verdict]++
	}
	return s
}

// String is the summary as JSON on one line.
func (s summary) String() string {
	b, err := json.Marshal(s)
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// verdict is an error unless every exhibit was answered rightly and nothing was lost or counted twice.
func (s summary) verdict(exhibits []exhibit) error {
	var wrong []string
	want := map[string]int{}
	for _, e := range exhibits {
		want[e.Expect]++
	}
	for v, n := range want {
		if s.Verdicts[v] < n {
			wrong = append(wrong, fmt.Sprintf("%d of %d %s", s.Verdicts[v], n, v))
		}
	}
	for v := range s.Verdicts {
		if want[v] == 0 {
			wrong = append(wrong, fmt.Sprintf("%d %s that nobody showed", s.Verdicts[v], v))
		}
	}
	if s.Lost != 0 || s.Duplicated != 0 {
		wrong = append(wrong, fmt.Sprintf("%d events lost and %d duplicated", s.Lost, s.Duplicated))
	}
	if s.Events != s.Acknowledged {
		wrong = append(wrong, fmt.Sprintf("%d events, but %d acknowledged", s.Events, s.Acknowledged))
	}
	if len(wrong) > 0 {
		sort.Strings(wrong)
		return errors.New(strings.Join(wrong, "; "))
	}
	return nil
}
