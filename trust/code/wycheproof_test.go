package code_test

import (
	"encoding/hex"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"citygate/trust/code"
)

// C2SP's wycheproof as a module, which only this test reads, and go.mod does
// not name: the way of the Go distribution's own tests.
const (
	wycheproof    = "github.com/c2sp/wycheproof@v0.0.0-20260902155932-3fa63dd0344a"
	wycheproofSum = "h1:pNbL2nztRsWfW/ispAwsvcDFxs9Id38uIsR2/Up5G2c="
)

// wycheproofFile reads a file of vectors from the module cache, and skips the
// test where the module is not there and cannot be had.
func wycheproofFile(t *testing.T, name string) []byte {
	t.Helper()
	cmd := exec.Command("go", "mod", "download", "-json", wycheproof)
	cmd.Dir = t.TempDir() // so that no go.mod is asked or changed
	out, err := cmd.Output()
	var module struct{ Dir, Sum, Error string }
	if json.Unmarshal(out, &module) != nil || err != nil {
		t.Skipf("wycheproof's vectors are not in the module cache and cannot be had: %v %s", err, module.Error)
	}
	if module.Sum != wycheproofSum {
		t.Fatalf("the module's sum is %s", module.Sum)
	}
	b, err := os.ReadFile(filepath.Join(module.Dir, "testvectors_v1", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestWycheproof checks every vector for Ed25519, and for P-256 with SHA-256 and
// signatures of two numbers of fixed length.
func TestWycheproof(t *testing.T) {
	for _, c := range []struct {
		file string
		alg  int
	}{{"ed25519_test.json", code.AlgEd25519}, {"ecdsa_secp256r1_sha256_p1363_test.json", code.AlgES256}} {
		var v struct {
			NumberOfTests int
			TestGroups    []struct {
				PublicKey struct{ PK, Uncompressed string }
				Tests     []struct {
					TcID            int
					Comment, Result string
					Msg, Sig        string
				}
			}
		}
		if err := json.Unmarshal(wycheproofFile(t, c.file), &v); err != nil {
			t.Fatal(err)
		}
		seen := map[string]int{}
		for _, g := range v.TestGroups {
			pub := unhex(t, g.PublicKey.PK+g.PublicKey.Uncompressed)
			for _, x := range g.Tests {
				sig, err := hex.DecodeString(x.Sig)
				if err != nil {
					t.Fatal(err)
				}
				seen[x.Result]++
				if got := code.VerifyMessage(pub, c.alg, unhex(t, x.Msg), sig); got != (x.Result == "valid") {
					t.Errorf("%s: vector %d is %s (%s), and was accepted: %v", c.file, x.TcID, x.Result, x.Comment, got)
				}
			}
		}
		if seen["valid"] == 0 || seen["invalid"] == 0 || seen["valid"]+seen["invalid"] != v.NumberOfTests {
			t.Errorf("%s: %v of %d vectors", c.file, seen, v.NumberOfTests)
		}
		t.Logf("%s: %v", c.file, seen)
	}
}
