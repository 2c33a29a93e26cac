package web

import (
	"html/template"
	"time"

	"citygate/fleet"
)

// parseTemplates reads the embedded pages.
func parseTemplates() (*template.Template, error) {
	return template.New("").Funcs(template.FuncMap{
		"epoch": epochText,
		"wallRow": func(v *view, g group, per, cols int) template.HTML {
			return wallRow(bricks(g.Bricks, per), cols, v.F("wall-row", len(g.Bricks), g.NotOK))
		},
		"sev":     func(n int) fleet.Severity { return fleet.Severity(n) },
		"seconds": func(n uint64) time.Duration { return time.Duration(n) * time.Second },
		"milli":   func(n int64) float64 { return float64(n) / 1000 },
		"hz":      func(n uint64) float64 { return float64(n) / 1000 },
		"mib":     func(n uint64) float64 { return float64(n) / (1 << 20) },
		"add":     func(a, b int) int { return a + b },
		"slice0":  func(s string, n int) string { return s[:min(n, len(s))] },
	}).ParseFS(files, "templates/*.html")
}
