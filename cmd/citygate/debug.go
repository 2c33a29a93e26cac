package main

import (
	"bytes"
	"cmp"
	"fmt"
	"image/png"
	"io"
	"os"
	"slices"

	"citygate/scanner"
)

// This file implements `citygate scan --debug`: what the scanner saw and tried in one picture, as a picture, as text and
// as JSON.

// maxListed bounds the attempts that are told in words.
const maxListed = 12

// scanTrace is the part of a file's JSON that --debug adds.
type scanTrace struct {
	Levels   []traceLevel   `json:"levels"`
	Finders  []traceFinder  `json:"finders"`
	Attempts []traceAttempt `json:"attempts"`
	Picture  string         `json:"picture"`
}

type traceLevel struct {
	Width  int `json:"width"`
	Height int `json:"height"`
	Floor  int `json:"noise_floor"`
	Hits   int `json:"hits"`
}

type traceFinder struct {
	Center [2]float64 `json:"center"`
	Module float64    `json:"module"`
	Clean  float64    `json:"clean"`
	Light  bool       `json:"light,omitempty"`
	Level  int        `json:"level"`
	Blur   bool       `json:"blurred,omitempty"`
}

type traceAttempt struct {
	Format  string        `json:"format"`
	Fate    string        `json:"fate"`
	Detail  string        `json:"detail,omitempty"`
	Times   int           `json:"times"` // made with the same result at this place
	Score   float64       `json:"score,omitempty"`
	Width   int           `json:"width,omitempty"`
	Height  int           `json:"height,omitempty"`
	Light   bool          `json:"light,omitempty"`
	Corners [4][2]float64 `json:"corners"`
	Modules []string      `json:"modules,omitempty"` // rows: # dark, . light
}

// debugScan scans a frame once more with a trace, draws it to a file, and adds it to the result.
func debugScan(s *scanner.Scanner, f scanner.Frame, picture string, r *scanResult) error {
	t := s.Trace(f)
	r.Trace = describeTrace(&t, picture)
	slices.SortStableFunc(t.Finders, func(a, b scanner.TraceFinder) int { return cmp.Compare(b.Clean, a.Clean) })
	var b bytes.Buffer
	if err := png.Encode(&b, drawTrace(f, &t, r)); err != nil {
		return fmt.Errorf("draw %s: %w", picture, err)
	}
	return os.WriteFile(picture, b.Bytes(), 0o644)
}

func describeTrace(t *scanner.Trace, picture string) *scanTrace {
	out := &scanTrace{Picture: picture, Levels: []traceLevel{}, Finders: []traceFinder{}, Attempts: []traceAttempt{}}
	for _, l := range t.Levels {
		out.Levels = append(out.Levels, traceLevel{l.Width, l.Height, l.Floor, len(l.Hits)})
	}
	for _, p := range t.Finders {
		out.Finders = append(out.Finders, traceFinder{[2]float64{hundredths(p.Center.X), hundredths(p.Center.Y)}, hundredths(p.Module), hundredths(p.Clean), p.Light, p.Level, p.Blurred})
	}
	for i := range t.Attempts {
		a := &t.Attempts[i]
		one := traceAttempt{Format: a.Format, Fate: a.Fate, Detail: a.Detail, Times: a.Times, Score: hundredths(a.Score), Width: a.W, Height: a.H, Light: a.Light}
		for k, p := range a.Corners {
			one.Corners[k] = [2]float64{hundredths(p.X), hundredths(p.Y)}
		}
		for y := range a.H {
			row := make([]byte, a.W)
			for x := range row {
				row[x] = "#."[b2i(a.Soft[y*a.W+x] <= 0)]
			}
			one.Modules = append(one.Modules, string(row))
		}
		out.Attempts = append(out.Attempts, one)
	}
	return out
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// printTrace tells a trace in words: how far the scanner came, and where it ended.
func printTrace(w io.Writer, t *scanTrace) error {
	hits := 0
	for _, l := range t.Levels {
		hits += l.Hits
	}
	fmt.Fprintf(w, "  saw        %d levels, %d rows like a finder pattern, %d finder patterns\n", len(t.Levels), hits, len(t.Finders))
	for i, a := range t.Attempts {
		if a.Width > 0 && i < maxListed {
			fmt.Fprintf(w, "  #%-2d %-10s %s\n", i+1, a.Format, describeAttempt(a))
		}
	}
	for _, g := range givenUp(t.Attempts) {
		fmt.Fprintf(w, "  %3dx %-10s %s\n", g.times, g.format, g.fate)
	}
	_, err := fmt.Fprintf(w, "  picture    %s\n", t.Picture)
	return err
}

// early is what kept a number of attempts from being sampled at all.
type early struct {
	format, fate string
	times        int
}

// givenUp counts the attempts that were given up before they were sampled, by format and reason.
func givenUp(all []traceAttempt) (out []early) {
next:
	for _, a := range all {
		if a.Width > 0 {
			continue
		}
		for i := range out {
			if out[i].format == a.Format && out[i].fate == a.Fate {
				out[i].times++
				continue next
			}
		}
		out = append(out, early{a.Format, a.Fate, 1})
	}
	return out
}

func describeAttempt(a traceAttempt) string {
	s := a.Fate
	if a.Times > 1 {
		s = fmt.Sprintf("%dx %s", a.Times, s)
	}
	if a.Detail != "" {
		s += ": " + a.Detail
	}
	if a.Width > 0 {
		s += fmt.Sprintf(" (%dx%d modules, agreement %.2f)", a.Width, a.Height, a.Score)
	}
	return s + fmt.Sprintf(" at %.0f,%.0f", (a.Corners[0][0]+a.Corners[2][0])/2, (a.Corners[0][1]+a.Corners[2][1])/2)
}
