package reedsolomon_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/makiuchi-d/gozxing/common/reedsolomon"

	rs "citygate/scanner/reedsolomon"
)

// TestDecodeAgainstIndependentEncoder damages words of gozxing's encoder, up to the full capacity in every mix of errors and erasures.
func TestDecodeAgainstIndependentEncoder(t *testing.T) {
	for _, c := range []struct {
		name              string
		theirs            *reedsolomon.GenericGF
		size, poly, first int
	}{
		{"qr", reedsolomon.GenericGF_QR_CODE_FIELD_256, 256, 0x11d, 0},
		{"datamatrix", reedsolomon.GenericGF_DATA_MATRIX_FIELD_256, 256, 0x12d, 1},
		{"aztec6", reedsolomon.GenericGF_AZTEC_DATA_6, 64, 0x43, 1},
		{"aztec10", reedsolomon.GenericGF_AZTEC_DATA_10, 1024, 0x409, 1},
		{"aztec12", reedsolomon.GenericGF_AZTEC_DATA_12, 4096, 0x1069, 1},
	} {
		d := rs.NewDecoder(rs.NewField(c.size, c.poly), c.first)
		rng := rand.New(rand.NewPCG(1, 2))
		for range 300 {
			check := 2 + rng.IntN(30)
			n := min(check+1+rng.IntN(100), c.size-1)
			word, sent := make([]int, n), make([]uint16, n)
			for i := range n - check {
				word[i] = rng.IntN(c.size)
			}
			if err := reedsolomon.NewReedSolomonEncoder(c.theirs).Encode(word, check); err != nil {
				t.Fatal(err)
			}
			for i, v := range word {
				sent[i] = uint16(v)
			}
			erased := rng.IntN(min(check, n) + 1)
			wrong := (check - erased) / 2
			got, places := slices.Clone(sent), rng.Perm(n)
			erased = min(erased, n)
			for _, p := range places[:min(erased+wrong, n)] {
				got[p] = uint16(rng.IntN(c.size))
			}
			if _, ok := d.Decode(got, check, places[:erased]); !ok || !slices.Equal(got, sent) {
				t.Fatalf("%s: n=%d check=%d erased=%d wrong=%d: ok=%v", c.name, n, check, erased, wrong, ok)
			}
		}
	}
}

// TestDecodeRefusesNoise: a random word is refused, or becomes a codeword near it; it is never changed and refused.
func TestDecodeRefusesNoise(t *testing.T) {
	d := rs.NewDecoder(rs.NewField(256, 0x11d), 0)
	rng := rand.New(rand.NewPCG(3, 4))
	accepted := 0
	for range 2000 {
		word := make([]uint16, 60)
		for i := range word {
			word[i] = uint16(rng.IntN(256))
		}
		before := slices.Clone(word)
		changed, ok := d.Decode(word, 16, nil)
		switch {
		case !ok && !slices.Equal(word, before):
			t.Fatal("a refused word was changed")
		case ok && changed > 8:
			t.Fatalf("%d symbols changed with 16 check symbols", changed)
		case ok:
			accepted++
		}
	}
	if accepted > 5 {
		t.Errorf("%d of 2000 random words accepted", accepted)
	}
}
