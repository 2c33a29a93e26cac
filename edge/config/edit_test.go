package config_test

import (
	"strings"
	"testing"

	"citygate/edge/config"
)

const edited = `# one gateway
device = "old" # was here before

place = "MA.156.1301.02"
root_policy = "root.json"
brokers = [
  "tls://a.example:8883", # the first
  "tls://b.example:8883",
]
fleet_key = "fleet.vkey"
listen = "127.0.0.1:8480"

[city]
en = "City"
`

func TestEdit(t *testing.T) {
	got, err := config.Edit("citygate.toml", []byte(edited), map[string]any{
		"device": "k-1", "brokers": []string{"tls://c.example:8883"}, "mirrors": []string{"https://m.example"}, "language": "en"})
	if err != nil {
		t.Fatal(err)
	}
	want := "language = \"en\"\nmirrors = [\"https://m.example\"]\n" + strings.NewReplacer(
		"device = \"old\" # was here before\n", "device = \"k-1\"\n",
		edited[strings.Index(edited, "brokers"):strings.Index(edited, "fleet_key")], "brokers = [\"tls://c.example:8883\"]\n").Replace(edited)
	if string(got) != want {
		t.Errorf("edited:\n%s\nwant:\n%s", got, want)
	}
	again, err := config.Edit("citygate.toml", got, map[string]any{"device": "k-1", "brokers": []string{"tls://c.example:8883"}})
	if err != nil || string(again) != want {
		t.Errorf("edited again: %v\n%s", err, again)
	}
}

func TestEditRefuses(t *testing.T) {
	for name, values := range map[string]map[string]any{
		"value": {"device": "K 1"}, "type": {"device": 1}, "key": {"devise": "k-1"}, "line": {"device": "k-1\nplace = \"x\""},
	} {
		if got, err := config.Edit("citygate.toml", []byte(edited), values); err == nil {
			t.Errorf("%s: edited to\n%s", name, got)
		}
	}
}
