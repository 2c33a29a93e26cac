package eci_test

import (
	"testing"

	"citygate/scanner/eci"
)

func TestText(t *testing.T) {
	for _, c := range []struct {
		number int
		bytes  string
		want   string
	}{
		{eci.None, "plain", "plain"},
		{eci.None, "石家庄", "石家庄"},
		{eci.None, "Gr\xfc\xdfe", "Grüße"},
		{eci.None, "\x83\x65\x83\x58\x83\x67", "テスト"},
		{eci.Latin1, "\xe9", "é"},
		{eci.ShiftJIS, "\x93\x5f", "点"},
		{eci.GB2312, "\xca\xaf\xbc\xd2\xd7\xaf", "石家庄"},
		{eci.UTF8, "a\xff", "a\uFFFD"},
		{7, "\xbf\xe0", "Пр"},
		{eci.Binary, "\x00\xff", "\x00ÿ"},
	} {
		if got := eci.Text(c.number, []byte(c.bytes)); got != c.want {
			t.Errorf("Text(%d, %q) = %q, want %q", c.number, c.bytes, got, c.want)
		}
	}
	if eci.Known(14) || eci.Known(123456) || !eci.Known(26) || !eci.Known(eci.None) {
		t.Error("Known is wrong of 14, 123456, 26 or none")
	}
}
