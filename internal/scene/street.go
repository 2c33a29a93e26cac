package scene

// This file draws a street: sky, houses with windows and shop fronts, signs,
// trees, poles, and a pavement in perspective.

func drawStreet(c *canvas, rnd *random) {
	w, h := float64(c.w), float64(c.h)
	sky, ground := h*rnd.in(0.08, 0.2), h*rnd.in(0.76, 0.86)
	for y := range int(sky) + 1 {
		f := float64(y) / sky
		c.fill(0, y, c.w, y+1, Color{150 + 60*f, 180 + 45*f, 215 + 25*f})
	}
	for x := 0.0; x < w; {
		width := w * rnd.in(0.16, 0.34)
		drawHouse(c, rnd, x, sky*rnd.in(0.2, 1.6), x+width, ground)
		x += width
	}
	drawPavement(c, rnd, ground)
	for range 1 + rnd.below(3) {
		drawTree(c, rnd, rnd.in(0, w), ground, h*rnd.in(0.08, 0.15))
	}
	for range 1 + rnd.below(3) {
		x, thick := rnd.in(0, w), rnd.in(4, 10)
		c.fill(int(x), int(sky/2), int(x+thick), int(ground+h*0.06), Gray(rnd.in(50, 110)))
		c.fill(int(x), int(sky/2), int(x+thick/3), int(ground+h*0.06), Gray(rnd.in(120, 160)))
	}
}

// drawHouse draws a facade with its windows and, at the ground, a shop.
func drawHouse(c *canvas, rnd *random, x0, y0, x1, y1 float64) {
	tints := [...]Color{{186, 160, 132}, {168, 172, 176}, {150, 108, 88}, {206, 198, 178}, {122, 134, 142}, {178, 142, 118}}
	wall := tints[rnd.below(len(tints))]
	f := rnd.in(0.75, 1.1)
	wall = Color{wall.R * f, wall.G * f, wall.B * f}
	c.fill(int(x0), int(y0), int(x1), int(y1), wall)
	c.fill(int(x0), int(y0), int(x1), int(y0)+5, Color{wall.R * 0.6, wall.G * 0.6, wall.B * 0.6})
	shop := y1 - (y1-y0)*0.3
	columns := 3 + rnd.below(4)
	cell := (x1 - x0) / float64(columns)
	floor := cell * rnd.in(1.1, 1.5)
	for y := y0 + floor*0.3; y+floor*0.8 < shop; y += floor {
		for i := range columns {
			x := x0 + cell*(float64(i)+0.22)
			drawWindow(c, rnd, x, y, x+cell*0.56, y+floor*0.66)
		}
	}
	drawShop(c, rnd, x0, shop, x1, y1)
}

func drawWindow(c *canvas, rnd *random, x0, y0, x1, y1 float64) {
	c.fill(int(x0)-3, int(y0)-3, int(x1)+3, int(y1)+3, Gray(rnd.in(170, 225)))
	glass := rnd.in(40, 110)
	if rnd.below(9) == 0 {
		glass = 200 // somebody is at home
	}
	for y := int(y0); y < int(y1); y++ {
		shine := 1 + 0.5*(float64(y)-y0)/(y1-y0)
		c.fill(int(x0), y, int(x1), y+1, Color{glass * shine * 0.85, glass * shine * 0.95, glass * shine})
	}
	middle := int((x0 + x1) / 2)
	c.fill(middle-1, int(y0), middle+2, int(y1), Gray(200))
	c.fill(int(x0), int(y0+(y1-y0)*0.4), int(x1), int(y0+(y1-y0)*0.4)+2, Gray(200))
}

// drawShop draws a sign with glyphs, an awning, and a window.
func drawShop(c *canvas, rnd *random, x0, y0, x1, y1 float64) {
	signs := [...]Color{{168, 32, 30}, {24, 78, 132}, {30, 104, 66}, {228, 190, 60}, {40, 40, 44}}
	board := signs[rnd.below(len(signs))]
	ink := Gray(238)
	if board.luma() > 140 {
		ink = Gray(30)
	}
	height := (y1 - y0) * 0.26
	c.fill(int(x0)+8, int(y0), int(x1)-8, int(y0+height), board)
	glyph := int(height * 0.6)
	for i := range 3 + rnd.below(3) {
		x := int(x0) + 24 + i*glyph*4/3
		if x+glyph < int(x1)-16 {
			drawGlyph(c, rnd, x, int(y0+height*0.2), glyph, glyph, max(glyph/8, 2), ink)
			drawGlyph(c, rnd, x, int(y0+height*0.2), glyph, glyph, max(glyph/8, 2), ink)
		}
	}
	awning := int(height * 0.5)
	for i, x := 0, int(x0)+8; x < int(x1)-8; i, x = i+1, x+14 {
		tint := board
		if i%2 == 0 {
			tint = Gray(226)
		}
		c.fill(x, int(y0+height)+4, min(x+14, int(x1)-8), int(y0+height)+4+awning, tint)
	}
	top := y0 + height + float64(awning) + 8
	door := x0 + (x1-x0)*rnd.in(0.6, 0.75)
	c.fill(int(x0)+14, int(top), int(door)-8, int(y1)-14, Color{58, 66, 72})
	c.fill(int(door), int(top), int(x1)-14, int(y1), Color{82, 60, 44})
	for i := range 5 {
		x := x0 + 30 + float64(i)*(door-x0-60)/5
		c.fill(int(x), int(y1)-14-int(rnd.in(10, 40)), int(x+(door-x0)/9), int(y1)-14, Color{rnd.in(60, 220), rnd.in(60, 200), rnd.in(60, 190)})
	}
}

// drawPavement draws slabs whose rows shrink towards the houses.
func drawPavement(c *canvas, rnd *random, y0 float64) {
	tone, h := rnd.in(130, 165), float64(c.h)
	c.fill(0, int(y0), c.w, c.h, Color{tone, tone * 0.98, tone * 0.95})
	c.fill(0, int(y0), c.w, int(y0)+4, Gray(90))
	vanish := float64(c.w) * rnd.in(0.3, 0.7)
	for d := 1.0; ; d *= 1.32 {
		y := y0 + 3*d
		if y >= h {
			break
		}
		c.fill(0, int(y), c.w, int(y)+max(int(d/10), 1), Gray(tone*0.72))
	}
	for k := -24; k <= 24; k++ {
		for y := int(y0) + 4; y < c.h; y++ {
			depth := (float64(y) - y0 + 30) / 30
			x := int(vanish + float64(k)*30*depth)
			c.fill(x, y, x+1, y+1, Gray(tone*0.72))
		}
	}
}

func drawTree(c *canvas, rnd *random, x, ground, size float64) {
	top := ground - size*3.2
	c.fill(int(x-size/9), int(top), int(x+size/9), int(ground)+12, Color{74, 56, 42})
	for range 60 {
		f := rnd.in(0.6, 1.2)
		leaf := Color{58 * f, 104 * f, 46 * f}
		c.disc(x+rnd.in(-1, 1)*size, top+rnd.in(-0.8, 0.8)*size, size*rnd.in(0.12, 0.3), leaf)
	}
}
