package wire_test

import (
	"bytes"
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"citygate/sync/wire"
)

var update = flag.Bool("update", false, "write testdata/vectors.txt anew")

// TestVectors holds the formats to testdata/vectors.txt: lines "name hex". The file is also for other programs; it
// changes only when the format gets a new version.
func TestVectors(t *testing.T) {
	const file = "testdata/vectors.txt"
	var want bytes.Buffer
	for _, s := range samples(t) {
		fmt.Fprintf(&want, "%s %x\n", s.name, s.bytes)
	}
	fmt.Fprintf(&want, "chain0 %s\n", wire.Chain0(device, epoch))
	fmt.Fprintf(&want, "chain1 %s\n", wire.ChainNext(wire.Chain0(device, epoch), must[[]byte](t)(startEvent().Encode())))
	if *update {
		if err := os.WriteFile(file, want.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want.Bytes()) {
		t.Error("the encodings are not those of testdata/vectors.txt")
	}
	for _, s := range samples(t) {
		if b, err := s.again(s.bytes); err != nil || !bytes.Equal(b, s.bytes) {
			t.Errorf("%s does not come back: %v", s.name, err)
		}
	}
	for line := range strings.Lines(string(got)) {
		name, digits, _ := strings.Cut(strings.TrimSpace(line), " ")
		if _, err := hex.DecodeString(digits); err != nil {
			t.Errorf("vector %s: %v", name, err)
		}
	}
}

// TestManglings changes each byte of each payload in several ways. What is still accepted must be its own encoding.
func TestManglings(t *testing.T) {
	for _, s := range samples(t) {
		t.Run(s.name, func(t *testing.T) {
			check := func(how string, b []byte) {
				if got, err := s.again(b); err == nil && !bytes.Equal(got, b) {
					t.Errorf("%s: accepted, but encoded as %x", how, got)
				}
			}
			for i := range s.bytes {
				for _, x := range []byte{0x01, 0x20, 0x40, 0x80, 0xff} {
					b := bytes.Clone(s.bytes)
					b[i] ^= x
					check(fmt.Sprintf("byte %d ^ %#x", i, x), b)
				}
				if _, err := s.again(s.bytes[:i]); err == nil {
					t.Errorf("cut to %d bytes: accepted", i)
				}
			}
			if _, err := s.again(append(bytes.Clone(s.bytes), 0)); err == nil {
				t.Error("a byte behind the end: accepted")
			}
		})
	}
}

func FuzzPayloads(f *testing.F) {
	all := samples(f)
	for i, s := range all {
		f.Add(uint8(i), s.bytes)
	}
	f.Add(uint8(3), []byte(`{"v":1}`))
	f.Fuzz(func(t *testing.T, kind uint8, b []byte) {
		s := all[int(kind)%len(all)]
		got, err := s.again(b)
		if err != nil {
			return
		}
		if b[0] != '{' {
			if !bytes.Equal(got, b) {
				t.Fatalf("%s: accepted %x, encoded as %x", s.name, b, got)
			}
			return
		}
		if _, err := s.again(got); err != nil {
			t.Fatalf("%s: encoding of accepted JSON is refused: %v", s.name, err)
		}
	})
}

func FuzzTopic(f *testing.F) {
	for _, s := range topics() {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if p, err := wire.ParseTopic(s); err == nil && p.String() != s {
			t.Fatalf("%q was accepted and is %q", s, p)
		}
	})
}
