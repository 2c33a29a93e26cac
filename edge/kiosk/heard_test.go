package kiosk_test

import (
	"context"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"citygate/edge/kiosk"
	"citygate/internal/browsertest"
)

// This file holds what the page lets people hear: spoken answers and sounds.

// voices is a script that gives the browser three voices, of which only one is the kiosk's own, and keeps what is said.
const voices = `(() => {
  window.said = [];
  window.SpeechSynthesisUtterance = class { constructor(t) { this.text = t; } };
  Object.defineProperty(window, 'speechSynthesis', {value: {
    getVoices: () => [{lang: 'zh-CN', localService: false}, {lang: 'zh_CN', localService: true, name: 'own'}, {lang: 'en-US', localService: false}],
    cancel: () => said.push('cancel'), speak: u => said.push([u.voice.name, u.lang, u.text].join('|')),
  }});
})()`

func spokenByTheKiosksOwnVoice(t *testing.T, ctx context.Context) {
	s, tab := open(t, ctx, options("zh-CN", "day"), 640, 400)
	if err := chromedp.Run(tab, chromedp.Evaluate(voices, nil)); err != nil {
		t.Fatal(err)
	}
	english := lamp("revoked", kiosk.ClassRefused)
	english.Lang = "en"
	var said []string
	for _, step := range []struct {
		show kiosk.Answer
		head string
		want string
	}{
		{lamp("valid", kiosk.ClassAccepted), "有效", "cancel,own|zh-CN|有效。已核验，请继续。"},
		{bare("foreign", kiosk.ClassRefused), "不是城市码", ""},
		{english, "Code withdrawn", "cancel"},
	} {
		s.Answer(step.show)
		if err := chromedp.Run(tab, chromedp.Evaluate(`new Promise((done, fail) => { const end = Date.now() + 10000, look = () =>
			document.getElementById('head').textContent === `+"'"+step.head+"'"+` ? done(said.splice(0)) : Date.now() > end ? fail(new Error('not shown')) : setTimeout(look, 5); look(); })`, &said, awaitPromise)); err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(said, ","); got != step.want {
			t.Errorf("%s: said %q, want %q", step.head, got, step.want)
		}
	}
}

// tones is a script that gives the browser an audio output that keeps each tone as "hertz from+for", in milliseconds.
const tones = `(() => {
  window.heard = [];
  const gain = {setValueAtTime() {}, linearRampToValueAtTime() {}};
  window.AudioContext = class {
    state = 'running'; currentTime = 0; destination = {};
    createGain() { return {gain, connect: x => x}; }
    createOscillator() {
      const o = {frequency: {}, connect: x => x, start: t => { o.at = t; }, stop: t => heard.push(o.frequency.value + ' ' + Math.round(o.at * 1000) + '+' + Math.round((t - o.at) * 1000))};
      return o;
    }
  };
})()`

func soundsComeWithThePicture(t *testing.T, ctx context.Context) {
	s, tab := open(t, ctx, options("en", "day"), 640, 400)
	if err := chromedp.Run(tab, chromedp.Evaluate(tones, nil)); err != nil {
		t.Fatal(err)
	}
	aim := func(s *kiosk.Server) { s.State(kiosk.State{State: kiosk.StateAiming, Outline: seen()}) }
	answer := func(reason, class string) func(*kiosk.Server) {
		return func(s *kiosk.Server) { s.Answer(bare(reason, class)) }
	}
	for _, step := range []struct {
		show        func(*kiosk.Server)
		class, head string
		want        string
	}{
		{aim, "aiming", "Hold still", "1760 0+20"},
		{idle, "idle", "Show your code", ""},
		{aim, "aiming", "Hold still", ""}, // lost for a moment and found again: one tick
		{answer("valid", kiosk.ClassAccepted), "accepted", "Valid", "880 0+90, 1320 90+140"},
		{answer("revoked", kiosk.ClassRefused), "refused", "Code withdrawn", "330 0+160, 330 240+160"},
		{answer("stale-trust", kiosk.ClassCannotCheck), "cannot", "Cannot check now", "520 0+240"},
		{answer("foreign", kiosk.ClassRefused), "refused", "Not a city code", "1760 0+20"},
	} {
		step.show(s)
		var heard []string
		if err := chromedp.Run(tab, browsertest.Until(shows(step.class, step.head), nil), chromedp.Evaluate(`heard.splice(0)`, &heard)); err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(heard, ", "); got != step.want {
			t.Errorf("%s: heard %q, want %q", step.head, got, step.want)
		}
	}
}
