package ledger_test

import (
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"citygate/trust/ledger"
	"citygate/trust/ledger/ledgertest"
)

var update = flag.Bool("update", false, "write the vectors into docs/formats/ledger.md")

const vectorFile = "../../docs/formats/ledger.md"

// vectors makes the vectors of the documentation.
func vectors(t *testing.T) [][2]string {
	t.Helper()
	var out [][2]string
	add := func(name string, b []byte) { out = append(out, [2]string{name, hex.EncodeToString(b)}) }
	n := ledgertest.NewNation()
	city := n.AddRegistry("MA.156.1301", "sjz")
	key := n.AddIssuer(city, "ID.SJZ.EXAMPLE")
	n.Withdraw(key, 256)
	next := n.Root
	next.DirectoryKeys = []string{ledgertest.VKey("institute-d.example"), ledgertest.VKey("institute-e.example")}
	n.Log(ledger.DirectoryEntry{Rotation: &ledger.Rotation{Previous: n.Root, Root: next}},
		"institute-a.example", "institute-b.example", "institute-d.example", "institute-e.example")
	if v := fold(t, n).Voids(); len(v) != 0 {
		t.Fatal(v)
	}
	for i, name := range []string{"registry", "key", "withdrawal", "rotation"} {
		e, err := ledger.ParseDirectoryEntry(uint64(i), n.Directory.Entry(uint64(i)))
		if err != nil {
			t.Fatal(err)
		}
		add(name+".payload", e.Payload)
		add(name+".entry", n.Directory.Entry(uint64(i)))
	}
	out = append(out, [2]string{"institute-a.vkey", ledgertest.VKey("institute-a.example")})
	add("note", n.Directory.Checkpoint(time.Unix(1782900000, 0)))
	for _, s := range []ledger.Status{ledger.Revoked, ledger.Suspended, ledger.Restored} {
		raw, err := ledger.StatusEntry{Index: 421, Status: s, Time: 1782900000}.Encode()
		if err != nil {
			t.Fatal(err)
		}
		add("status."+s.String(), raw)
	}
	return out
}

// The documentation's vectors are what the code makes.
func TestVectors(t *testing.T) {
	doc, err := os.ReadFile(vectorFile)
	if err != nil {
		// The parts may have been joined into one page.
		if doc, err = os.ReadFile("../../docs/formats.md"); err != nil {
			t.Fatal(err)
		}
	}
	const open, end = "```vectors-ledger\n", "```\n"
	head, rest, ok := strings.Cut(string(doc), open)
	block, tail, closed := strings.Cut(rest, end)
	if !ok || !closed {
		t.Fatal("no block of vectors")
	}
	made := vectors(t)
	if *update {
		var lines []string
		for _, v := range made {
			lines = append(lines, v[0]+" "+v[1]+"\n")
		}
		if err := os.WriteFile(vectorFile, fmt.Append(nil, head, open, strings.Join(lines, ""), end, tail), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	found := map[string]string{}
	for line := range strings.Lines(block) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		found[name] = value
	}
	if len(found) != len(made) {
		t.Errorf("%d vectors, want %d", len(found), len(made))
	}
	for _, v := range made {
		if found[v[0]] != v[1] {
			t.Errorf("%s is %s, want %s", v[0], found[v[0]], v[1])
		}
	}
}
