package web_test

import (
	"crypto/ed25519"
	"net/http"
	"strings"
	"testing"
	"time"

	"citygate/fleet/web"
	"citygate/sync/wire"
)

// The gateway's page shows what was ordered and how far it is, in both languages.
func TestCommandsOnThePage(t *testing.T) {
	x := newSample(t)
	x.enrol("sjz-1", "MA.156.1301", "")
	key := ed25519.NewKeyFromSeed(make([]byte, 32))
	for i, name := range []string{"reload", "restart", "scan-test"} {
		c := wire.Command{ID: name, Device: "sjz-1", Name: name, NotAfter: noon.Add(time.Duration(1-i) * time.Hour).Unix()}
		x.must(c.Sign(key))
		x.must(x.s.GiveCommand(t.Context(), c))
	}
	x.must(x.s.CommandResult(t.Context(), "sjz-1", wire.CommandResult{ID: "reload", State: wire.ResultFailed, At: 1, Reason: "<no camera>"}))
	d := wire.Desired{Target: "d/sjz-1", Number: 7, NotAfter: 1}
	d.Sign(key)
	x.must(x.s.SetDesired(t.Context(), d))
	h := x.server(web.Options{}).Handler()
	for lang, want := range map[string][]string{
		"en":    {">reload<", "failed", "&lt;no camera&gt;", "given", "expired"},
		"zh-CN": {"失败", "已下达", "过期"},
	} {
		html := body(t, get(t, h, "/gateways/sjz-1", func(r *http.Request) { r.Header.Set("Accept-Language", lang) }))
		for _, w := range want {
			if !strings.Contains(html, w) {
				t.Errorf("%s: no %q on the page", lang, w)
			}
		}
	}
}
