package browsertest

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// This file asks axe-core whether a page breaks a rule of WCAG. axe-core is no part of the project: `make deps-test`
// fetches it from npm into var/.

// axeFile is where `make deps-test` puts it, from the module's folder on.
const axeFile = "var/node_modules/axe-core/axe.min.js"

// axeRules are those of WCAG 2.0 to 2.2 at the levels A and AA.
const axeRules = `['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa']`

// Axe is axe-core, loaded.
type Axe struct{ source string }

// LoadAxe reads axe-core, or skips the test with the reason.
func LoadAxe(tb testing.TB) Axe {
	tb.Helper()
	dir, err := os.Getwd()
	if err != nil {
		tb.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		}
		if dir == filepath.Dir(dir) {
			tb.Skip("axe-core is not asked: this test does not run in its module")
		}
		dir = filepath.Dir(dir)
	}
	source, err := os.ReadFile(filepath.Join(dir, axeFile))
	if err != nil {
		tb.Skipf("axe-core is not asked: %v (make deps-test fetches it where npm is)", err)
	}
	return Axe{string(source)}
}

// Violations lists what axe-core finds wrong with what the tab shows now, each rule with the elements that break it. It
// loads the script into the page where it is not there yet; the page's Content-Security-Policy does not hold for it.
func (a Axe) Violations(tb testing.TB, tab context.Context) []string {
	tb.Helper()
	var loaded bool
	if err := chromedp.Run(tab, chromedp.Evaluate(`'axe' in window`, &loaded)); err != nil {
		tb.Fatal(err)
	}
	if !loaded {
		if err := chromedp.Run(tab, chromedp.Evaluate(a.source+`;0`, nil)); err != nil {
			tb.Fatalf("load axe-core: %v", err)
		}
	}
	var answer string
	err := chromedp.Run(tab, chromedp.Evaluate(`axe.run(document, {runOnly: {type: 'tag', values: `+axeRules+`}, resultTypes: ['violations']})
		.then(r => JSON.stringify({rules: r.passes.length, violations: r.violations.map(v => v.id + ': ' + v.help + ': ' + v.nodes.map(n => n.target.join(' ')).join(', '))}))`,
		&answer, func(p *runtime.EvaluateParams) *runtime.EvaluateParams { return p.WithAwaitPromise(true) }))
	if err != nil {
		tb.Fatalf("axe-core: %v", err)
	}
	var found struct {
		Rules      int
		Violations []string
	}
	if err := json.Unmarshal([]byte(answer), &found); err != nil {
		tb.Fatal(err)
	}
	if found.Rules == 0 && len(found.Violations) == 0 {
		tb.Fatal("axe-core looked at nothing: " + strings.TrimSpace(answer))
	}
	return found.Violations
}
