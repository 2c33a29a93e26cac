package web_test

import (
	"context"
	"crypto/ed25519"
	"encoding/hex"
	"fmt"
	"image"
	"image/color"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/makiuchi-d/gozxing"
	"github.com/makiuchi-d/gozxing/qrcode"

	"citygate/internal/browsertest"
	"citygate/trust"
	"citygate/trust/code"
	"citygate/trust/registry/web"
)

const holderPage = "https://id.sjz.example" + web.HolderPath

// testHolder takes a holder's page from its first visit to a code that gateways take, which its next visit still has.
func (s *stage) testHolder(t *testing.T) {
	w := s.set(newWorld(t))
	phone := tab(t, s.ctx, "zh-CN")
	var key string
	run(t, phone, "first visit", chromedp.Navigate(holderPage), chromedp.WaitVisible(".no-code .waiting"), chromedp.Text("#key", &key))
	looks(t, phone, "holder-zh-CN-waiting")
	public, err := hex.DecodeString(key)
	if err != nil || len(public) != ed25519.PublicKeySize {
		t.Fatalf("public key %q", key)
	}
	// The office issues for this key, in a batch that is still open.
	claims := permit()
	claims.Holder = public
	w.add("own", false, claims)
	own := w.code("own", "sjz")
	if own.Sealed() {
		t.Fatal("the record's batch is closed already")
	}
	run(t, phone, "somebody else's code", chromedp.SetValue("#text", w.text(w.code("permit", "sjz"))), chromedp.Click("#keep"),
		browsertest.Until(`document.getElementById('wrong').textContent !== ''`, nil))
	run(t, phone, "own code", chromedp.SetValue("#text", w.text(own)), chromedp.Click("#keep"), chromedp.WaitVisible(".has-code .showing"))
	first := w.shown(t, phone, "")
	w.takes(t, first, false)
	looks(t, phone, "holder-zh-CN-unsealed")

	w.sjz.Records.Pad() // the batch closes; the page is opened again and finds its path
	run(t, phone, "second visit", chromedp.Navigate("about:blank"), chromedp.Navigate(holderPage), chromedp.WaitVisible(".has-code .showing"),
		browsertest.Until(`document.getElementById('unsealed').textContent === ''`, nil))
	second := w.shown(t, phone, `&& document.getElementById('unsealed').textContent === ''`)
	w.takes(t, second, true)
	looks(t, phone, "holder-zh-CN")
	run(t, phone, "English", chromedp.Click("#en"), browsertest.Until(`document.title === 'My city code'`, nil))
	looks(t, phone, "holder-en")

	// The code as the office sends it, a link: opened on the holder's own phone it can be kept at once.
	run(t, phone, "without a code", chromedp.Click("#remove"), chromedp.Click("#remove"), chromedp.WaitVisible(".no-code .waiting"))
	if got := visit(t, phone, address(w.text(w.code("own", "sjz")))); got != "own" {
		t.Errorf("the holder's own code: %s", got)
	}
	bothLanguages(t, phone, "own")
	run(t, phone, "keeping it", chromedp.Click("#own-keep"), chromedp.WaitVisible(".has-code .showing"))
	w.takes(t, w.shown(t, phone, ""), true)
	run(t, phone, "English", chromedp.Click("#en"))

	// Its host is gone, and the phone has to show the code all the same.
	run(t, phone, "kept for later", chromedp.Evaluate(`navigator.serviceWorker.ready.then(() => true)`, nil, awaitPromise))
	s.down.Store(true)
	run(t, phone, "without a host", chromedp.Navigate("about:blank"), chromedp.Navigate(holderPage), chromedp.WaitVisible(".has-code .showing"))
	w.takes(t, w.shown(t, phone, ""), true)
	s.down.Store(false)
	w.testNonce(t, phone)

	var extractable, exported bool
	run(t, phone, "key", chromedp.Evaluate(`new Promise(done => {
  const r = indexedDB.open('citygate-holder', 1);
  r.onsuccess = () => {
    const q = r.result.transaction('holder').objectStore('holder').get('keys');
    q.onsuccess = () => { window.kept = q.result.private; done(kept.extractable); };
  };
})`, &extractable, awaitPromise),
		chromedp.Evaluate(`crypto.subtle.exportKey('pkcs8', kept).then(() => true, () => false)`, &exported, awaitPromise))
	if extractable || exported {
		t.Error("the private key can be copied out")
	}
	run(t, phone, "removal", chromedp.Click("#remove"), browsertest.Until(`document.getElementById('remove').textContent.includes('again')`, nil),
		chromedp.Click("#remove"), chromedp.WaitVisible(".no-code .waiting"))
	var again string
	run(t, phone, "the key stays", chromedp.Text("#key", &again))
	if again != key {
		t.Error("another key after the code was removed")
	}
	looks(t, phone, "holder-en-waiting")
}

// testNonce takes up what a kiosk shows in both ways. A test that opens the address does what a telephone's camera does.
func (w *world) testNonce(t *testing.T, phone context.Context) {
	const with = `&& document.getElementById('code').dataset.nonce === '8'`
	run(t, phone, "the kiosk's symbol", chromedp.Navigate(holderPage+"#48219073"), chromedp.WaitVisible(".has-code .showing"))
	w.carries(t, w.shown(t, phone, with), "48219073")
	looks(t, phone, "holder-en-nonce")
	var left string
	run(t, phone, "address", chromedp.Evaluate(`location.hash + document.getElementById('nonce').value`, &left))
	if left != "4821 9073" {
		t.Errorf("the address keeps, and the page shows %q", left)
	}
	run(t, phone, "typed over", chromedp.SendKeys("#nonce", "\b"))
	w.takes(t, w.shown(t, phone, `&& document.getElementById('code').dataset.nonce === '0'`), true)
	run(t, phone, "typed", chromedp.Evaluate(`document.getElementById('nonce').value = ''`, nil), chromedp.SendKeys("#nonce", "1234 5678"))
	w.carries(t, w.shown(t, phone, with), "12345678")
	run(t, phone, "a minute later", chromedp.Evaluate(`Date.now = (now => () => now() + 61e3)(Date.now), 0`, nil))
	w.shown(t, phone, `&& document.getElementById('code').dataset.nonce === '0'`)
	run(t, phone, "nonsense", chromedp.Navigate("about:blank"), chromedp.Navigate(holderPage+"#1234567x"), chromedp.WaitVisible(".has-code .showing"))
	w.takes(t, w.shown(t, phone, `&& document.getElementById('code').dataset.nonce === '0'`), true)
}

// carries checks that a kiosk takes what a holder shows if it shows that nonce, and only then.
func (w *world) carries(t *testing.T, text, nonce string) {
	t.Helper()
	for shown, want := range map[string]trust.Reason{nonce: trust.Valid, "00000000": trust.StalePresentation} {
		p := trust.DefaultPolicy()
		p.Default.NeedNonce = true
		if got := trust.Check(text, w.View(), p, trust.Moment{Now: time.Now(), Synced: true, Place: w.place(t), Nonce: []byte(shown)}).Reason; got != want {
			t.Errorf("a kiosk that shows %s: %s, want %s", shown, got, want)
		}
	}
}

// shown reads the symbol that the page draws, with a reader that is not ours. The drawing is exact, so the reader takes
// its modules as they stand: its search for finder patterns misses some clean symbols of a few hundred modules.
func (w *world) shown(t *testing.T, phone context.Context, and string) string {
	t.Helper()
	var got struct {
		D    string
		Side int
	}
	run(t, phone, "symbol", browsertest.Until(`document.getElementById('modules').getAttribute('d') !== null `+and, nil),
		chromedp.Evaluate(`({d: document.getElementById('modules').getAttribute('d'), side: document.getElementById('code').viewBox.baseVal.width})`, &got))
	const scale = 4
	img := image.NewGray(image.Rect(0, 0, got.Side*scale, got.Side*scale))
	for i := range img.Pix {
		img.Pix[i] = 255
	}
	for run := range strings.SplitSeq(got.D, "z") {
		var x, y, n int
		if run == "" {
			continue
		}
		if _, err := fmt.Sscanf(run, "M%d %dh%d", &x, &y, &n); err != nil {
			t.Fatalf("outline %q: %v", run, err)
		}
		for py := range scale {
			for px := range n * scale {
				img.SetGray((x+4)*scale+px, (y+4)*scale+py, color.Gray{})
			}
		}
	}
	bitmap, err := gozxing.NewBinaryBitmapFromImage(img)
	if err != nil {
		t.Fatal(err)
	}
	result, err := qrcode.NewQRCodeReader().Decode(bitmap, map[gozxing.DecodeHintType]any{gozxing.DecodeHintType_PURE_BARCODE: true})
	if err != nil {
		t.Fatalf("the symbol is not read: %v", err)
	}
	return result.GetText()
}

// takes checks that a gateway takes what a holder shows.
func (w *world) takes(t *testing.T, text string, sealed bool) {
	t.Helper()
	p, err := code.ParseText(text)
	if err != nil {
		t.Fatalf("%.60s: %v", text, err)
	}
	if p.Presented == nil || p.Code.Sealed() != sealed || time.Since(time.Unix(p.Presented.At, 0)) > 20*time.Second {
		t.Errorf("shown: presented %v, sealed %v", p.Presented != nil, p.Code.Sealed())
	}
	if got := w.gateway(text); got != trust.Valid {
		t.Errorf("a gateway says %s", got)
	}
}
