package scene

// This file implements the picture in linear light, and how levels become
// light and light levels.

import "math"

// canvas holds one plane for luma or three for red, green and blue, in linear
// light where 255 is white.
type canvas struct {
	w, h int
	ch   [][]float32
}

// reshape makes the canvas fit, keeping its memory where it can.
func (c *canvas) reshape(w, h, channels int) {
	if cap(c.ch) < channels {
		c.ch = make([][]float32, channels)
	}
	c.w, c.h, c.ch = w, h, c.ch[:channels]
	for i := range c.ch {
		if cap(c.ch[i]) < w*h {
			c.ch[i] = make([]float32, w*h)
		}
		c.ch[i] = c.ch[i][:w*h]
	}
}

// luma weighs the channels as ITU-R BT.601 does, like the encoders of cameras.
func (c Color) luma() float64 { return 0.299*c.R + 0.587*c.G + 0.114*c.B }

// set writes a pixel: the colour times scale, over keep of what was there.
func (c *canvas) set(i int, col Color, scale, keep float32) {
	if len(c.ch) == 1 {
		c.ch[0][i] = float32(col.luma())*scale + c.ch[0][i]*keep
		return
	}
	for k, v := range [3]float64{col.R, col.G, col.B} {
		c.ch[k][i] = float32(v)*scale + c.ch[k][i]*keep
	}
}

// fill colours a rectangle, which may reach beyond the canvas.
func (c *canvas) fill(x0, y0, x1, y1 int, col Color) {
	x0, y0, x1, y1 = max(x0, 0), max(y0, 0), min(x1, c.w), min(y1, c.h)
	if x0 >= x1 {
		return
	}
	levels := [3]float64{col.R, col.G, col.B}
	if len(c.ch) == 1 {
		levels[0] = col.luma()
	}
	for k := range c.ch {
		v := float32(levels[k])
		for y := y0; y < y1; y++ {
			row := c.ch[k][y*c.w+x0 : y*c.w+x1]
			for i := range row {
				row[i] = v
			}
		}
	}
}

// disc colours a circle.
func (c *canvas) disc(cx, cy, r float64, col Color) {
	for y := int(cy - r); y <= int(cy+r); y++ {
		d := r*r - (float64(y)-cy)*(float64(y)-cy)
		if d > 0 {
			half := math.Sqrt(d)
			c.fill(int(cx-half), y, int(cx+half), y+1, col)
		}
	}
}

// scale multiplies every pixel of a row span by a factor that changes linearly.
func (c *canvas) scaleRow(y int, from, step float64) {
	for _, plane := range c.ch {
		row := plane[y*c.w : (y+1)*c.w]
		f := from
		for i := range row {
			row[i] *= float32(max(f, 0))
			f += step
		}
	}
}

// tone relates levels to linear light.
type tone struct {
	gamma float64
	out   []byte // light in steps of 1/4 to levels
}

func newTone(gamma float64) *tone {
	t := &tone{gamma: gamma, out: make([]byte, 1024)}
	for i := range t.out {
		t.out[i] = byte(math.Round(255 * math.Pow(float64(i)/float64(len(t.out)-1), 1/gamma)))
	}
	return t
}

func (t *tone) light(level float64) float64 {
	if t.gamma == 1 {
		return level
	}
	return 255 * math.Pow(max(level, 0)/255, t.gamma)
}

func (t *tone) color(c Color) Color { return Color{t.light(c.R), t.light(c.G), t.light(c.B)} }

// level is the level before noise for an amount of light.
func (t *tone) level(light float32) float32 {
	if t.gamma == 1 {
		return light
	}
	f := light / 255 * float32(len(t.out)-1)
	i := int(f)
	switch {
	case f <= 0:
		return 0
	case i >= len(t.out)-1:
		return 255
	}
	a, b := float32(t.out[i]), float32(t.out[i+1])
	return a + (b-a)*(f-float32(i))
}
