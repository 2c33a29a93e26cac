package luma_test

import (
	"testing"

	"citygate/scanner/luma"
)

func frame(w, h int) luma.Image {
	m := luma.Image{Pix: make([]byte, w*h), Stride: w, W: w, H: h}
	v := uint32(1)
	for i := range m.Pix {
		v = v*1664525 + 1013904223
		m.Pix[i] = byte(v>>27) + byte(i/64%2)*100
	}
	return m
}

func BenchmarkHalve1080p(b *testing.B) {
	m, half := frame(1920, 1080), luma.Image{}
	b.SetBytes(int64(len(m.Pix)))
	for b.Loop() {
		m.Halve(&half)
	}
}

func BenchmarkLook1080p(b *testing.B) {
	m, look := frame(1920, 1080), luma.Look{}
	b.SetBytes(int64(len(m.Pix)))
	b.ReportAllocs()
	for b.Loop() {
		look.At(m, 1, false)
	}
}
