package ledger_test

import (
	"encoding/hex"
	"math/big"
	"slices"
	"testing"

	"citygate/trust/ledger"
)

// curve is edwards25519 in affine coordinates (RFC 8032, section 5.1), slow and
// plain.
type curve struct{ p, d *big.Int }

type point struct{ x, y *big.Int }

func edwards25519() curve {
	c := curve{p: new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 255), big.NewInt(19))}
	c.d = c.mul(big.NewInt(-121665), c.inv(big.NewInt(121666)))
	return c
}

func (c curve) mul(a, b *big.Int) *big.Int { m := new(big.Int).Mul(a, b); return m.Mod(m, c.p) }
func (c curve) inv(a *big.Int) *big.Int {
	return new(big.Int).ModInverse(new(big.Int).Mod(a, c.p), c.p)
}

func (c curve) add(a, b point) point {
	one := big.NewInt(1)
	k := c.mul(c.d, c.mul(c.mul(a.x, b.x), c.mul(a.y, b.y)))
	x := new(big.Int).Add(c.mul(a.x, b.y), c.mul(a.y, b.x))
	y := new(big.Int).Add(c.mul(a.y, b.y), c.mul(a.x, b.x))
	return point{
		c.mul(x, c.inv(new(big.Int).Add(one, k))),
		c.mul(y, c.inv(new(big.Int).Sub(one, k))),
	}
}

// lift returns a point with this y, in little-endian hex.
func (c curve) lift(t *testing.T, littleEndian string) point {
	t.Helper()
	raw, err := hex.DecodeString(littleEndian)
	if err != nil {
		t.Fatal(err)
	}
	slices.Reverse(raw)
	one := big.NewInt(1)
	y := new(big.Int).SetBytes(raw)
	y2 := c.mul(y, y)
	x2 := c.mul(new(big.Int).Sub(y2, one), c.inv(new(big.Int).Add(c.mul(c.d, y2), one)))
	x := new(big.Int).ModSqrt(x2, c.p)
	if x == nil {
		t.Fatal("no point of the curve has this y")
	}
	return point{x, y}
}

// The table of small-order keys is complete: the points whose order divides 8
// are computed here from one of order 8, and no form of any of them is accepted.
func TestSmallOrderKeysAreRefused(t *testing.T) {
	_, city, _ := nation(t)
	c := edwards25519()
	g := c.lift(t, "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a")
	ys := map[string]bool{}
	for q, i := g, 1; i <= 8; q, i = c.add(q, g), i+1 {
		ys[q.y.String()] = true
		if identity := q.x.Sign() == 0 && q.y.Cmp(big.NewInt(1)) == 0; identity != (i == 8) {
			t.Fatal("the point's order is not 8")
		}
		for _, v := range []*big.Int{q.y, new(big.Int).Add(q.y, c.p)} {
			if v.BitLen() > 255 {
				continue
			}
			for _, sign := range []byte{0, 0x80} {
				key := v.FillBytes(make([]byte, 32))
				slices.Reverse(key)
				key[31] |= sign
				if _, err := ledger.EncodePayload(keyRow(city, func(k *ledger.KeyRow) { k.Key = key })); err == nil {
					t.Errorf("key %x is accepted", key)
				}
			}
		}
	}
	if len(ys) != 5 {
		t.Errorf("%d y coordinates, want 5", len(ys))
	}
}
