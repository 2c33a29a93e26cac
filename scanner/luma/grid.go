package luma

// This file implements sampling: modules at their places in a picture, and their values against what is around them in the grid, not in the picture.

// Grid is a sampled grid of modules and the working memory to judge it.
type Grid struct {
	W, H        int
	around      int
	Gray        []int32 // rows of W values in 1/256 gray levels
	sharp       []int32
	seen, guess []int32 // while blur is undone
	soft        []int16
	sum         []int64
	dark        []int64
	count       []int32
	blind       Blind
}

// Resize sets the number of modules.
func (g *Grid) Resize(w, h int) {
	g.W, g.H = w, h
	n := w * h
	if cap(g.Gray) < n {
		g.Gray, g.sharp, g.soft = make([]int32, n), make([]int32, n), make([]int16, n)
	}
	if m := (w + 1) * (h + 1); cap(g.sum) < m {
		g.sum, g.dark, g.count = make([]int64, m), make([]int64, m), make([]int32, m)
	}
	g.Gray, g.sharp, g.soft = g.Gray[:n], g.sharp[:n], g.soft[:n]
}

// Patch returns the mean of five samples around p, spread over the middle of a module with the half diagonals u+v and u-v: less noise than one
// sample, and little of the neighbours.
func (m *Image) Patch(p, u, v Point) int {
	a, b := u.Add(v), u.Sub(v)
	return (m.At(p.X, p.Y)*2 + m.At(p.X+a.X, p.Y+a.Y) + m.At(p.X-a.X, p.Y-a.Y) + m.At(p.X+b.X, p.Y+b.Y) + m.At(p.X-b.X, p.Y-b.Y)) / 6
}

// Judge is JudgeWithin with the usual surroundings.
func (g *Grid) Judge(alpha int32, light bool) []int16 { return g.JudgeWithin(alpha, Around, light) }

// JudgeWithin returns each module's value against its surroundings, around modules to each side: above 0 is dark, or light where light is set, and the size is the
// confidence. Before that each module is sharpened: alpha/256 of its difference to each of its four neighbours is added, which undoes blur that reaches them.
func (g *Grid) JudgeWithin(alpha int32, around int, light bool) []int16 {
	g.around = around
	g.sharpen(alpha)
	g.sumUp(func(i int) bool { return true }, g.sum, nil)
	for y := range g.H {
		for x := range g.W {
			sum, n := g.window(x, y, g.sum)
			g.soft[y*g.W+x] = clip(sum/int64(n) - int64(g.sharp[y*g.W+x]))
		}
	}
	g.rejudge()
	if light {
		for i := range g.soft {
			g.soft[i] = -g.soft[i]
		}
	}
	return g.soft
}

// rejudge replaces the mean of the surroundings, which leans to whatever there is more of, by the middle between the means of its dark and its
// light modules. Where these lie close together the surroundings are of one colour, and the whole grid's middle decides.
func (g *Grid) rejudge() {
	g.sumUp(func(i int) bool { return g.soft[i] > 0 }, g.dark, g.count)
	w := g.W + 1
	last := len(g.sum[:w*(g.H+1)]) - 1
	k, n := int64(g.count[last]), int64(g.W*g.H)
	if k == 0 || k == n {
		return
	}
	dark, light := g.dark[last]/k, (g.sum[last]-g.dark[last])/(n-k)
	for y := range g.H {
		for x := range g.W {
			t := (dark + light) / 2
			sum, n := g.window(x, y, g.sum)
			darks, _ := g.window(x, y, g.dark)
			x0, x1, y0, y1 := g.bounds(x, y)
			k := int(g.count[y1*w+x1] - g.count[y0*w+x1] - g.count[y1*w+x0] + g.count[y0*w+x0])
			if k > 0 && k < n {
				d, l := darks/int64(k), (sum-darks)/int64(n-k)
				if 3*(l-d) > light-dark {
					t = (d + l) / 2
				}
			}
			g.soft[y*g.W+x] = clip(t - int64(g.sharp[y*g.W+x]))
		}
	}
}

func (g *Grid) sharpen(alpha int32) {
	if alpha == 0 {
		copy(g.sharp, g.Gray)
		return
	}
	for y := range g.H {
		up, down := max(y-1, 0)*g.W, min(y+1, g.H-1)*g.W
		for x := range g.W {
			o := y * g.W
			v := g.Gray[o+x]
			around := g.Gray[up+x] + g.Gray[down+x] + g.Gray[o+max(x-1, 0)] + g.Gray[o+min(x+1, g.W-1)]
			g.sharp[o+x] = v + (4*v-around)*alpha/256
		}
	}
}

// Around is how many modules to each side are the surroundings of a module where nothing speaks for fewer. Few follow the edge of a shadow, and err where there is
// one colour for some modules.
const Around = 6

func (g *Grid) bounds(x, y int) (x0, x1, y0, y1 int) {
	return max(0, x-g.around), min(g.W, x+g.around+1), max(0, y-g.around), min(g.H, y+g.around+1)
}

// window returns the sum over a module's surroundings and their number.
func (g *Grid) window(x, y int, sum []int64) (int64, int) {
	x0, x1, y0, y1 := g.bounds(x, y)
	w := g.W + 1
	return sum[y1*w+x1] - sum[y0*w+x1] - sum[y1*w+x0] + sum[y0*w+x0], (x1 - x0) * (y1 - y0)
}

// sumUp fills a table of sums over all rectangles from the top left, of the modules for which take is true.
func (g *Grid) sumUp(take func(i int) bool, sum []int64, count []int32) {
	w := g.W + 1
	clear(sum[:w])
	if count != nil {
		clear(count[:w])
	}
	for y := range g.H {
		var s int64
		var n int32
		o := (y + 1) * w
		sum[o] = 0
		if count != nil {
			count[o] = 0
		}
		for x := range g.W {
			if i := y*g.W + x; take(i) {
				s += int64(g.sharp[i])
				n++
			}
			sum[o+x+1] = sum[o-w+x+1] + s
			if count != nil {
				count[o+x+1] = count[o-w+x+1] + n
			}
		}
	}
}

func clip(v int64) int16 { return int16(min(max(v/4, -32767), 32767)) }
