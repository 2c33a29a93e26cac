package importrules_test

import (
	"os/exec"
	"strings"
	"testing"

	"citygate/internal/importrules"
)

const module = "citygate/"

// chainLimit is the longest chain of imports inside the module that the design allows, internal packages not counted.
const chainLimit = 6

// The table of DESIGN.md, section 2. cmd/* comes first: it may import all but itself, and nothing imports it.
var rules = []importrules.Rule{
	{From: "cmd/*", May: []string{"scanner", "scanner/**", "trust", "trust/**", "sync/**", "edge", "edge/**", "fleet", "fleet/**", "firmware-configs"}},
	{From: "edge", May: []string{"scanner", "scanner/camera", "trust", "trust/cityid", "trust/code", "trust/ledger", "edge/*", "sync/wire"}},
	{From: "edge/*", May: []string{"trust", "trust/cityid", "trust/code", "trust/ledger", "sync/wire"}},
	{From: "fleet", May: []string{"sync/wire", "trust/cityid"}},
	{From: "fleet/*", May: []string{"fleet", "fleet/store", "trust/cityid", "trust/code", "trust/ledger", "trust/mirror", "sync/wire"}},
	{From: "trust", May: []string{"trust/cityid", "trust/code", "trust/ledger"}},
	{From: "trust/registry", May: []string{"trust/cityid", "trust/code", "trust/ledger", "trust/mirror", "trust/registry/*"}},
	{From: "trust/registry/*", May: []string{"trust/cityid", "trust/code", "trust/ledger", "trust/mirror"}},
	{From: "trust/cache", May: []string{"trust/cityid", "trust/ledger"}},
	{From: "trust/mirror", May: []string{"trust/cityid", "trust/ledger"}},
	{From: "trust/code", May: []string{"trust/cityid"}},
	{From: "trust/ledger", May: []string{"trust/cityid"}},
	{From: "trust/ledger/ledgertest", May: []string{"trust/cityid", "trust/ledger"}},
	{From: "trust/cityid"},
	{From: "firmware-configs"},
	{From: "sync/uplink", May: []string{"sync/outbox", "sync/wire"}},
	{From: "sync/outbox", May: []string{"sync/wire"}},
	{From: "sync/wire"},
	{From: "scanner/camera", May: []string{"scanner/luma"}},
	{From: "scanner", May: []string{"scanner/*", "scanner/internal/*"}},
	{From: "scanner/**", May: []string{"scanner/*", "scanner/internal/*"}},
}

// One door for each heavy dependency on each side, and the reason it is heavy.
var soles = []importrules.Sole{
	{Prefix: "gocv.io/", By: []string{"scanner/camera"}},                                                // 312 MB of shared libraries
	{Prefix: "github.com/mattn/go-sqlite3", By: []string{"trust/cache", "sync/outbox", "fleet/store"}},  // a minute of C
	{Prefix: "github.com/eclipse/paho.mqtt.golang", By: []string{"sync/uplink", "fleet/ingest"}},        // its settings are a promise
	{Prefix: "github.com/transparency-dev/tessera", By: []string{"trust/registry", "trust/registry/*"}}, // only offices run logs
	{Prefix: "github.com/jackc/pgx", By: []string{"fleet/store", "internal/pgtest"}},
	{Prefix: "github.com/miekg/pkcs11", By: []string{"internal/pkcs11key"}}, // cgo and dlopen; secrets pass through
	{Prefix: "github.com/mochi-mqtt/", By: []string{"cmd/citydemo"}},        // never our own broker
}

func TestImports(t *testing.T) {
	inside, outside := imports(t)
	for _, line := range importrules.Check(rules, soles, inside, outside) {
		t.Error(line)
	}
	if chain := importrules.LongestChain(inside); len(chain) > chainLimit {
		t.Errorf("import chain of %d packages: %s", len(chain), strings.Join(chain, " -> "))
	}
}

func TestInternalImportsNoneOfOurs(t *testing.T) {
	inside, _ := imports(t)
	for from, list := range inside {
		for _, to := range list {
			if strings.HasPrefix(from, "internal/") && !strings.HasPrefix(to, "internal/") {
				t.Errorf("%s imports %s: internal packages are below everything", from, to)
			}
		}
	}
}

func TestCheckFindsViolations(t *testing.T) {
	inside := map[string][]string{"scanner": {"trust"}, "edge/kiosk": {"edge/config"}, "cmd/x": {"edge"}, "fleet/web": {"fleet/store"}, "new": {"edge"}}
	outside := map[string][]string{"edge": {"gocv.io/x/gocv"}, "scanner/camera": {"gocv.io/x/gocv"}}
	got := importrules.Check(rules, soles, inside, outside)
	want := []string{
		"edge imports gocv.io/x/gocv, which only scanner/camera may",
		"edge/kiosk imports edge/config",
		"new imports edge",
		"scanner imports trust",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestLongestChain(t *testing.T) {
	got := importrules.LongestChain(map[string][]string{"a": {"b", "c"}, "b": {"c"}, "c": {"internal/d"}, "internal/d": {"internal/e"}})
	if strings.Join(got, " ") != "a b c" {
		t.Errorf("longest chain %v", got)
	}
}

// imports asks the go command, in the build without OpenCV as well as with it, so that no tag hides an import.
func imports(t *testing.T) (inside, outside map[string][]string) {
	t.Helper()
	inside, outside = map[string][]string{}, map[string][]string{}
	for _, tags := range []string{"", "nogocv"} {
		cmd := exec.Command("go", "list", "-e", "-tags", tags, "-f", `{{.ImportPath}}{{range .Imports}} {{.}}{{end}}`, "./...")
		cmd.Dir = "../.."
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("go list: %v", err)
		}
		for line := range strings.Lines(string(out)) {
			f := strings.Fields(line)
			from, ok := strings.CutPrefix(f[0], module)
			if !ok {
				continue
			}
			inside[from] = append(inside[from], nil...)
			for _, to := range f[1:] {
				if in, ok := strings.CutPrefix(to, module); ok {
					inside[from] = append(inside[from], in)
				} else {
					outside[from] = append(outside[from], to)
				}
			}
		}
	}
	return inside, outside
}
