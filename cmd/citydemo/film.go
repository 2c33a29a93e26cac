package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"image/jpeg"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"citygate/internal/avi"
	"citygate/internal/qrcode"
	"citygate/internal/scene"

	"golang.org/x/sync/errgroup"
)

// The film's format. Each code is held for a while, as a citizen holds it, and between two codes the street is empty.
const (
	filmWidth, filmHeight = 960, 540
	filmRate              = 10 // frames/s
	filmQuality           = 80 // of its JPEG frames
	filmGap               = 800 * time.Millisecond
	filmSeed              = 1301
	reelVersion           = 1 // counts up when the drawing changes
)

// exhibit is one code that is shown to the camera, and what a right gateway answers.
type exhibit struct {
	Name   string `json:"name"`   // what a person would call it
	Text   string `json:"text"`   // what the code says
	Expect string `json:"expect"` // the verdict
	// Look says how it is held; the zero value is a print held straight.
	Look look `json:"look"`
}

// look is how a code meets the camera.
type look struct {
	Phone                    bool
	Tilt, Rotate             float64 // degrees
	Blur, Noise, Glare, Bend float64
	Motion                   float64 // pixels during the exposure
}

// looks are dealt to the exhibits in turn, so that every fault meets some code.
var looks = [...]look{
	{Tilt: 8, Rotate: 4, Noise: 2},
	{Phone: true, Tilt: 14, Rotate: -6, Noise: 3},
	{Rotate: 12, Blur: 0.9, Noise: 3},
	{Phone: true, Tilt: 18, Rotate: 5, Glare: 70, Noise: 3},
	{Tilt: 12, Rotate: -15, Motion: 2.5, Noise: 4},
	{Bend: 18, Rotate: 3, Noise: 3},
	{Phone: true, Rotate: 9, Blur: 0.7, Noise: 5},
}

// writeFilm writes the reels of all exhibits, one after the other, as an MJPG AVI. Reels that an earlier start has drawn
// are taken from the folder reels. progress is told how many are done.
func writeFilm(path, reels string, exhibits []exhibit, hold time.Duration, progress func(done, of int)) error {
	all := make([][][]byte, len(exhibits))
	for i, e := range exhibits {
		r, err := reel(reels, i, e, frames(hold))
		if err != nil {
			return fmt.Errorf("draw %s: %w", e.Name, err)
		}
		all[i] = r
		progress(i+1, len(exhibits))
	}
	return writeAVI(path, func(write func([]byte) error) error {
		for _, r := range all {
			for n := range frames(hold) + frames(filmGap) {
				// The empty street behind a reel's last code stands still until the next one.
				if err := write(r[min(n, len(r)-1)]); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// writeAVI writes a film whose frames each gives, under another name first, so that a gateway that waits for it never
// sees a half.
func writeAVI(path string, each func(write func([]byte) error) error) error {
	f, err := os.Create(path + ".part")
	if err != nil {
		return fmt.Errorf("write film: %w", err)
	}
	defer f.Close()
	w, err := avi.NewWriter(f, filmWidth, filmHeight, avi.Options{Rate: filmRate, Scale: 1})
	if err != nil {
		return fmt.Errorf("write film: %w", err)
	}
	if err := errors.Join(each(w.WriteJPEG), w.Close(), f.Sync()); err != nil {
		return fmt.Errorf("write film: %w", err)
	}
	return os.Rename(path+".part", path)
}

// reel gives the JPEG frames of exhibit i, held frames with the code and one of the empty street, and keeps them in the
// folder under a name that says all they depend on.
func reel(folder string, i int, e exhibit, held int) ([][]byte, error) {
	sum := sha256.Sum256(fmt.Appendf(nil, "%d %dx%d %d %d %d %v %q", reelVersion, filmWidth, filmHeight, filmRate, i, held, e.Look, e.Text))
	file := filepath.Join(folder, hex.EncodeToString(sum[:12])+".avi")
	if r, err := readReel(file); err == nil && len(r) == held+1 {
		return r, nil
	}
	m, err := qrcode.Encode(e.Text, qrcode.M)
	if err != nil {
		return nil, err
	}
	shots, err := drawShots(held+1, func(n int) scene.Scene { return shot(i, n, held, e, m) })
	if err != nil {
		return nil, err
	}
	return shots, writeAVI(file, func(write func([]byte) error) error {
		for _, s := range shots {
			if err := write(s); err != nil {
				return err
			}
		}
		return nil
	})
}

func readReel(file string) ([][]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return nil, err
	}
	r, err := avi.NewReader(f, st.Size())
	if err != nil {
		return nil, err
	}
	shots := make([][]byte, r.Info().Frames)
	for i := range shots {
		if shots[i], err = r.JPEG(i, nil); err != nil {
			return nil, err
		}
	}
	return shots, nil
}

// drawShots draws n frames on all cores and compresses them.
func drawShots(n int, at func(n int) scene.Scene) ([][]byte, error) {
	shots := make([][]byte, n)
	var g errgroup.Group
	workers := runtime.GOMAXPROCS(0)
	for worker := range workers {
		g.Go(func() error {
			var r scene.Renderer // keeps the street between frames
			for k := worker; k < n; k += workers {
				var b bytes.Buffer
				if err := jpeg.Encode(&b, r.RGB(at(k)).RGB, &jpeg.Options{Quality: filmQuality}); err != nil {
					return err
				}
				shots[k] = b.Bytes()
			}
			return nil
		})
	}
	return shots, g.Wait()
}

func frames(d time.Duration) int { return int(math.Ceil(d.Seconds() * filmRate)) }

// shot is frame n of exhibit i: for held frames the code drifts through the picture, then the street is empty.
func shot(i, n, held int, e exhibit, m qrcode.Matrix) scene.Scene {
	t := float64(n) / float64(max(held, 1))
	s := scene.Scene{
		Width: filmWidth, Height: filmHeight,
		Seed: filmSeed + uint64(i)<<16 + uint64(n), BackdropSeed: filmSeed, // one camera, one street
		Backdrop: scene.Street, Gamma: 2.2, Noise: e.Look.Noise, Shot: 0.02,
		Defocus: e.Look.Blur, Motion: e.Look.Motion, MotionAngle: 20,
		Gradient: 0.15, GradientAngle: float64(40 * i),
	}
	if n >= held {
		return s
	}
	code := scene.Code{
		Matrix:   scene.NewMatrix(m.Size(), m.Size(), m.At),
		Module:   math.Min(5.5, 430/float64(m.Size()+8)),
		Center:   scene.Point{X: filmWidth/2 + 90*math.Sin(2*t+float64(i)), Y: filmHeight/2 + 14*math.Cos(3*t)},
		Rotate:   e.Look.Rotate + 3*math.Sin(2*math.Pi*t),
		Tilt:     e.Look.Tilt,
		TiltAxis: 70,
		Bend:     e.Look.Bend,
		BendAxis: 90,
	}
	if e.Look.Phone {
		code.Phone = scene.Phone{Pitch: 5, Contrast: 0.12}
		code.Dark, code.Light = scene.Gray(12), scene.Gray(245)
	}
	if e.Look.Glare > 0 {
		s.Glare = []scene.Glare{{At: scene.Point{X: code.Center.X + 90, Y: code.Center.Y - 70}, Radius: 70, Level: e.Look.Glare}}
	}
	s.Codes = []scene.Code{code}
	return s
}
