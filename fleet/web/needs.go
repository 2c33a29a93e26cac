package web

import (
	"time"

	"citygate/fleet"
)

// Neighbours that go offline together have most likely lost one thing: a street's power, an uplink.
const (
	togetherFor = 2 * time.Minute
	togetherMin = 3
)

// need is one line of what needs a person: a gateway, or Group neighbours that
// went offline together, of which judged is the first.
type need struct {
	judged
	Group     int    // how many; 1 for a gateway alone
	Prefix    string // the place that a group has in common
	PlaceName string
	PlaceLang string // of the name, where it is known
}

// needs joins what failed together. The list comes, and stays, worst first.
func (s *Server) needs(list []judged, lang string) []need {
	type key struct{ prefix, code string }
	var out []need
	open := map[key][]int{} // by place, the lines that a neighbour may join
	members := map[int][]judged{}
	for _, g := range list {
		prefix, place, in := s.placeName(g.Gateway, lang)
		k, worst := key{prefix, g.Worst().Code}, g.Worst()
		joined := false
		if g.State == fleet.Offline && prefix != "" && !worst.Since.IsZero() {
			for _, i := range open[k] {
				if worst.Since.Sub(out[i].Worst().Since).Abs() <= togetherFor {
					members[i] = append(members[i], g)
					out[i].Group++
					joined = true
					break
				}
			}
			if !joined {
				open[k] = append(open[k], len(out))
			}
		}
		if !joined {
			out = append(out, need{judged: g, Group: 1, Prefix: prefix, PlaceName: place, PlaceLang: in})
		}
	}
	return apart(out, members)
}

// apart takes groups apart that are too small to mean anything.
func apart(list []need, members map[int][]judged) []need {
	var out []need
	for i, n := range list {
		if n.Group >= togetherMin {
			out = append(out, n)
			continue
		}
		n.Group = 1
		out = append(out, n)
		for _, g := range members[i] {
			out = append(out, need{judged: g, Group: 1, Prefix: n.Prefix, PlaceName: n.PlaceName, PlaceLang: n.PlaceLang})
		}
	}
	return out
}
