// Package scene draws what a street camera would see: frames with 2D codes of
// which every fault is known, because it was asked for by number.
//
// # The model
//
// A frame is made in the order in which light makes one.
//
//  1. A backdrop: a street, a wall, a page of text, and patterns that are
//     hostile to a reader.
//  2. Plates. A code is a matrix of modules on a plate, which has a quiet zone
//     and stands in three dimensions before a pinhole camera: turned in its
//     plane, tilted about any axis, rolled onto a cylinder. A plate may be the
//     glass of a phone, whose pixel lattice beats against the sensor's (moiré).
//     Wear, ink spread, dots instead of squares, and a thing that covers a part
//     belong to the plate.
//  3. Light: a gradient over the frame, the edge of a shadow, spots of glare,
//     the flicker of a lamp, and the exposure.
//  4. Optics: defocus as a Gaussian or as the disc of an aperture, and motion
//     during the exposure.
//  5. The sensor: noise that is there in the dark, noise that grows with the
//     light (shot noise), saturation, eight bits.
//
// Steps 1 to 4 work in linear light; Gamma says how levels of 0 to 255 relate
// to it. With the zero Gamma they are proportional, so that every figure of a
// scene is in plain levels.
//
// # Coordinates
//
// Image coordinates are continuous: the pixel in column x and row y covers
// [x, x+1) by [y, y+1), and its centre is (x+0.5, y+0.5). The corners that come
// with a frame are projected by the very camera that drew it, so they are exact.
// Angles are in degrees; a positive rotation is clockwise as seen.
//
// One scene gives the same frame in every run on one architecture. (Where a
// processor fuses multiply and add, a level may differ by one.)
package scene

import "image"

// Point is a place in a frame, in pixels.
type Point struct{ X, Y float64 }

// Matrix is a symbol's modules, row by row, without a quiet zone. True is dark.
type Matrix struct {
	W, H int
	Bits []bool
}

// NewMatrix asks dark for each module and returns the matrix. This is the
// bridge from any encoder: scene itself knows none.
func NewMatrix(w, h int, dark func(x, y int) bool) Matrix {
	m := Matrix{W: w, H: h, Bits: make([]bool, w*h)}
	for y := range h {
		for x := range w {
			m.Bits[y*w+x] = dark(x, y)
		}
	}
	return m
}

// At reports whether the module in column x and row y is dark; outside the
// matrix everything is light.
func (m *Matrix) At(x, y int) bool {
	return x >= 0 && y >= 0 && x < m.W && y < m.H && m.Bits[y*m.W+x]
}

// Backdrop says what stands behind the plates.
type Backdrop uint8

// The backdrops. Street, Wall and Page are what a kiosk sees; the others are
// hard on a reader, and Finders (hundreds of finder patterns that belong to no
// symbol) is the hardest.
const (
	Plain        Backdrop = iota // one even grey
	Street                       // facades, windows, signs, trees, pavement
	Wall                         // plaster or brick
	Page                         // a page of text
	Checkerboard                 // squares of one module size
	Static                       // independent noise in every pixel
	Stripes                      // two gratings that beat
	Finders                      // a field of finder patterns
)

// Code is one symbol on its plate. The zero values of all but Matrix, Module
// and Center are a clean, upright black print on white paper.
type Code struct {
	Matrix Matrix
	Module float64 // size of a module in the plate's middle, in pixels
	Center Point   // where the symbol's middle is seen

	Rotate   float64 // in the plane of the plate
	Tilt     float64 // out of the plane of the image
	TiltAxis float64 // direction of the tilt's axis in the image: 0 horizontal, 90 vertical
	Bend     float64 // arc of the cylinder that the symbol covers; negative is hollow
	BendAxis float64 // direction of the cylinder's axis on the plate: 0 horizontal, 90 vertical

	Quiet    float64 // width of the quiet zone in modules; 0 means 4, negative means none
	Inverted bool    // light modules on a dark plate
	Mirrored bool    // seen from behind
	Dark     Color   // ink; the zero value is level 20
	Light    Color   // paper; the zero value is level 235

	Ink   float64 // how far ink spreads beyond each module's edge, in modules; may be negative
	Dots  bool    // modules are separate dots, as in dot peening
	Wear  float64 // 0 to 1: print that is worn away in patches
	Cover []Cover // things in front of the plate
	Phone Phone   // the plate is the display of a phone
}

// Color is red, green and blue in levels of 0 to 255. A frame in luma takes
// their weighted sum.
type Color struct{ R, G, B float64 }

// Gray is the colour with the same level in each channel.
func Gray(level float64) Color { return Color{level, level, level} }

// Cover is an ellipse that hides a part of a symbol: a thumb, a sticker, dirt.
type Cover struct {
	X, Y  float64 // its middle: 0 is the symbol's left or top edge, 1 the other
	W, H  float64 // its diameters as shares of the symbol's width and height
	Color Color
}

// Phone makes a plate a phone's display: a dark case around it, and the
// lattice of its pixels.
type Phone struct {
	Pitch    float64 // display pixels for each module; 0 means that the plate is no display
	Contrast float64 // depth of the lattice that the sensor sees, 0 to 1; 0 means 0.25
}

// Glare is a spot of reflected light with a Gaussian profile.
type Glare struct {
	At     Point
	Radius float64 // where its light has fallen to 1/e, in pixels
	Level  float64 // light added in its middle, in levels
}

// Shadow is the edge of a shadow across the whole frame.
type Shadow struct {
	Depth float64 // share of the light that is taken away, 0 to 1
	Angle float64 // direction of the edge
	At    Point   // a point on the edge
	Soft  float64 // width of the half shadow in pixels; 0 means 2
}

// Scene is everything that a frame depends on. Its zero value is an empty,
// clean frame of 1280 by 720.
type Scene struct {
	Width, Height int    // in pixels; 0 means 1280 and 720
	Seed          uint64 // of everything that is random

	Backdrop     Backdrop
	BackdropSeed uint64 // 0 means Seed; a film keeps it while Seed changes with each frame
	Pan          Point  // movement of the backdrop, within ±MaxPan pixels
	Codes        []Code

	Focal    float64 // focal length in pixels; 0 means 1.1 times Width
	Gamma    float64 // 0 means 1: levels are proportional to light. 2.2 is that of cameras
	Exposure float64 // 0 means 1; below it the frame is dark
	Gradient float64 // share of the light that is lost from one side of the frame to the other
	GradientAngle,
	Flicker float64 // depth of a lamp's flicker over the rows of a rolling shutter, 0 to 1
	Shadow Shadow
	Glare  []Glare

	Defocus     float64 // standard deviation of a Gaussian blur in pixels
	Disc        float64 // radius of the aperture's disc in pixels
	Motion      float64 // way during the exposure in pixels
	MotionAngle float64

	Noise float64 // standard deviation in the dark, in levels
	Shot  float64 // variance that each level of light adds, in levels
}

// Limits of a scene. What exceeds them is clamped, as a scene is written by a
// programmer and not by an adversary.
const (
	MaxSide   = 8192 // largest width and height of a frame
	MaxPan    = 48   // largest movement of the backdrop, in pixels
	MaxRadius = 64   // largest reach of a blur, in pixels
)

// Placed says where a code of the scene came to lie.
type Placed struct {
	Corners   [4]Point // of the symbol without its quiet zone: its own top left, top right, bottom right, bottom left
	MinModule float64  // the shortest edge of a corner module in pixels
	Inside    bool     // all corners are within the frame
}

// Frame is a drawn scene. One of the pictures is set, as asked for.
type Frame struct {
	Luma  *image.Gray
	RGB   *image.RGBA
	Codes []Placed // in the order of the scene's codes
}
