package scanner_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"citygate/internal/scene"
	"citygate/scanner"
)

// film draws frames of one scene, 40 ms apart, each with noise of its own.
type film struct {
	renderer scene.Renderer
	start    time.Time
	frame    int
}

func newFilm() *film { return &film{start: time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)} }

// next draws a frame and the time at which it was taken.
func (f *film) next(s scene.Scene) (scanner.Frame, time.Time) {
	f.frame++
	s.BackdropSeed, s.Seed = 7, uint64(f.frame)
	return frameOf(&f.renderer, s), f.start.Add(time.Duration(f.frame) * 40 * time.Millisecond)
}

// street is a scene with plates of codes of version 3.
func street(t testing.TB, texts ...string) scene.Scene {
	s := scene.Scene{Width: 1280, Height: 720, Backdrop: scene.Street, Noise: 3}
	for i, text := range texts {
		s.Codes = append(s.Codes, scene.Code{Matrix: qrMatrix(t, text, 3), Module: 4, Center: scene.Point{X: 300 + 560*float64(i), Y: 300}})
	}
	return s
}

func qrTracker() *scanner.Tracker {
	return scanner.NewTracker(scanner.TrackerOptions{Options: scanner.Options{Formats: scanner.FormatSet(scanner.QR)}})
}

// TestTrackerReportsOnce: a code is new once while it is held, also when it is hidden for less than Gone, and again when it comes back.
func TestTrackerReportsOnce(t *testing.T) {
	tr, f := qrTracker(), newFilm()
	code, empty := street(t, "LAMP 1"), street(t)
	count := func(s scene.Scene, frames int) (seen, fresh int) {
		for range frames {
			frame, at := f.next(s)
			for _, c := range tr.Scan(frame, at) {
				if c.Text != "LAMP 1" {
					t.Fatalf("read %q", c.Text)
				}
				if seen++; c.New {
					fresh++
				}
			}
		}
		return seen, fresh
	}
	for _, c := range []struct {
		what        string
		scene       scene.Scene
		frames      int
		seen, fresh int
	}{
		{"nothing yet", empty, 3, 0, 0},
		{"comes", code, 10, 10, 1},
		{"hidden for half a second", empty, 12, 0, 0},
		{"back at once", code, 10, 10, 0},
		{"away for more than a second", empty, 40, 0, 0},
		{"comes back", code, 10, 10, 1},
	} {
		if seen, fresh := count(c.scene, c.frames); seen != c.seen || fresh != c.fresh {
			t.Errorf("%s: seen in %d frames, new in %d, want %d and %d", c.what, seen, fresh, c.seen, c.fresh)
		}
	}
}

// TestTrackerStays: a stay has a number of its own, which is held while the code is, and no longer.
func TestTrackerStays(t *testing.T) {
	tr, f := qrTracker(), newFilm()
	stay := func(s scene.Scene, frames int) (id uint64) {
		for range frames {
			frame, at := f.next(s)
			for _, c := range tr.Scan(frame, at) {
				if id != 0 && c.ID != id {
					t.Errorf("one stay has the numbers %d and %d", id, c.ID)
				}
				id = c.ID
			}
		}
		return id
	}
	code, empty := street(t, "LAMP 1"), street(t)
	first := stay(code, 5)
	if stay(empty, 10); !tr.Held(first) {
		t.Error("not held while it is hidden for less than Gone")
	}
	if again := stay(code, 5); again != first || first == 0 {
		t.Errorf("stay %d is %d after a moment", first, again)
	}
	if stay(empty, 40); tr.Held(first) {
		t.Error("held after it has gone")
	}
	second := stay(code, 5)
	tr.Forget()
	if tr.Held(second) {
		t.Error("held after all was forgotten")
	}
	frame, at := f.next(code)
	if got := tr.Scan(frame, at); len(got) != 1 || !got[0].New || got[0].ID == second || second == first {
		t.Errorf("after stays %d and %d: %+v", first, second, got)
	}
}

// TestTrackerAfterPause: a code that is there before and after a long pause between two frames was never gone.
func TestTrackerAfterPause(t *testing.T) {
	tr, f := qrTracker(), newFilm()
	s := street(t, "LAMP 1")
	frame, at := f.next(s)
	if got := tr.Scan(frame, at); len(got) != 1 || !got[0].New || !got[0].Since.Equal(at) {
		t.Fatalf("first frame: %+v", got)
	}
	frame, _ = f.next(s)
	if got := tr.Scan(frame, at.Add(time.Hour)); len(got) != 1 || got[0].New || !got[0].Since.Equal(at) {
		t.Errorf("after an hour's pause: %+v", got)
	}
	if got := tr.Scan(frame, at); len(got) != 1 || got[0].New {
		t.Errorf("with a clock set back: %+v", got)
	}
}

// TestTrackerFollows: a code that moves and turns is seen in every frame, and a second one that appears elsewhere is found within a round.
func TestTrackerFollows(t *testing.T) {
	tr, f := qrTracker(), newFilm()
	const frames = 60
	seen, second := 0, -1
	for i := range frames {
		s := street(t, "LAMP 1")
		s.Codes[0].Center = scene.Point{X: 200 + 6*float64(i), Y: 260 + 3*float64(i)}
		s.Codes[0].Rotate = float64(i)
		if i >= 20 {
			s.Codes = append(s.Codes, scene.Code{Matrix: qrMatrix(t, "GATE 2", 2), Module: 2.5, Center: scene.Point{X: 1050, Y: 130}})
		}
		frame, at := f.next(s)
		for _, c := range tr.Scan(frame, at) {
			switch {
			case c.Text == "LAMP 1":
				seen++
				if c.New != (i == 0) {
					t.Errorf("frame %d: new is %v", i, c.New)
				}
			case c.Text == "GATE 2" && c.New && second < 0:
				second = i
			}
		}
	}
	if seen < frames {
		t.Errorf("seen in %d of %d frames", seen, frames)
	}
	if second < 20 || second > 40 {
		t.Errorf("the second code appeared in frame 20 and was found in frame %d", second)
	}
}

// TestTrackerSkips: frames that show nothing new are not read, whether a code is held or not, and one that does is read.
func TestTrackerSkips(t *testing.T) {
	for _, s := range []scene.Scene{street(t), street(t, "LAMP 1")} {
		tr, f := qrTracker(), newFilm()
		for range 25 {
			tr.Scan(f.next(s))
		}
		looked := tr.Looked()
		for range 50 {
			if got := tr.Scan(f.next(s)); len(got) != len(s.Codes) {
				t.Fatalf("a still frame shows %+v", got)
			}
		}
		if n := tr.Looked() - looked; n > 10 {
			t.Errorf("%d of 50 still frames with %d codes were read", n, len(s.Codes))
		}
		changed := s
		changed.Codes = append(changed.Codes[:len(changed.Codes):len(changed.Codes)],
			scene.Code{Matrix: qrMatrix(t, "GATE 2", 2), Module: 2, Center: scene.Point{X: 900, Y: 500}})
		found := false
		for range 20 {
			for _, c := range tr.Scan(f.next(changed)) {
				found = found || c.Text == "GATE 2"
			}
		}
		if !found {
			t.Errorf("a small code that appeared beside %d codes was not found", len(s.Codes))
		}
	}
}

// TestTrackerFuses counts the scenes that are read from up to three and up to twelve frames, where hardly a frame can be read alone: glare and a thumb move
// over the code.
func TestTrackerFuses(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 2))
	around := func(reach float64) scene.Point {
		return scene.Point{X: 325 + in(rng, -reach, reach), Y: 245 + in(rng, -reach, reach)}
	}
	for _, kind := range []struct {
		name          string
		three, twelve int // scenes of eight
		spoil         func(s *scene.Scene)
	}{
		{"glare", 6, 8, func(s *scene.Scene) { s.Glare = []scene.Glare{{At: around(30), Radius: 34, Level: 300}} }},
		{"strong glare", 0, 4, func(s *scene.Scene) { s.Glare = []scene.Glare{{At: around(30), Radius: 34, Level: 420}} }},
		{"thumb", 4, 7, func(s *scene.Scene) {
			s.Codes[0].Cover = []scene.Cover{{X: in(rng, 0.45, 0.7), Y: in(rng, 0.45, 0.7), W: 0.5, H: 0.5, Color: scene.Gray(in(rng, 60, 180))}}
		}},
	} {
		const scenes = 8
		alone, three, twelve := 0, 0, 0
		for i := range scenes {
			first, read := untilRead(t, rng, 100*i, kind.spoil)
			if first {
				alone++
			}
			if read <= 3 {
				three++
			}
			if read <= 12 {
				twelve++
			}
		}
		t.Logf("%s: of %d scenes %d are read from their first frame, %d from three and %d from twelve", kind.name, scenes, alone, three, twelve)
		if three < kind.three || twelve < kind.twelve {
			t.Errorf("%s: want %d and %d", kind.name, kind.three, kind.twelve)
		}
	}
}

// untilRead shows a tracker up to twelve frames of a code that is held by hand, each spoiled anew, and returns after how many it was read, 13 for not at all; alone
// tells whether the first frame can be read by itself.
func untilRead(t *testing.T, rng *rand.Rand, seed int, spoil func(s *scene.Scene)) (alone bool, frames int) {
	const text = "HTTPS://ID.SJZ.EXAMPLE/LAMP.000421"
	tr, f := qrTracker(), newFilm()
	f.frame = seed
	for k := 1; k <= 12; k++ {
		s := street(t, text)
		s.Width, s.Height = 640, 480
		s.Codes[0].Center = scene.Point{X: 320 + in(rng, -4, 4), Y: 240 + in(rng, -4, 4)}
		spoil(&s)
		frame, at := f.next(s)
		if k == 1 {
			alone = len(scanner.New(scanner.Options{Formats: scanner.FormatSet(scanner.QR)}).Scan(frame)) > 0
		}
		for _, c := range tr.Scan(frame, at) {
			if c.Text != text {
				t.Fatalf("wrong text %q", c.Text)
			}
			return alone, k
		}
	}
	return alone, 13
}

// TestTrackerAllocations: frames without a code allocate nothing, whether they change or not.
func TestTrackerAllocations(t *testing.T) {
	tr, f := qrTracker(), newFilm()
	var frames []scanner.Frame
	for range 4 {
		frame, _ := f.next(street(t))
		frames = append(frames, frame)
	}
	for k := range backgrounds {
		frames = append(frames, background(k, 1280, 720, 3))
	}
	i, at := 0, f.start
	step := func() {
		at = at.Add(40 * time.Millisecond)
		tr.Scan(frames[i%len(frames)], at)
		i++
	}
	for range 2 * len(frames) {
		step()
	}
	if n := testing.AllocsPerRun(3*len(frames), step); n > 0 {
		t.Errorf("%v allocations in a frame", n)
	}
}

// TestTrackerBadFrames: frames of all sizes in turn, empty and broken ones too.
func TestTrackerBadFrames(t *testing.T) {
	tr := scanner.NewTracker(scanner.TrackerOptions{Gone: time.Millisecond})
	at := time.Unix(0, 0)
	for _, f := range []scanner.Frame{
		{}, {Width: 4, Height: 4, Stride: 2, Pix: make([]byte, 64)}, {Width: 1, Height: 1, Stride: 1, Pix: []byte{7}},
		{Width: 3, Height: 2, Stride: 5, Pix: make([]byte, 8)}, {Width: 700, Height: 1, Stride: 700, Pix: make([]byte, 700)},
		{Width: 1, Height: 700, Stride: 1, Pix: make([]byte, 700)}, background(1, 333, 257, 1), {},
	} {
		for range 3 {
			at = at.Add(time.Second)
			if got := tr.Scan(f, at); len(got) != 0 {
				t.Errorf("%dx%d: %+v", f.Width, f.Height, got)
			}
		}
	}
}
