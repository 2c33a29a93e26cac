package main

import (
	"bufio"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"citygate/internal/qrcode"
	"citygate/trust/code"
	"citygate/trust/registry"
)

// This file implements the command for holders that are machines: it shows a code as its holder, valid for seconds.

type presentCmd struct {
	Code  string `required:"" help:"The text of the holder's code; - for a line on standard input."`
	Key   string `required:"" type:"path" help:"File of the holder's key, from keygen --holder."`
	Nonce string `placeholder:"HEX" help:"What the kiosk shows, 8 to 16 bytes, where it asks for it."`
	PNG   string `name:"png" type:"path" placeholder:"FILE" help:"Write the QR code as well."`
}

// Run prints the presented code's text.
func (c *presentCmd) Run(o *office) error {
	text := c.Code
	if text == "-" {
		line, err := bufio.NewReader(io.LimitReader(o.in, code.MaxText+2)).ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("read code: %w", err)
		}
		text = strings.TrimRight(line, "\r\n")
	}
	p, err := code.ParseText(text)
	if err != nil {
		return hinted{err, "--code takes the whole text that issue or code prints, HTTPS:// and digits"}
	}
	nonce, err := hex.DecodeString(c.Nonce)
	if err != nil {
		return usageError{errors.New("--nonce is not hex")}
	}
	key, err := registry.LoadIssuerKey(c.Key) // a holder's key has the same form
	if err != nil {
		return hinted{err, "cityregistry keygen --holder makes a holder's key, and its public half goes to issue --holder"}
	}
	shown, err := code.Present(key, p.Code, time.Now().Unix(), nonce)
	if err != nil {
		return hinted{err, "the code has to be issued with --holder and this key's public half"}
	}
	out, err := code.PresentedText(p.Host, shown)
	if err != nil {
		return err
	}
	if c.PNG != "" {
		m, err := qrcode.Encode(out, qrcode.M)
		if err != nil {
			return err
		}
		if err := replace(c.PNG, m.PNG(defaultScale)); err != nil {
			return err
		}
	}
	return o.answer(map[string]string{"text": out}, out)
}

// defaultScale is the number of pixels for a module in PNG files.
const defaultScale = 8
