package ledger

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// This file implements C2SP tlog-policy, the text form of a policy that other
// people's witnesses and tools read.

// ParseLogPolicy reads a policy in the text form of C2SP tlog-policy. All log
// lines must name one log, and the quorum must be a witness or a group of
// witnesses: a group of groups has no k-of-n form.
func ParseLogPolicy(text string) (LogPolicy, error) {
	p := policyText{witnesses: map[string]string{}, groups: map[string]policyGroup{}}
	for i, line := range strings.Split(text, "\n") {
		line, _, _ = strings.Cut(line, "#")
		fields := strings.Fields(line)
		if len(fields) == 0 {
			continue
		}
		if err := p.line(fields); err != nil {
			return LogPolicy{}, fmt.Errorf("policy line %d: %w", i+1, err)
		}
	}
	out, err := p.policy()
	if err != nil {
		return LogPolicy{}, err
	}
	return out, out.Validate()
}

// policyText collects the lines of a policy.
type policyText struct {
	logs      []string          // vkeys
	witnesses map[string]string // name -> vkey
	groups    map[string]policyGroup
	quorum    string
}

// policyGroup is k of some witnesses.
type policyGroup struct {
	k       int
	members []string
}

func (p *policyText) line(f []string) error {
	switch {
	case f[0] == "log" && (len(f) == 2 || len(f) == 3):
		p.logs = append(p.logs, f[1])
	case f[0] == "witness" && (len(f) == 3 || len(f) == 4):
		if err := p.fresh(f[1]); err != nil {
			return err
		}
		p.witnesses[f[1]] = f[2]
	case f[0] == "group" && len(f) >= 4:
		return p.group(f[1], f[2], f[3:])
	case f[0] == "quorum" && len(f) == 2:
		if p.quorum != "" {
			return errors.New("a second quorum")
		}
		p.quorum = f[1]
	default:
		return fmt.Errorf("%.40q with %d words is not understood", f[0], len(f))
	}
	return nil
}

// fresh refuses a name that is taken or a keyword.
func (p *policyText) fresh(name string) error {
	_, isWitness := p.witnesses[name]
	_, isGroup := p.groups[name]
	if isWitness || isGroup || slices.Contains([]string{"log", "witness", "group", "quorum", "any", "all", "none"}, name) {
		return fmt.Errorf("the name %.40q is taken", name)
	}
	return nil
}

func (p *policyText) group(name, threshold string, members []string) error {
	if err := p.fresh(name); err != nil {
		return err
	}
	for i, m := range members {
		if _, ok := p.witnesses[m]; !ok || slices.Contains(members[:i], m) {
			return fmt.Errorf("group %.40q: %.40q is no witness named before, or named twice", name, m)
		}
	}
	g := policyGroup{k: len(members), members: members}
	switch threshold {
	case "all":
	case "any":
		g.k = 1
	default:
		k, err := strconv.Atoi(threshold)
		if err != nil || k < 1 || k > len(members) {
			return fmt.Errorf("group %.40q: threshold %.40q of %d", name, threshold, len(members))
		}
		g.k = k
	}
	p.groups[name] = g
	return nil
}

func (p *policyText) policy() (LogPolicy, error) {
	if len(p.logs) == 0 {
		return LogPolicy{}, errors.New("policy names no log")
	}
	origin, _, _ := strings.Cut(p.logs[0], "+")
	out := LogPolicy{Origin: origin, LogKeys: p.logs}
	if key, ok := p.witnesses[p.quorum]; ok {
		out.Witnesses, out.Quorum = []string{key}, 1
		return out, nil
	}
	g, ok := p.groups[p.quorum]
	if !ok {
		return LogPolicy{}, fmt.Errorf("quorum %.40q is no witness and no group; a policy without witnesses is not accepted", p.quorum)
	}
	for _, m := range g.members {
		out.Witnesses = append(out.Witnesses, p.witnesses[m])
	}
	out.Quorum = g.k
	return out, nil
}

// Text returns the policy in the text form of C2SP tlog-policy. Witness i is
// called wi there.
func (p LogPolicy) Text() string {
	var b strings.Builder
	for _, k := range p.LogKeys {
		fmt.Fprintf(&b, "log %s\n", k)
	}
	fmt.Fprintf(&b, "\n")
	var names []string
	for i, w := range p.Witnesses {
		names = append(names, "w"+strconv.Itoa(i+1))
		fmt.Fprintf(&b, "witness %s %s\n", names[i], w)
	}
	fmt.Fprintf(&b, "\ngroup witnesses %d %s\nquorum witnesses\n", p.Quorum, strings.Join(names, " "))
	return b.String()
}
