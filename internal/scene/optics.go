package scene

// This file implements defocus and motion as convolutions.

import "math"

// tap is one weight of a convolution kernel.
type tap struct {
	dx, dy int
	w      float32
}

// gaussian returns half a kernel, from its middle outward, that adds up to 1
// with its mirror image.
func gaussian(sigma float64) []float32 {
	r := min(int(math.Ceil(3*sigma)), MaxRadius)
	k := make([]float32, r+1)
	sum := 0.0
	for i := range k {
		w := math.Exp(-float64(i*i) / (2 * sigma * sigma))
		k[i] = float32(w)
		sum += 2 * w
	}
	sum -= float64(k[0])
	for i := range k {
		k[i] /= float32(sum)
	}
	return k
}

// spread distributes weight over the four pixels around a point.
func spread(taps map[[2]int]float64, x, y, w float64) {
	fx, fy := math.Floor(x), math.Floor(y)
	ix, iy, ax, ay := int(fx), int(fy), x-fx, y-fy
	taps[[2]int{ix, iy}] += w * (1 - ax) * (1 - ay)
	taps[[2]int{ix + 1, iy}] += w * ax * (1 - ay)
	taps[[2]int{ix, iy + 1}] += w * (1 - ax) * ay
	taps[[2]int{ix + 1, iy + 1}] += w * ax * ay
}

// motion is the kernel of a straight way during the exposure.
func motion(length, angle float64) []tap {
	length = min(length, 2*MaxRadius)
	steps := int(4*length) + 1
	sin, cos := sincos(angle)
	sum := map[[2]int]float64{}
	for i := range steps {
		d := (float64(i)+0.5)/float64(steps)*length - length/2
		spread(sum, d*cos, d*sin, 1)
	}
	return normalised(sum)
}

// disc is the kernel of an aperture: each pixel by the share of it that the
// disc covers.
func disc(radius float64) []tap {
	const fine = 4
	radius = min(radius, MaxRadius)
	sum := map[[2]int]float64{}
	r := int(math.Ceil(radius))
	for y := -r * fine; y <= r*fine; y++ {
		for x := -r * fine; x <= r*fine; x++ {
			fx, fy := float64(x)/fine, float64(y)/fine
			if fx*fx+fy*fy <= radius*radius {
				sum[[2]int{int(math.Round(fx)), int(math.Round(fy))}]++
			}
		}
	}
	return normalised(sum)
}

// normalised orders the taps by row, so that the sum of floats is the same in
// every run, and makes them add up to 1.
func normalised(sum map[[2]int]float64) []tap {
	var total float64
	reach := 0
	for at := range sum {
		reach = max(reach, at[0], -at[0], at[1], -at[1])
	}
	var taps []tap
	for y := -reach; y <= reach; y++ {
		for x := -reach; x <= reach; x++ {
			if w := sum[[2]int{x, y}]; w > 1e-9 {
				taps = append(taps, tap{x, y, float32(w)})
				total += w
			}
		}
	}
	for i := range taps {
		taps[i].w /= float32(total)
	}
	return taps
}

// blur convolves a plane with a Gaussian, first along rows, then along columns
// by adding whole rows. Beyond its edges the plane goes on as it ends.
func (r *Renderer) blur(plane []float32, w, h int, half []float32) {
	reach := len(half) - 1
	tmp := r.scratch(0, w*h)
	line := make([]float32, w+2*reach)
	for y := range h {
		row := plane[y*w : (y+1)*w]
		extend(line, row, reach)
		out := tmp[y*w : (y+1)*w]
		for i := range out {
			out[i] = line[i+reach] * half[0]
		}
		for k := 1; k <= reach; k++ {
			axpy2(out, line[reach-k:], line[reach+k:], half[k])
		}
	}
	for y := range h {
		out := plane[y*w : (y+1)*w]
		mid := tmp[y*w : (y+1)*w]
		for i := range out {
			out[i] = mid[i] * half[0]
		}
		for k := 1; k <= reach; k++ {
			up, down := max(y-k, 0), min(y+k, h-1)
			axpy2(out, tmp[up*w:], tmp[down*w:], half[k])
		}
	}
}

// axpy2 adds the weighted sum of two rows to out.
func axpy2(out, a, b []float32, weight float32) {
	a, b = a[:len(out)], b[:len(out)]
	for i := range out {
		out[i] += (a[i] + b[i]) * weight
	}
}

// extend copies a row and repeats its ends.
func extend(line, row []float32, reach int) {
	copy(line[reach:], row)
	for i := range reach {
		line[i], line[len(line)-1-i] = row[0], row[len(row)-1]
	}
}

// convolve applies a kernel without structure, row by row.
func (r *Renderer) convolve(plane []float32, w, h int, taps []tap) {
	reach := 0
	for _, t := range taps {
		reach = max(reach, t.dx, -t.dx)
	}
	lw := w + 2*reach
	wide := r.scratch(0, lw*h)
	for y := range h {
		extend(wide[y*lw:(y+1)*lw], plane[y*w:(y+1)*w], reach)
	}
	for y := range h {
		out := plane[y*w : (y+1)*w]
		clear(out)
		for _, t := range taps {
			sy := min(max(y+t.dy, 0), h-1)
			src := wide[sy*lw+reach+t.dx:][:len(out)]
			for i := range out {
				out[i] += src[i] * t.w
			}
		}
	}
}
