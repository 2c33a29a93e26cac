package scene

// This file joins the steps: backdrop, plates, light, optics, sensor.

import (
	"image"
	"math"
)

// Renderer draws scenes and keeps the memory, and the last backdrop, for the
// next. Its zero value is ready. It is not safe for concurrent use.
type Renderer struct {
	work   canvas
	back   backdrop
	buffer [1][]float32
	normal []float32 // quantiles of the normal distribution
	tone   *tone
	wear   fractal
}

// Luma draws a scene in 8-bit luma. The frame is the caller's.
func (r *Renderer) Luma(s Scene) Frame {
	placed := r.linear(&s, 1)
	out := image.NewGray(image.Rect(0, 0, s.Width, s.Height))
	r.expose(&s, 0, out.Pix, 1)
	return Frame{Luma: out, Codes: placed}
}

// RGB draws a scene in colour. The frame is the caller's.
func (r *Renderer) RGB(s Scene) Frame {
	placed := r.linear(&s, 3)
	out := image.NewRGBA(image.Rect(0, 0, s.Width, s.Height))
	for i := 3; i < len(out.Pix); i += 4 {
		out.Pix[i] = 255
	}
	for k := range 3 {
		r.expose(&s, k, out.Pix[k:], 4)
	}
	return Frame{RGB: out, Codes: placed}
}

// Luma draws one scene in 8-bit luma.
func Luma(s Scene) Frame { return new(Renderer).Luma(s) }

// RGB draws one scene in colour.
func RGB(s Scene) Frame { return new(Renderer).RGB(s) }

// linear fills the scene's defaults and draws it up to the sensor.
func (r *Renderer) linear(s *Scene, channels int) []Placed {
	defaults(s)
	if r.tone == nil || r.tone.gamma != s.Gamma {
		r.tone = newTone(s.Gamma)
	}
	r.work.reshape(s.Width, s.Height, channels)
	r.back.copyTo(&r.work, s, r.tone)
	placed := make([]Placed, 0, len(s.Codes))
	for i := range s.Codes {
		c := &s.Codes[i]
		if c.Wear > 0 {
			r.wear.fill(s.Seed + uint64(i))
		}
		p, where := newPlateSampler(c, s, r.tone, &r.wear)
		grid := 4
		if where.MinModule < 2 {
			grid = 8
		}
		p.draw(&r.work, grid)
		placed = append(placed, where)
	}
	r.illuminate(s)
	for _, plane := range r.work.ch {
		if s.Disc > 0 {
			r.convolve(plane, s.Width, s.Height, disc(s.Disc))
		}
		if s.Defocus > 0 {
			r.blur(plane, s.Width, s.Height, gaussian(s.Defocus))
		}
		if s.Motion > 0 {
			r.convolve(plane, s.Width, s.Height, motion(s.Motion, s.MotionAngle))
		}
	}
	return placed
}

func defaults(s *Scene) {
	side := func(n, otherwise int) int {
		if n == 0 {
			return otherwise
		}
		return min(max(n, 1), MaxSide)
	}
	s.Width, s.Height = side(s.Width, 1280), side(s.Height, 720)
	if s.BackdropSeed == 0 {
		s.BackdropSeed = s.Seed
	}
	if s.Focal <= 0 {
		s.Focal = 1.1 * float64(s.Width)
	}
	if s.Gamma <= 0 {
		s.Gamma = 1
	}
	if s.Exposure <= 0 {
		s.Exposure = 1
	}
}

// scratch returns memory that is free until the next call.
func (r *Renderer) scratch(i, n int) []float32 {
	if cap(r.buffer[i]) < n {
		r.buffer[i] = make([]float32, n)
	}
	return r.buffer[i][:n]
}

// illuminate applies gradient, flicker, shadow, glare and exposure.
func (r *Renderer) illuminate(s *Scene) {
	w, h := float64(s.Width), float64(s.Height)
	if s.Gradient != 0 || s.Flicker != 0 || s.Exposure != 1 {
		sin, cos := sincos(s.GradientAngle)
		span := math.Abs(cos)*w + math.Abs(sin)*h
		phase := float64(mix(s.Seed)%1000) / 1000
		for y := range s.Height {
			lamp := 1 - s.Flicker*(0.5+0.5*math.Sin(2*math.Pi*(float64(y)/h*2.7+phase)))
			gain := s.Exposure * lamp
			from := 0.5 + (-w/2*cos+(float64(y)-h/2)*sin)/span
			r.work.scaleRow(y, gain*(1-s.Gradient*from), -gain*s.Gradient*cos/span)
		}
	}
	if s.Shadow.Depth > 0 {
		r.shade(s)
	}
	for _, g := range s.Glare {
		r.shine(g, s)
	}
}

func (r *Renderer) shade(s *Scene) {
	soft := s.Shadow.Soft
	if soft <= 0 {
		soft = 2
	}
	sin, cos := sincos(s.Shadow.Angle)
	for y := range s.Height {
		for x := range s.Width {
			d := -(float64(x)-s.Shadow.At.X)*sin + (float64(y)-s.Shadow.At.Y)*cos
			dark := float32(1 - s.Shadow.Depth*min(max(d/soft+0.5, 0), 1))
			for _, plane := range r.work.ch {
				plane[y*s.Width+x] *= dark
			}
		}
	}
}

func (r *Renderer) shine(g Glare, s *Scene) {
	reach := 3 * g.Radius
	if reach <= 0 {
		return
	}
	clamp := func(f float64, top int) int { return int(min(max(f, 0), float64(top))) }
	level := r.tone.light(g.Level) * s.Exposure
	for y := clamp(g.At.Y-reach, s.Height); y < clamp(g.At.Y+reach, s.Height); y++ {
		for x := clamp(g.At.X-reach, s.Width); x < clamp(g.At.X+reach, s.Width); x++ {
			dx, dy := (float64(x)+0.5-g.At.X)/g.Radius, (float64(y)+0.5-g.At.Y)/g.Radius
			add := float32(level * math.Exp(-dx*dx-dy*dy))
			for _, plane := range r.work.ch {
				plane[y*s.Width+x] += add
			}
		}
	}
}
