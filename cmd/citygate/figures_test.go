package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"golang.org/x/sys/unix"

	"citygate/edge"
	"citygate/edge/kiosk"
	"citygate/internal/browsertest"
	"citygate/internal/figures"
	"citygate/internal/scene"
	"citygate/scanner"
	"citygate/scanner/camera"
	"citygate/sync/wire"
	"citygate/trust/cityid"
	"citygate/trust/ledger"
)

var figuresFile = flag.String("figures", "", "measure the figures of the gateway and append them to this file as JSON lines")

// TestFigures measures only where it is asked to:
//
//	go test ./cmd/citygate -run Figures -figures gateway.jsonl
//
// Everything but the empty frames is measured on a real `citygate run` of 1080p frames that holds a neighbour city of
// 11 million identifiers.
func TestFigures(t *testing.T) {
	f := figures.Open(t, *figuresFile)
	for _, measure := range []func(*testing.T) []figures.Figure{figureFilm, figureReplay, figureEmpty} {
		for _, line := range measure(t) {
			f.Add(line)
		}
	}
}

const (
	neighbours = 11_000_000
	filmRate   = 30
	filmScans  = 60
	filmPeriod = 20 // frames from one code to the next
	filmShown  = 12 // of these frames show the code
	filmBefore = 60 // frames of the empty street, while the browser opens the page
)

// film is a run of the film's pictures before a real gateway, watched by a browser.
type film struct {
	*crowd
	*stage
	*process
	started bool // guarded by stage.mu
	begin   int  // guarded by stage.mu: the tick at which it was started
}

func newFilm(t *testing.T) *film {
	t.Helper()
	f := &film{crowd: newCrowd(t, neighbours)}
	pictures := f.pictures(t, filmScans, 1920, 1080, 4.6)
	f.stage = newStage(t, filmRate, func(n int) (int, []byte) {
		if !f.started {
			f.begin = n + filmBefore
		}
		scan, frame := (n-f.begin)/filmPeriod+1, (n-f.begin)%filmPeriod
		if n < f.begin || scan > filmScans || frame >= filmShown {
			return 0, pictures[filmScans+n%streets]
		}
		return scan, pictures[scan-1]
	})
	f.process = f.crowd.site(t, f.stage).spawn(t)
	return f
}

// watch is the script that notes when each object stood on the painted page.
const watch = `(() => {
  window.painted = {};
  new MutationObserver(() => {
    const dd = document.querySelector('#facts dd'), id = dd && dd.textContent;
    if (!id || id in painted) return;
    painted[id] = 0;
    requestAnimationFrame(() => { const c = new MessageChannel(); c.port1.onmessage = () => { painted[id] = Date.now(); c.port1.close(); }; c.port2.postMessage(0); });
  }).observe(document.getElementById('facts'), {childList: true});
})()`

// figureFilm shows 60 codes in a film of 30 frames/s. A photon arrives when the exposure of the first frame that shows
// the code begins, one frame's time before that frame is sent; the answer is there when the browser has painted it. Our
// own part begins when the frame is sent, still compressed, and ends when the answer comes out of the daemon.
func figureFilm(t *testing.T) []figures.Figure {
	f := newFilm(t)
	start := f.ready(t)
	answers := f.listen(t)
	tab := browser(t, nil)
	if err := chromedp.Run(tab, chromedp.Navigate("http://"+f.address+"/"), chromedp.WaitVisible("body.idle"), chromedp.Evaluate(watch, nil)); err != nil {
		t.Fatal(err)
	}
	f.stage.mu.Lock()
	f.started = true
	f.stage.mu.Unlock()
	var ours, fsyncs, whole []float64
	got := map[string]bool{}
	deadline := time.After(2 * filmScans * filmPeriod * time.Second / filmRate)
	disk := time.NewTicker(100 * time.Millisecond)
	defer disk.Stop()
	for len(got) < filmScans {
		select {
		case a := <-answers:
			sent, _ := f.sent(slices.Index(f.objects, a.object) + 1)
			ours, got[a.object] = append(ours, ms(a.at.Sub(sent))), true
		case <-disk.C:
			fsyncs = append(fsyncs, ms(fsync(t, f.dir)))
		case <-deadline:
			t.Fatalf("%d of %d codes were answered: %s", len(got), filmScans, f.said)
		}
	}
	painted := map[string]float64{}
	limit, cancel := context.WithTimeout(tab, 20*time.Second)
	defer cancel()
	if err := chromedp.Run(limit, browsertest.Until(fmt.Sprintf("Object.values(painted).filter(Boolean).length >= %d && painted", filmScans), &painted)); err != nil {
		t.Fatal(err)
	}
	for object, at := range painted {
		sent, _ := f.sent(slices.Index(f.objects, object) + 1)
		whole = append(whole, at-float64(sent.UnixMicro())/1000+1000.0/filmRate)
	}
	f.end(t)
	const disks = "fsync p99 of the run"
	p99 := percentile(fsyncs, 99)
	return []figures.Figure{
		{Figure: "photon_to_answer_p95_ms", Value: percentile(whole, 95), Unit: "ms", Peer: disks, PeerValue: p99},
		{Figure: "ours_p95_ms", Value: percentile(ours, 95), Unit: "ms", Peer: disks, PeerValue: p99},
		{Figure: "start_s", Value: start.Seconds(), Unit: "s"},
	}
}

// figureReplay replays scans of 1080p frames and reads what the process holds; the peer is what it held before.
func figureReplay(t *testing.T) []figures.Figure {
	replayed := *scans
	r := newReplay(t, neighbours, 1920, 1080, 4.6)
	r.ready(t)
	r.answers = r.listen(t)
	r.run(t, replayed/4)
	before := r.footing(t)
	r.run(t, replayed-replayed/4)
	end := r.footing(t)
	t.Logf("after %d scans: %v; after %d: %v", replayed/4, before, replayed, end)
	r.end(t)
	peer := fmt.Sprintf("after %d of %d scans", replayed/4, replayed)
	return []figures.Figure{{Figure: "rss_mb", Value: end.rss, Unit: "MB", Peer: peer, PeerValue: before.rss}}
}

// empties are frames without a code, given as fast as they are asked for, each often enough.
type empties struct {
	frames []scanner.Frame
	left   int
	seq    uint64
}

func (e *empties) Next(context.Context) (camera.Frame, error) {
	if e.left == 0 {
		return camera.Frame{}, io.EOF
	}
	e.left--
	e.seq++
	return camera.Frame{Frame: e.frames[e.seq%uint64(len(e.frames))], Seq: e.seq, At: time.Now()}, nil
}

// Live lets the gateway watch these frames as those of a device.
func (e *empties) Live() bool { return true }

func (e *empties) Close() error { return nil }

// nothing is the rest of a gateway to which nothing happens.
type nothing struct{ view ledger.View }

func (n *nothing) View() *ledger.View  { return &n.view }
func (n *nothing) Answer(kiosk.Answer) {}
func (n *nothing) State(kiosk.State)   {}
func (n *nothing) Nonce(kiosk.Nonce)   {}
func (n *nothing) Append(context.Context, wire.Event) (uint64, uint64, error) {
	return 1, 1, nil
}

// figureEmpty looks at frames without a code through the whole pipeline. Its time is the processor's, of all threads
// together, because the machine may be shared.
func figureEmpty(t *testing.T) []figures.Figure {
	e := &empties{left: 600}
	for i, kind := range []scene.Backdrop{scene.Street, scene.Wall, scene.Street, scene.Page, scene.Street, scene.Wall} {
		g := scene.Luma(scene.Scene{Width: 1920, Height: 1080, Seed: uint64(20 + i), Backdrop: kind, Gamma: 2.2, Noise: 4, Shot: 0.05, Defocus: 0.8}).Luma
		e.frames = append(e.frames, scanner.Frame{Pix: g.Pix, Stride: g.Stride, Width: 1920, Height: 1080})
	}
	formats, err := scanner.ParseFormats("qr")
	if err != nil {
		t.Fatal(err)
	}
	n, total := new(nothing), e.left
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	g := edge.New(edge.Options{
		Cameras: []edge.Camera{{Tracker: newTracker(formats), Open: func(context.Context) (edge.Frames, error) {
			return &lastly{e, cancel}, nil
		}}},
		Views: n, Outbox: n, Screen: n, Place: cityid.ID{},
	})
	runtime.GC()
	begin := processor(t)
	if err := g.Run(ctx); err != nil {
		t.Fatal(err)
	}
	return []figures.Figure{{Figure: "empty_1080p_fps", Value: float64(total) / (processor(t) - begin).Seconds(), Unit: "frames/s"}}
}

// lastly ends the gateway with the last frame.
type lastly struct {
	*empties
	cancel func()
}

func (l *lastly) Next(ctx context.Context) (camera.Frame, error) {
	f, err := l.empties.Next(ctx)
	if err != nil {
		l.cancel()
	}
	return f, err
}

func processor(t *testing.T) time.Duration {
	t.Helper()
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func percentile(values []float64, p int) float64 {
	slices.Sort(values)
	return values[min(len(values)*p/100, len(values)-1)]
}

// fsync writes 4 KiB beside the gateway's databases and makes them durable.
func fsync(t *testing.T, dir string) time.Duration {
	t.Helper()
	f, err := os.OpenFile(filepath.Join(dir, "fsync"), os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.Write(make([]byte, 4<<10)); err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	if err := f.Sync(); err != nil {
		t.Fatal(err)
	}
	return time.Since(begin)
}
