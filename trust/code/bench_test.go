package code_test

import (
	"testing"

	"citygate/trust/code"
)

func BenchmarkParseText(b *testing.B) {
	s := text(b, unsigned(mint(b, false, lampClaims(), true)))
	b.ReportAllocs()
	b.SetBytes(int64(len(s)))
	for b.Loop() {
		if _, err := code.ParseText(s); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecodeDigits(b *testing.B) {
	s := code.EncodeDigits(marshal(b, unsigned(mint(b, false, lampClaims(), true))))
	b.ReportAllocs()
	b.SetBytes(int64(len(s)))
	for b.Loop() {
		if _, err := code.DecodeDigits(s); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkText(b *testing.B) {
	c := mint(b, false, lampClaims(), true)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := code.Text(sampleHost, c); err != nil {
			b.Fatal(err)
		}
	}
}
