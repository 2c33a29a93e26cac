package main

import (
	"bytes"
	"fmt"
	"image/jpeg"
	"math"
	"os"
	"runtime"
	"time"

	"citygate/internal/avi"
	"citygate/internal/qrcode"
	"citygate/internal/scene"

	"golang.org/x/sync/errgroup"
)

// The film's format. Each code is held for a while, as a citizen holds it, and between two codes the street is empty.
const (
	filmWidth, filmHeight = 1280, 720
	filmRate              = 12 // frames/s
	filmQuality           = 80 // of its JPEG frames
	filmGap               = 800 * time.Millisecond
	filmSeed              = 1301
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

// writeFilm draws all exhibits, one after the other, each for hold, and writes them as an MJPG AVI. progress is told
// the share that is done.
func writeFilm(path string, exhibits []exhibit, hold time.Duration, progress func(done float64)) error {
	held, gap := frames(hold), frames(filmGap)
	f, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("write film: %w", err)
	}
	defer f.Close()
	w, err := avi.NewWriter(f, filmWidth, filmHeight, avi.Options{Rate: filmRate, Scale: 1})
	if err != nil {
		return fmt.Errorf("write film: %w", err)
	}
	for i, e := range exhibits {
		m, err := qrcode.Encode(e.Text, qrcode.M)
		if err != nil {
			return fmt.Errorf("draw %s: %w", e.Name, err)
		}
		// The empty street is drawn once and stands still until the next code.
		shots, err := drawShots(held+1, func(n int) scene.Scene { return shot(i, n, held, e, m) })
		if err != nil {
			return fmt.Errorf("draw %s: %w", e.Name, err)
		}
		for n := range held + gap {
			if err := w.WriteJPEG(shots[min(n, held)]); err != nil {
				return fmt.Errorf("write film: %w", err)
			}
		}
		progress(float64(i+1) / float64(len(exhibits)))
	}
	if err := w.Close(); err != nil {
		return fmt.Errorf("write film: %w", err)
	}
	return f.Sync()
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
		Module:   math.Min(6.5, 500/float64(m.Size()+8)),
		Center:   scene.Point{X: filmWidth/2 + 110*math.Sin(2*t+float64(i)), Y: filmHeight/2 + 24*math.Cos(3*t)},
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
		s.Glare = []scene.Glare{{At: scene.Point{X: code.Center.X + 120, Y: code.Center.Y - 90}, Radius: 90, Level: e.Look.Glare}}
	}
	s.Codes = []scene.Code{code}
	return s
}
