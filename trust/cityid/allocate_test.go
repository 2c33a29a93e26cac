package cityid_test

import (
	"errors"
	"testing"

	"pgregory.net/rapid"

	"citygate/trust/cityid"
)

// delegate is the allocation of a prefix with a holder of its own.
func delegate(t testing.TB, id, by string) cityid.Allocation {
	a := name(t, id, by)
	a.Delegated, a.Keys, a.Logs = true, []string{"key"}, []string{"records", "status"}
	return a
}

// name is the allocation of a thing or of a node that is only a name.
func name(t testing.TB, id, by string) cityid.Allocation {
	t.Helper()
	a := cityid.Allocation{ID: parse(t, id)}
	if by != "" {
		var err error
		if a.By, err = cityid.ParsePrefix(by); err != nil {
			t.Fatal(err)
		}
	}
	return a
}

func TestUnifiedRule(t *testing.T) {
	without := func(a cityid.Allocation, keys, logs []string) cityid.Allocation {
		a.Keys, a.Logs = keys, logs
		return a
	}
	steps := []struct {
		what string
		a    cityid.Allocation
		want error
	}{
		{"a city before its country", delegate(t, "MA.156.1301", "MA.156"), cityid.ErrNoHolder},
		{"a country by itself", delegate(t, "MA.156", "MA.156"), cityid.ErrNotHolder},
		{"a country by the root", delegate(t, "MA.156", ""), nil},
		{"a country again", delegate(t, "MA.156", ""), cityid.ErrTaken},
		{"below a city that nobody holds", name(t, "MA.156.1301/X", "MA.156"), cityid.ErrNoHolder},
		{"a city by itself", delegate(t, "MA.156.1301", "MA.156.1301"), cityid.ErrNotHolder},
		{"a city without keys", without(delegate(t, "MA.156.1301", "MA.156"), nil, []string{"r"}), cityid.ErrNoAnswer},
		{"a city without logs", without(delegate(t, "MA.156.1301", "MA.156"), []string{"k"}, nil), cityid.ErrNoAnswer},
		{"a city by its country", delegate(t, "MA.156.1301", "MA.156"), nil},
		{"another city", delegate(t, "MA.156.3301", "MA.156"), nil},
		{"a thing of the country", name(t, "MA.156/SEAL.1", "MA.156"), nil},
		{"a bureau by another city", name(t, "MA.156.1301.01", "MA.156.3301"), cityid.ErrNotHolder},
		{"a bureau by the country", name(t, "MA.156.1301.01", "MA.156"), cityid.ErrNotHolder},
		{"a bureau by its city", name(t, "MA.156.1301.01", "MA.156.1301"), nil},
		{"a lamp of a bureau that is a name", name(t, "MA.156.1301.01/LAMP.1", "MA.156.1301"), nil},
		{"a registry below a bureau that is a name", delegate(t, "MA.156.1301.01.07", "MA.156.1301"), cityid.ErrNoHolder},
		{"a lamp twice", name(t, "MA.156.1301.01/LAMP.1", "MA.156.1301"), cityid.ErrTaken},
		{"a lamp by the bureau that is a name", name(t, "MA.156.1301.01/LAMP.2", "MA.156.1301.01"), cityid.ErrNotHolder},
		{"a department with a registry", delegate(t, "MA.156.1301.02", "MA.156.1301"), nil},
		{"its sign by the city", name(t, "MA.156.1301.02/SIGN.1", "MA.156.1301"), cityid.ErrNotHolder},
		{"its sign by itself", name(t, "MA.156.1301.02/SIGN.1", "MA.156.1301.02"), nil},
		{"the same name with a slash", name(t, "MA.156.1301.02/SIGN.1/", "MA.156.1301.02"), nil},
		{"a delegated thing", delegate(t, "MA.156.1301/X", "MA.156.1301"), cityid.ErrSyntax},
		{"nothing", cityid.Allocation{}, cityid.ErrSyntax},
	}
	var s cityid.Allocations
	records := make([]cityid.Allocation, len(steps))
	for i, step := range steps {
		records[i] = step.a
		if err := s.Allocate(step.a); !errors.Is(err, step.want) || (err == nil) != (step.want == nil) {
			t.Errorf("%s: %v, want %v", step.what, err, step.want)
		}
	}
	findings := cityid.Audit(records)
	for i, step := range steps {
		if step.want == nil {
			continue
		}
		if len(findings) == 0 || findings[0].Index != i || !errors.Is(findings[0].Err, step.want) {
			t.Fatalf("audit has not found %q: %v", step.what, findings)
		}
		findings = findings[1:]
	}
	if len(findings) > 0 {
		t.Errorf("audit found more: %v", findings)
	}
}

// TestAllocationAgreesWithCovers holds the rule to the keys: whatever a holder
// may allocate, its prefix covers, so that verifiers accept it.
func TestAllocationAgreesWithCovers(t *testing.T) {
	prefixes := []string{"MA.156", "MA.156.1", "MA.156.1.1", "MA.156.1.1.1", "MA.156.2", "MA.157"}
	rapid.Check(t, func(rt *rapid.T) {
		var s cityid.Allocations
		for range rapid.IntRange(1, 12).Draw(rt, "steps") {
			a := name(t, rapid.SampledFrom(prefixes).Draw(rt, "prefix"), "")
			if rapid.Bool().Draw(rt, "thing") {
				a = name(t, a.ID.String()+"/X", "")
			} else if rapid.Bool().Draw(rt, "delegated") {
				a = delegate(t, a.ID.String(), "")
			}
			if by := rapid.SampledFrom(append(prefixes, "")).Draw(rt, "by"); by != "" {
				a.By = name(t, by, "").ID.Prefix()
			}
			if s.Allocate(a) != nil {
				continue
			}
			if !a.By.IsZero() && !a.By.Covers(a.ID) {
				rt.Fatalf("%s allocated %s, which it does not cover", a.By, a.ID)
			}
			if s.Allocate(a) == nil {
				rt.Fatalf("%s allocated twice", a.ID)
			}
		}
	})
}
