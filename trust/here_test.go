package trust_test

import (
	"time"

	"citygate/trust"
	"citygate/trust/cityid"
	"citygate/trust/code"
)

func timeCases() []checkCase {
	clock := func(add time.Duration, synced bool) func(*world, *scene) {
		return func(w *world, s *scene) { s.moment.Now, s.moment.Synced = w.Time.Add(add), synced }
	}
	y1970, y2100 := -56*365*24*time.Hour, 74*365*24*time.Hour
	accept := only(code.KindStreetAsset, func(k *trust.KindPolicy) { k.AcceptClock = true })
	return []checkCase{
		{"the last second", "ending lamp", clock(time.Hour, true), trust.Valid},
		{"past the last second", "ending lamp", clock(time.Hour+time.Second, true), trust.Expired},
		{"no clock", "ending lamp", clock(0, false), trust.ClockUntrusted},
		{"no clock, policy takes it", "ending lamp", func(w *world, s *scene) {
			s.moment.Synced, s.policy = false, accept
		}, trust.Valid},
		{"no clock, nothing hangs on time", "lamp", clock(0, false), trust.Valid},
		{"1970, nothing hangs on time", "lamp", clock(y1970, false), trust.Valid},
		{"2100, nothing hangs on time", "lamp", clock(y2100, false), trust.Valid},
		{"1970, unsynchronised", "ending lamp", clock(y1970, false), trust.ClockUntrusted},
		{"2100, unsynchronised", "ending lamp", clock(y2100, false), trust.ClockUntrusted},
		{"2100, synchronised", "ending lamp", clock(y2100, true), trust.Expired},
		{"expired by the bound, in 1970", "ending lamp", func(w *world, s *scene) {
			clock(y1970, false)(w, s)
			s.checkpoint["sjz-status"] = w.Time.Add(time.Hour + time.Second)
		}, trust.Expired},
		{"another city's year 2100", "ending lamp", func(w *world, s *scene) {
			s.checkpoint["ts-status"] = w.Time.Add(y2100)
		}, trust.Valid},
		{"not yet", "coming lamp", clock(time.Hour-time.Second, true), trust.NotYetValid},
		{"from the first second", "coming lamp", clock(time.Hour, true), trust.Valid},
		{"not yet, no clock", "coming lamp", clock(0, false), trust.ClockUntrusted},
		{"from the first second by the bound", "coming lamp", func(w *world, s *scene) {
			clock(y1970, false)(w, s)
			s.checkpoint["directory"] = w.Time.Add(time.Hour)
		}, trust.Valid},
		{"presented, no clock", "permit", func(_ *world, s *scene) {
			s.moment.Synced, s.policy = false, &trust.Policy{}
		}, trust.ClockUntrusted},
		{"age limit, no clock", "building", func(_ *world, s *scene) {
			s.moment.Synced = false
			s.policy = only(code.KindBuilding, func(k *trust.KindPolicy) { k.MaxAge = time.Hour })
		}, trust.ClockUntrusted},
		{"opening hours, no clock", "lamp", func(_ *world, s *scene) {
			s.moment.Synced = false
			s.policy = only(code.KindStreetAsset, func(k *trust.KindPolicy) { k.Hours = true })
		}, trust.ClockUntrusted},
	}
}

func ageCases() []checkCase {
	frozen := func(log string, age time.Duration, accept bool) func(*world, *scene) {
		return func(w *world, s *scene) {
			s.checkpoint[log] = s.moment.Now.Add(-age)
			s.policy = only(code.KindBuilding, func(k *trust.KindPolicy) { k.MaxAge, k.AcceptStale = time.Hour, accept })
		}
	}
	return []checkCase{
		{"at the limit", "building", frozen("sjz-records", time.Hour, false), trust.Valid},
		{"frozen directory", "building", frozen("directory", time.Hour+time.Second, false), trust.StaleTrust},
		{"frozen records", "building", frozen("sjz-records", time.Hour+time.Second, false), trust.StaleTrust},
		{"frozen status", "building", frozen("sjz-status", time.Hour+time.Second, false), trust.StaleTrust},
		{"another city's frozen log", "building", frozen("ts-status", 1000*time.Hour, false), trust.Valid},
		{"frozen, policy takes it", "building", frozen("sjz-status", 1000*time.Hour, true), trust.Valid},
		{"no limit", "lamp", frozen("sjz-status", 1000*time.Hour, false), trust.Valid},
	}
}

func presentationCases() []checkCase {
	at := func(d time.Duration) func(*world, *scene) {
		return func(_ *world, s *scene) { s.shownAt = s.moment.Now.Add(d) }
	}
	nonce := []byte("nonce-01")
	wants := only(code.KindPermit, func(k *trust.KindPolicy) { k.NeedNonce = true })
	return []checkCase{
		{"now", "permit", nil, trust.Valid},
		{"15 s old", "permit", at(-15 * time.Second), trust.Valid},
		{"16 s old", "permit", at(-16 * time.Second), trust.StalePresentation},
		{"5 s ahead", "permit", at(5 * time.Second), trust.Valid},
		{"6 s ahead", "permit", at(6 * time.Second), trust.StalePresentation},
		{"in the second of the start", "permit", func(_ *world, s *scene) { s.moment.Started = s.moment.Now }, trust.Valid},
		{"before the start", "permit", func(_ *world, s *scene) {
			s.moment.Started = s.moment.Now.Add(time.Millisecond)
		}, trust.StalePresentation},
		{"bare", "permit", func(_ *world, s *scene) { s.shown = false }, trust.StalePresentation},
		{"nonce shown, not asked for", "permit", func(_ *world, s *scene) { s.moment.Nonce = nonce }, trust.Valid},
		{"nonce asked for, none given", "permit", func(_ *world, s *scene) {
			s.moment.Nonce, s.policy = nonce, wants
		}, trust.StalePresentation},
		{"nonce asked for and given", "permit", func(_ *world, s *scene) {
			s.moment.Nonce, s.nonce, s.policy = nonce, nonce, wants
		}, trust.Valid},
		{"another nonce", "permit", func(_ *world, s *scene) {
			s.moment.Nonce, s.nonce, s.policy = nonce, []byte("nonce-02"), wants
		}, trust.StalePresentation},
		{"another nonce, not asked for", "permit", func(_ *world, s *scene) {
			s.moment.Nonce, s.nonce = nonce, []byte("nonce-02")
		}, trust.StalePresentation},
		{"nonce asked for, none shown", "permit", func(_ *world, s *scene) { s.policy = wants }, trust.StalePresentation},
	}
}

func placeCases() []checkCase {
	stand := func(place string) func(*world, *scene) {
		return func(_ *world, s *scene) {
			s.moment.Place, _ = cityid.Parse(place)
		}
	}
	return []checkCase{
		{"a thing in the place", "permit", stand("MA.156.1301.02/GATE.1"), trust.Valid},
		{"the place itself", "permit", stand("MA.156.1301.02"), trust.Valid},
		{"below the place", "permit", stand("MA.156.1301.02.9/GATE.1"), trust.Valid},
		{"the other place", "permit", stand("MA.156.1302.5/GATE.1"), trust.Valid},
		{"above the place", "permit", stand("MA.156.1301"), trust.Elsewhere},
		{"beside the place", "permit", stand("MA.156.1301.021"), trust.Elsewhere},
		{"no place", "permit", stand(""), trust.Elsewhere},
		{"no place, none asked", "lamp", stand(""), trust.Valid},
	}
}
