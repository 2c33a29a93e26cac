package scanner_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"citygate/internal/figures"
	"citygate/internal/scene"
	"citygate/scanner"
)

var (
	corpusFlag  = flag.String("corpus", "", "folder of test photographs, in folders of two levels; empty is ../shared/corpus")
	figuresFlag = flag.String("figures", "", "file to which TestBenchScan appends its figures; empty means that nothing is measured")
)

// TestBenchScan measures the scanner for `make bench-scan CORPUS=DIR`, which is `go test ./scanner -run BenchScan -corpus DIR -figures FILE`. Times are processor
// times of the one thread that does the work, the best of three rounds, as the machine may be shared.
func TestBenchScan(t *testing.T) {
	file := figures.Open(t, *figuresFlag)
	if *corpusFlag != "" {
		t.Setenv("CORPUS", *corpusFlag)
	}
	benchEmpty(file)
	if !testing.Short() {
		benchKiosk(t, file)
		benchCorpus(t, file)
	}
}

// emptyFrames are 42 frames of 1080p without a code: dim and noisy streets and walls, textures, pure noise, pages of text, checkerboards.
func emptyFrames() (frames []scanner.Frame) {
	var r scene.Renderer
	rng := rand.New(rand.NewPCG(11, 12))
	add := func(n int, kinds ...scene.Backdrop) {
		for i := range n {
			s := scene.Scene{Width: 1920, Height: 1080, Seed: rng.Uint64(), Backdrop: kinds[i%len(kinds)], Gamma: 2.2}
			s.Exposure, s.Noise, s.Shot, s.Defocus = in(rng, 0.15, 1), in(rng, 2, 8), 0.05, in(rng, 0.4, 1.2)
			f := frameOf(&r, s)
			f.Pix = slices.Clone(f.Pix)
			frames = append(frames, f)
		}
	}
	add(24, scene.Street, scene.Street, scene.Wall)
	add(6, scene.Stripes, scene.Wall)
	add(4, scene.Static)
	add(4, scene.Page)
	add(4, scene.Checkerboard)
	return frames
}

// threadTime is the processor time that this thread has used, in milliseconds.
func threadTime() float64 {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &ts); err != nil {
		panic(err)
	}
	return float64(ts.Nano()) / 1e6
}

// timed scans each frame in three rounds, and returns the best processor time of each in milliseconds, sorted, and the allocations of a frame in the steady
// state.
func timed(s *scanner.Scanner, frames []scanner.Frame) (ms []float64, allocs float64) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	ms = make([]float64, len(frames))
	var before, after runtime.MemStats
	for round := range 3 {
		if round == 2 {
			runtime.ReadMemStats(&before)
		}
		for i, f := range frames {
			start := threadTime()
			s.Scan(f)
			if d := threadTime() - start; round == 0 || d < ms[i] {
				ms[i] = d
			}
		}
	}
	runtime.ReadMemStats(&after)
	slices.Sort(ms)
	return ms, float64(after.Mallocs-before.Mallocs) / float64(len(frames))
}

func mean(v []float64) (m float64) {
	for _, x := range v {
		m += x / float64(len(v))
	}
	return m
}

func benchEmpty(file *figures.File) {
	frames := emptyFrames()
	for _, c := range []struct {
		name    string
		formats scanner.Formats
	}{{"qr", scanner.FormatSet(scanner.QR)}, {"datamatrix", scanner.FormatSet(scanner.DataMatrix)}, {"aztec", scanner.FormatSet(scanner.Aztec)}, {"all", 0}} {
		ms, allocs := timed(scanner.New(scanner.Options{Formats: c.formats}), frames)
		p95 := ms[len(ms)*95/100]
		fmt.Printf("empty 1080p, %-10s %d frames: mean %.2f ms, median %.2f ms, p95 %.2f ms, worst %.2f ms, %.2f allocations\n",
			c.name, len(ms), mean(ms), ms[len(ms)/2], p95, ms[len(ms)-1], allocs)
		switch c.name {
		case "qr":
			file.Add(figures.Figure{Figure: "empty_1080p_qr_median_ms", Value: ms[len(ms)/2], Unit: "ms"})
			file.Add(figures.Figure{Figure: "empty_1080p_qr_p95_ms", Value: p95, Unit: "ms"})
			file.Add(figures.Figure{Figure: "empty_1080p_allocs", Value: allocs, Unit: "allocations/frame"})
		case "all":
			file.Add(figures.Figure{Figure: "empty_1080p_all_mean_ms", Value: mean(ms), Unit: "ms"})
		}
	}
}

// benchKiosk reads a fresh set of kiosk frames.
func benchKiosk(t *testing.T, file *figures.File) {
	var r scene.Renderer
	s := scanner.New(scanner.Options{Formats: scanner.FormatSet(scanner.QR)})
	read, peer, total, dir := 0, 0, 0, t.TempDir()
	for _, c := range conditions() {
		for i := range 8 {
			f := frameOf(&r, kioskScene(t, c, i, 77))
			total++
			if found := s.Scan(f); len(found) > 0 && found[0].Text == kioskText {
				read++
			}
			if slices.Contains(zbar(t, dir, f), kioskText) {
				peer++
			}
		}
	}
	fmt.Printf("kiosk frames: read %d of %d, zbar %d\n", read, total, peer)
	file.Add(withPeer(figures.Figure{Figure: "kiosk_read", Value: float64(read), Unit: fmt.Sprintf("of %d", total)}, peer))
}

// withPeer adds what zbar has read to a figure, where it is installed.
func withPeer(f figures.Figure, read int) figures.Figure {
	if zbarPath() == "" {
		return f
	}
	f.Peer, f.PeerValue = "zbar", float64(read)
	return f
}

// folderFormat tells from a folder's name which symbology its pictures show; ok is false for those that the scanner does not read.
func folderFormat(name string) (f scanner.Format, ok bool) {
	switch {
	case strings.Contains(name, "pdf417"):
		return 0, false
	case strings.Contains(name, "datamatrix"), name == "inverted":
		return scanner.DataMatrix, true
	case strings.Contains(name, "aztec"):
		return scanner.Aztec, true
	case strings.Contains(name, "rmqr"):
		return scanner.RMQR, true
	case strings.Contains(name, "microqr"):
		return scanner.MicroQR, true
	}
	return scanner.QR, true
}

// benchCorpus reads every folder of pictures under CORPUS at four rotations.
func benchCorpus(t *testing.T, file *figures.File) {
	sums := map[scanner.Format]*tally{scanner.QR: {}, scanner.DataMatrix: {}, scanner.Aztec: {}}
	peer, dir := 0, t.TempDir()
	folders, err := filepath.Glob(filepath.Join(corpusDir(), "*", "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, folder := range folders {
		format, ok := folderFormat(filepath.Base(folder))
		if names, err := filepath.Glob(filepath.Join(folder, "*.png")); err != nil || len(names) == 0 || !ok || strings.Contains(folder, "multi") {
			continue
		}
		name, err := filepath.Rel(corpusDir(), folder)
		if err != nil {
			t.Fatal(err)
		}
		all := photos(t, name)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		got := measure(all, format, []int{0, 1, 2, 3}, also)
		runtime.ReadMemStats(&after)
		fmt.Printf("%-26s %-10s %v, %.0f allocations\n", name, format, got, float64(after.Mallocs-before.Mallocs)/float64(got.pictures))
		if sum := sums[format]; sum != nil && !strings.Contains(name, "falsepositives") && !strings.HasSuffix(name, "inverted") {
			sum.read, sum.wrong = sum.read+got.read, sum.wrong+got.wrong
		}
		if format == scanner.QR && zbarPath() != "" {
			peer += zbarReads(t, dir, all)
		}
	}
	file.Add(withPeer(figures.Figure{Figure: "corpus_qr_read", Value: float64(sums[scanner.QR].read), Unit: "pictures"}, peer))
	file.Add(figures.Figure{Figure: "corpus_qr_wrong", Value: float64(sums[scanner.QR].wrong), Unit: "texts"})
	file.Add(figures.Figure{Figure: "corpus_datamatrix_read", Value: float64(sums[scanner.DataMatrix].read), Unit: "pictures"})
	file.Add(figures.Figure{Figure: "corpus_aztec_read", Value: float64(sums[scanner.Aztec].read), Unit: "pictures"})
	fmt.Printf("QR read %d, wrong %d (zbar %d); Data Matrix %d; Aztec %d\n", sums[scanner.QR].read, sums[scanner.QR].wrong, peer,
		sums[scanner.DataMatrix].read, sums[scanner.Aztec].read)
}

func zbarReads(t *testing.T, dir string, all []photo) (n int) {
	for _, p := range all {
		for q := range 4 {
			if p.text != "" && slices.ContainsFunc(zbar(t, dir, turned(p.frame, q)), func(s string) bool { return sameText(s, p.text) }) {
				n++
			}
		}
	}
	return n
}

// zbarPath returns the peer's command, or nothing where it is not installed (Debian package zbar-tools).
func zbarPath() string {
	path, _ := exec.LookPath("zbarimg")
	return path
}

// zbar returns what the peer reads in a frame.
func zbar(t *testing.T, dir string, f scanner.Frame) []string {
	path := zbarPath()
	if path == "" {
		return nil
	}
	name := filepath.Join(dir, "frame.pgm")
	b := fmt.Appendf(nil, "P5\n%d %d\n255\n", f.Width, f.Height)
	for y := range f.Height {
		b = append(b, f.Pix[y*f.Stride:y*f.Stride+f.Width]...)
	}
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
	var texts []string
	raw, _ := exec.Command(path, "-q", "--xml", "-Sdisable", "-Sqrcode.enable", name).Output() // its exit status says that nothing was read
	for rest := string(raw); ; {
		_, after, ok := strings.Cut(rest, "<![CDATA[")
		if !ok {
			return texts
		}
		text, tail, _ := strings.Cut(after, "]]>")
		texts, rest = append(texts, text), tail
	}
}
