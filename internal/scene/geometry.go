package scene

// This file implements the camera and the shape of plates: from a point on a
// plate to the image, and from the image back.

import "math"

// flatBend is the arc in degrees below which a plate is flat: the cylinder's
// radius would lose the modules in rounding.
const flatBend = 0.01

type vec struct{ x, y, z float64 }

type rot [3]vec // rows

func (r *rot) apply(v vec) vec {
	return vec{
		r[0].x*v.x + r[0].y*v.y + r[0].z*v.z,
		r[1].x*v.x + r[1].y*v.y + r[1].z*v.z,
		r[2].x*v.x + r[2].y*v.y + r[2].z*v.z,
	}
}

// back applies the inverse, which for a rotation is the transpose.
func (r *rot) back(v vec) vec {
	return vec{
		r[0].x*v.x + r[1].x*v.y + r[2].x*v.z,
		r[0].y*v.x + r[1].y*v.y + r[2].y*v.z,
		r[0].z*v.x + r[1].z*v.y + r[2].z*v.z,
	}
}

func sincos(degrees float64) (sin, cos float64) { return math.Sincos(degrees * math.Pi / 180) }

// tilted is the rotation in the plane followed by the tilt about an axis that
// lies in the image plane (Rodrigues' formula).
func tilted(rotate, tilt, axis float64) rot {
	sr, cr := sincos(rotate)
	s, c := sincos(tilt)
	ay, ax := sincos(axis)
	t := rot{
		{c + ax*ax*(1-c), ax * ay * (1 - c), ay * s},
		{ax * ay * (1 - c), c + ay*ay*(1-c), -ax * s},
		{-ay * s, ax * s, c},
	}
	for i := range t {
		row := t[i]
		t[i] = vec{row.x*cr + row.y*sr, -row.x*sr + row.y*cr, row.z}
	}
	return t
}

// plate is a code in space. Its own unit is the module, its origin the
// symbol's middle; the camera looks along z from the origin of space.
type plate struct {
	r      rot
	at     vec     // of the middle, in space
	eye    vec     // the camera, as the plate sees it
	focal  float64 // pixels
	cx, cy float64 // the image's middle
	radius float64 // of the cylinder in modules; 0 is flat
	ax, ay float64 // direction along the cylinder's axis on the plate
	mirror float64 // -1 if seen from behind
}

func newPlate(c *Code, s *Scene) plate {
	p := plate{r: tilted(c.Rotate, c.Tilt, c.TiltAxis), focal: s.Focal, mirror: 1}
	p.cx, p.cy = float64(s.Width)/2, float64(s.Height)/2
	depth := p.focal / c.Module
	p.at = vec{(c.Center.X - p.cx) / c.Module, (c.Center.Y - p.cy) / c.Module, depth}
	p.eye = p.r.back(vec{-p.at.x, -p.at.y, -p.at.z})
	p.ay, p.ax = sincos(c.BendAxis)
	if math.Abs(c.Bend) > flatBend {
		// The arc covers the symbol's extent across the cylinder's axis.
		across := math.Abs(p.ay)*float64(c.Matrix.W) + math.Abs(p.ax)*float64(c.Matrix.H)
		p.radius = across / (c.Bend * math.Pi / 180)
	}
	if c.Mirrored {
		p.mirror = -1
	}
	return p
}

// project takes a point on the plate, in modules from the symbol's middle, to
// the image. It reports false if the point is behind the camera.
func (p *plate) project(u, v float64) (Point, bool) {
	w := vec{u * p.mirror, v, 0}
	if p.radius != 0 {
		along, across := w.x*p.ax+w.y*p.ay, -w.x*p.ay+w.y*p.ax
		sin, cos := math.Sincos(across / p.radius)
		across = p.radius * sin
		w = vec{along*p.ax - across*p.ay, along*p.ay + across*p.ax, p.radius * (1 - cos)}
	}
	w = p.r.apply(w)
	w.x, w.y, w.z = w.x+p.at.x, w.y+p.at.y, w.z+p.at.z
	if w.z <= 1e-6 {
		return Point{}, false
	}
	return Point{p.cx + p.focal*w.x/w.z, p.cy + p.focal*w.y/w.z}, true
}

// unproject takes a point of the image to the plate. It reports false where
// the ray does not meet the plate from its front.
func (p *plate) unproject(x, y float64) (u, v float64, ok bool) {
	d := p.r.back(vec{(x - p.cx) / p.focal, (y - p.cy) / p.focal, 1})
	if p.radius == 0 {
		t := -p.eye.z / d.z
		return (p.eye.x + t*d.x) * p.mirror, p.eye.y + t*d.y, t > 0
	}
	// In the plane across the cylinder's axis it is a circle through the
	// plate's middle: a² + (z - radius)² = radius².
	ea, da := -p.eye.x*p.ay+p.eye.y*p.ax, -d.x*p.ay+d.y*p.ax
	ez := p.eye.z - p.radius
	a, b, c := da*da+d.z*d.z, ea*da+ez*d.z, ea*ea+ez*ez-p.radius*p.radius
	disc := b*b - a*c
	if disc < 0 {
		return 0, 0, false
	}
	t := (-b - math.Copysign(math.Sqrt(disc), p.radius)) / a
	z := p.eye.z + t*d.z
	if t <= 0 || (p.radius-z)*p.radius <= 0 {
		return 0, 0, false
	}
	along := (p.eye.x+t*d.x)*p.ax + (p.eye.y+t*d.y)*p.ay
	across := p.radius * math.Atan((ea+t*da)/(p.radius-z))
	return (along*p.ax - across*p.ay) * p.mirror, along*p.ay + across*p.ax, true
}

// placed projects the symbol's corners and measures the modules there.
func (p *plate) placed(c *Code, s *Scene) Placed {
	w, h := float64(c.Matrix.W)/2, float64(c.Matrix.H)/2
	out := Placed{Inside: true, MinModule: math.Inf(1)}
	for i, q := range [4]Point{{-w, -h}, {w, -h}, {w, h}, {-w, h}} {
		at, ok := p.project(q.X, q.Y)
		out.Corners[i] = at
		if !ok || at.X < 0 || at.Y < 0 || at.X > float64(s.Width) || at.Y > float64(s.Height) {
			out.Inside = false
		}
		right, _ := p.project(q.X-math.Copysign(1, q.X), q.Y)
		down, _ := p.project(q.X, q.Y-math.Copysign(1, q.Y))
		out.MinModule = min(out.MinModule, math.Hypot(right.X-at.X, right.Y-at.Y), math.Hypot(down.X-at.X, down.Y-at.Y))
	}
	return out
}
