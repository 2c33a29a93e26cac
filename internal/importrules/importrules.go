// Package importrules holds a tree of Go packages to a table of who may import whom. The table of this project is in
// the package's test, and is the one of DESIGN.md, section 2.
package importrules

import (
	"fmt"
	"sort"
	"strings"
)

// Rule says which packages of the module one package, or each package below a folder, may import.
type Rule struct {
	// From is a package's path inside the module: "trust", or "edge/*" for the packages directly below edge.
	From string
	// May lists what it may import, in the same two forms. "**" at the end stands for every package below.
	May []string
}

// Sole names a dependency and the only packages that may import it: a heavy library has one door on each side.
type Sole struct {
	Prefix string
	By     []string
}

// Check returns one line for each import that no rule allows, sorted; imports maps each package of the module, by its
// path inside the module, to what it imports: inside the module without the module's name, outside with the full
// path, module telling them apart by inside. The first rule whose From matches a package decides.
func Check(rules []Rule, soles []Sole, inside map[string][]string, outside map[string][]string) []string {
	var bad []string
	for from, imports := range inside {
		for _, to := range imports {
			if strings.HasPrefix(to, "internal/") || allowed(rules, from, to) {
				continue
			}
			bad = append(bad, fmt.Sprintf("%s imports %s", from, to))
		}
	}
	for from, imports := range outside {
		for _, to := range imports {
			for _, s := range soles {
				if strings.HasPrefix(to, s.Prefix) && !matchAny(s.By, from) {
					bad = append(bad, fmt.Sprintf("%s imports %s, which only %s may", from, to, strings.Join(s.By, ", ")))
				}
			}
		}
	}
	sort.Strings(bad)
	return bad
}

// LongestChain returns the longest chain of imports inside the module, internal packages not counted, from the
// importer down to the last imported package.
func LongestChain(inside map[string][]string) []string {
	memo := map[string][]string{}
	var walk func(p string) []string
	walk = func(p string) []string {
		if c, ok := memo[p]; ok {
			return c
		}
		var best []string
		for _, to := range inside[p] {
			if strings.HasPrefix(to, "internal/") {
				continue
			}
			if c := walk(to); len(c) > len(best) {
				best = c
			}
		}
		memo[p] = append([]string{p}, best...)
		return memo[p]
	}
	var longest []string
	for p := range inside {
		if c := walk(p); len(c) > len(longest) || len(c) == len(longest) && strings.Join(c, " ") < strings.Join(longest, " ") {
			longest = c
		}
	}
	return longest
}

func allowed(rules []Rule, from, to string) bool {
	for _, r := range rules {
		if match(r.From, from) {
			return matchAny(r.May, to)
		}
	}
	return false
}

func matchAny(patterns []string, p string) bool {
	for _, pattern := range patterns {
		if match(pattern, p) {
			return true
		}
	}
	return false
}

func match(pattern, p string) bool {
	if below, ok := strings.CutSuffix(pattern, "/**"); ok {
		return strings.HasPrefix(p, below+"/")
	}
	if below, ok := strings.CutSuffix(pattern, "/*"); ok {
		rest, in := strings.CutPrefix(p, below+"/")
		return in && !strings.Contains(rest, "/")
	}
	return pattern == p
}
