package luma

// This file implements the undoing of blur among modules: what was sampled is taken for the true values spread to the neighbours, and these are sought by repeated
// correction (van Cittert's method), held between dark and light, which modules cannot exceed.

// deblurRounds is the number of corrections; blur of up to a module needs about as many.
const deblurRounds = 16

// Deblur replaces the gray of the modules by what gives it when a share of spread/256 of each module's light falls on each neighbour in a row, and again in a
// column.
func (g *Grid) Deblur(spread int32) {
	n := g.W * g.H
	if cap(g.seen) < n {
		g.seen, g.guess = make([]int32, n), make([]int32, n)
	}
	g.seen, g.guess = g.seen[:n], g.guess[:n]
	copy(g.seen, g.Gray)
	lo, hi := g.Gray[0], g.Gray[0]
	for _, v := range g.Gray {
		lo, hi = min(lo, v), max(hi, v)
	}
	margin := (hi - lo) / 8
	lo, hi = lo-margin, hi+margin
	for range deblurRounds {
		g.spread(spread)
		for i, v := range g.Gray {
			g.Gray[i] = min(max(v+g.seen[i]-g.guess[i], lo), hi)
		}
	}
}

// spread writes to guess what the gray would be seen as.
func (g *Grid) spread(share int32) {
	for y := range g.H {
		row := g.Gray[y*g.W : y*g.W+g.W]
		out := g.sharp[y*g.W : y*g.W+g.W]
		for x, v := range row {
			out[x] = v + (row[max(x-1, 0)]+row[min(x+1, g.W-1)]-2*v)*share/256
		}
	}
	for y := range g.H {
		up, down := max(y-1, 0)*g.W, min(y+1, g.H-1)*g.W
		for x := range g.W {
			v := g.sharp[y*g.W+x]
			g.guess[y*g.W+x] = v + (g.sharp[up+x]+g.sharp[down+x]-2*v)*share/256
		}
	}
}
