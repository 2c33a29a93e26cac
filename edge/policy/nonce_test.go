package policy_test

import (
	"regexp"
	"slices"
	"testing"
	"time"

	"citygate/edge/policy"
)

func TestNonceIsShownForAMinuteAndGoodForTwo(t *testing.T) {
	n, at := policy.NewNonces(), time.Date(2026, 5, 1, 8, 0, 0, 0, time.UTC)
	first := n.Shown(at)
	if !regexp.MustCompile(`^[0-9]{8}$`).MatchString(first) {
		t.Fatalf("nonce %q: not eight digits", first)
	}
	if n.Shown(at.Add(59*time.Second)) != first {
		t.Error("another nonce within the minute")
	}
	second := n.Shown(at.Add(time.Minute))
	if second == first {
		t.Error("the same nonce after a minute")
	}
	if got := n.Good(at.Add(119 * time.Second)); !slices.Equal(got, []string{second, first}) {
		t.Errorf("good: %v, want %s and %s", got, second, first)
	}
	if got := n.Good(at.Add(time.Minute + time.Minute)); slices.Contains(got, first) {
		t.Errorf("good after two minutes: %v", got)
	}
}

func TestUsedNonceIsGoodNoMore(t *testing.T) {
	n, at := policy.NewNonces(), time.Date(2026, 5, 1, 8, 0, 0, 0, time.UTC)
	first := n.Shown(at)
	at = at.Add(time.Minute)
	second := n.Shown(at)
	n.Use(first, at)
	if got := n.Good(at); !slices.Equal(got, []string{second}) {
		t.Errorf("after the earlier one was used: %v, want %s alone", got, second)
	}
	n.Use(second, at)
	third := n.Shown(at)
	if got := n.Good(at); third == second || !slices.Equal(got, []string{third}) {
		t.Errorf("after the shown one was used: %v", got)
	}
	n.Use("00000000", at)
	if n.Shown(at) != third {
		t.Error("a nonce that was never shown ended the one on the screen")
	}
	if n.Shown(at.Add(-time.Hour)) == third {
		t.Error("a clock that was set back keeps a nonce for an hour")
	}
}

func TestWhoDemandsANonce(t *testing.T) {
	for text, want := range map[string]bool{
		"": false, "[kinds.ticket]\nneed_nonce = true\n": true, "[default]\nneed_nonce = true\n": true,
		"[kinds.ticket]\nneed_nonce = false\n": false,
	} {
		if got := parse(t, text).DemandsNonce(); got != want {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
}
