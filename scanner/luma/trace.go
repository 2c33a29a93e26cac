package luma

// This file keeps what readers tried, for the person who has to find out why a code is not read.

// Attempt is a place where a reader took a symbol to be, and what became of it.
type Attempt struct {
	Format  string  // the symbology's word
	Fate    string  // "read", or what kept it from being read
	Detail  string  // more of it
	Corners Quad    // on the finest level, clockwise from the symbol's own top left as far as it is known
	Score   float64 // agreement of known modules, 1 at best; 0 where none were looked at
	W, H    int     // modules; 0 where it was given up before it was sampled
	Gray    []int32 // rows of W modules in 1/256 gray levels
	Soft    []int16 // the same judged: above 0 the symbol's own dark, the size is the confidence
	Light   bool    // light modules on a dark ground
}

// FateRead is that of a symbol whose error correction passed.
const FateRead = "read"

// Trace collects attempts. A reader asks whether a look has one before it makes an attempt, so that without one nothing is spent.
type Trace struct{ Attempts []Attempt }

// maxAttempts bounds a trace. What was sampled comes in all the same, in the place of one that was not.
const maxAttempts = 400

// Add keeps a copy of an attempt.
func (t *Trace) Add(a Attempt) {
	a.Gray, a.Soft = append([]int32(nil), a.Gray...), append([]int16(nil), a.Soft...)
	if len(t.Attempts) < maxAttempts {
		t.Attempts = append(t.Attempts, a)
		return
	}
	for i := range t.Attempts {
		if a.W > 0 && t.Attempts[i].W == 0 {
			t.Attempts[i] = a
			return
		}
	}
}
