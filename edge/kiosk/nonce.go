package kiosk

import (
	"encoding/json"
	"fmt"

	"citygate/internal/qrcode"
)

// This file implements the nonce that policy may demand of holders (DESIGN.md, section 5). A holder takes it up in one of
// two ways: the telephone's own camera reads the symbol on the screen, which opens the holder's page with the nonce in
// the address's fragment, or the holder types the eight digits there. The fragment reaches no server.

// Nonce is what holders put into what they show here.
type Nonce struct {
	Digits string // eight decimal digits; "": none is demanded
	Page   string // address of the holder's page without a fragment; "": there are only the digits
}

// nonceData is the nonce as the page reads it. The symbol's modules are a path in a square of Side modules.
type nonceData struct {
	Digits string `json:"digits"`
	Path   string `json:"path,omitempty"`
	Side   int    `json:"side,omitempty"`
}

// Nonce shows another nonce from now on.
func (s *Server) Nonce(n Nonce) {
	d := nonceData{Digits: n.Digits}
	if n.Page != "" && n.Digits != "" {
		m, err := qrcode.Encode(n.Page+"#"+n.Digits, qrcode.M)
		if err != nil { // an address that no symbol holds: the digits alone
			s.o.Logger.Warn("the nonce has no symbol", "error", fmt.Errorf("encode %s: %w", n.Page, err))
		} else {
			d.Path, d.Side = m.Path(), m.Size()+2*qrcode.QuietZone
		}
	}
	s.hub.setNonce(message{event: "nonce", data: encode(d)})
}

// shownNonce is the newest nonce, nil where none is demanded.
func (h *hub) shownNonce() any {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.nonce.event == "" {
		return nil
	}
	return json.RawMessage(h.nonce.data)
}
