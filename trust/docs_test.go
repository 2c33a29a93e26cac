package trust_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"citygate/trust"
)

// TestDocumentedList holds the documentation's table to the list in code: the
// words, their order and their classes.
func TestDocumentedList(t *testing.T) {
	var rows [][]string
	for _, name := range []string{"../docs/formats/verdict.md", "../docs/formats.md"} {
		raw, err := os.ReadFile(name)
		if err != nil {
			continue
		}
		_, table, ok := strings.Cut(string(raw), "| reason | class | when |\n|---|---|---|\n")
		if !ok {
			continue
		}
		for line := range strings.Lines(table) {
			cells := strings.Split(line, "|")
			if len(cells) < 4 {
				break
			}
			rows = append(rows, []string{strings.Trim(cells[1], " `"), strings.TrimSpace(cells[2])})
		}
		break
	}
	second := 0 // stale-trust stands twice, the second time by policy
	rows = slices.DeleteFunc(rows, func(row []string) bool {
		if row[0] == string(trust.StaleTrust) {
			second++
		}
		return row[0] == string(trust.StaleTrust) && second == 2
	})
	list := trust.Reasons()
	if len(rows) != len(list) || second != 2 {
		t.Fatalf("%d documented reasons, %d in the list", len(rows), len(list))
	}
	for i, r := range list {
		if rows[i][0] != string(r) || rows[i][1] != r.Class().String() {
			t.Errorf("row %d says %v, the list %s, %s", i, rows[i], r, r.Class())
		}
	}
}
