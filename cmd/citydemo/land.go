package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"citygate/trust/code"
	"citygate/trust/ledger"
	"citygate/trust/registry"
)

// The registries of the demo.
const (
	nationalPrefix = "MA.156"
	cityPrefix     = "MA.156.1301" // Shijiazhuang
	otherPrefix    = "MA.156.1302" // Tangshan
	cityHost       = "ID.SJZ.EXAMPLE"
	otherHost      = "ID.TS.EXAMPLE"
	nationalHost   = "ID.CN.EXAMPLE"
	demoOrigin     = "citygate.example"
)

// land is the three registries: their offices run inside the demo, their logs are served by a process of its own.
type land struct {
	national, city, other *registry.Registry
}

// offices says how each registry is set up, in the order of their folders.
func offices(witnesses []registry.Witness, mirror string) []registry.Config {
	all := []registry.Config{
		{National: true, Prefix: nationalPrefix, Short: "cn", Hosts: []string{nationalHost},
			Names: map[string]string{"zh-CN": "国家登记处", "en": "National registry"}},
		{Prefix: cityPrefix, Short: "sjz", Hosts: []string{cityHost},
			Names: map[string]string{"zh-CN": "石家庄市", "en": "Shijiazhuang"}},
		{Prefix: otherPrefix, Short: "ts", Hosts: []string{otherHost},
			Names: map[string]string{"zh-CN": "唐山市", "en": "Tangshan"}},
	}
	for i := range all {
		all[i].Origin = demoOrigin
		all[i].Witnesses, all[i].Quorum = witnesses, witnessQuorum
		all[i].Mirrors = []string{mirror}
	}
	return all
}

// createLand makes the folders of the registries that are not there yet, without any log: their keys are what the
// witnesses are told first.
func createLand(dir string, offices []registry.Config) (folders []string, err error) {
	for _, c := range offices {
		folder := filepath.Join(dir, c.Short)
		folders = append(folders, folder)
		if _, err := registry.ReadConfig(folder); !errors.Is(err, fs.ErrNotExist) {
			if err != nil {
				return nil, err
			}
			continue
		}
		if err := registry.Create(folder, c); err != nil {
			return nil, err
		}
	}
	return folders, nil
}

// logKeys are the verifier keys of all logs in the folders, for the witnesses.
func logKeys(folders []string) (keys []string, err error) {
	for _, f := range folders {
		logs, err := registry.LogKeys(f)
		if err != nil {
			return nil, err
		}
		for _, l := range logs {
			keys = append(keys, l.Keys...)
		}
	}
	return keys, nil
}

// openLand opens the offices and enters the cities into the directory. The witnesses have to be there.
func openLand(ctx context.Context, folders []string) (l *land, err error) {
	l = &land{}
	defer func() {
		if err != nil {
			err = errors.Join(err, l.close(context.WithoutCancel(ctx)))
		}
	}()
	if l.national, err = registry.Open(ctx, folders[0], registry.Options{}); err != nil {
		return l, err
	}
	if _, err := l.national.EnrolSelf(ctx); err != nil {
		return l, err
	}
	for i, city := range []**registry.Registry{&l.city, &l.other} {
		if err := l.enrol(ctx, folders[i+1]); err != nil {
			return l, err
		}
		if *city, err = registry.Open(ctx, folders[i+1], registry.Options{}); err != nil {
			return l, err
		}
	}
	return l, nil
}

// enrol carries a city's request to the national registry and the answer back. What is in the directory already stays.
func (l *land) enrol(ctx context.Context, folder string) error {
	e, err := registry.Enrol(folder)
	if err != nil {
		return err
	}
	a, err := l.national.Allocate(ctx, e)
	if err != nil {
		return err
	}
	return registry.Accept(folder, a)
}

func (l *land) all() []*registry.Registry {
	var all []*registry.Registry
	for _, r := range []*registry.Registry{l.national, l.city, l.other} {
		if r != nil {
			all = append(all, r)
		}
	}
	return all
}

func (l *land) close(ctx context.Context) error {
	var errs []error
	for _, r := range l.all() {
		errs = append(errs, r.Close(ctx))
	}
	return errors.Join(errs...)
}

// mint issues what the film shows, and returns it in the order in which it is shown. What earlier starts issued is
// found again by its request; only the fresh code is new each time, and is the last to be issued.
func (l *land) mint(ctx context.Context, now time.Time) ([]exhibit, error) {
	lamp := cityPrefix + ".01/LAMP.000421"
	sealed, err := l.issueSealed(ctx, l.city, []registry.Request{
		{Identifier: lamp, Kind: code.KindStreetAsset},
		{Identifier: cityPrefix + ".01/NOTICE.2026-17", Kind: code.KindDocument, NotAfter: time.Date(2026, 1, 31, 16, 0, 0, 0, time.UTC)},
		{Identifier: cityPrefix + ".01/BENCH.000007", Kind: code.KindStreetAsset},
		{Identifier: cityPrefix + ".02/SIGNAL.000113", Kind: code.KindStreetAsset},
		// Of a kind without an age limit: what hangs on time cannot be checked on a machine whose clock is not synchronised.
		{Identifier: cityPrefix + ".02/DOOR.7Q2F", Kind: code.KindBuilding, Personal: true},
	})
	if err != nil {
		return nil, err
	}
	other, err := l.issueSealed(ctx, l.other, []registry.Request{{Identifier: otherPrefix + ".03/BRIDGE.000012", Kind: code.KindStreetAsset}})
	if err != nil {
		return nil, err
	}
	capital, err := l.issueSealed(ctx, l.national, []registry.Request{{Identifier: cityPrefix, Kind: code.KindOrganisation}})
	if err != nil {
		return nil, err
	}
	if err := l.city.SetStatus(ctx, sealed[2].Index, ledger.Revoked); err != nil {
		return nil, err
	}
	forged, err := l.forge(sealed[0].Code)
	if err != nil {
		return nil, err
	}
	fresh, err := l.city.Issue(ctx, []registry.Request{
		{Identifier: fmt.Sprintf("%s.01/NOTICE.%d", cityPrefix, now.Unix()), Kind: code.KindStreetAsset},
	})
	if err != nil {
		return nil, err
	}
	for _, r := range l.all() {
		if _, err := r.Publish(ctx); err != nil {
			return nil, err
		}
	}
	show := []exhibit{
		{Name: "street lamp", Text: sealed[0].Text, Expect: "valid"},
		{Name: "bridge of another city", Text: other[0].Text, Expect: "valid"},
		{Name: "expired notice", Text: sealed[1].Text, Expect: "expired"},
		{Name: "the city itself", Text: capital[0].Text, Expect: "valid"},
		{Name: "bench, withdrawn", Text: sealed[2].Text, Expect: "revoked"},
		{Name: "resident's door pass, personal", Text: sealed[4].Text, Expect: "valid"},
		{Name: "forged with a stolen issuer key", Text: forged, Expect: "not-in-ledger"},
		{Name: "web address changed", Text: strings.Replace(sealed[3].Text, "SIGNAL.000113", "SIGNAL.000114", 1), Expect: "mismatch"},
		{Name: "menu of a restaurant", Text: "https://noodles.example/menu?table=7", Expect: "foreign"},
		{Name: "notice issued just now", Text: fresh[0].Text, Expect: "valid"},
	}
	for i := range show {
		show[i].Look = looks[i%len(looks)]
	}
	return show, nil
}

// issueSealed issues and seals, unless all of it was issued and sealed before.
func (l *land) issueSealed(ctx context.Context, r *registry.Registry, requests []registry.Request) ([]registry.Issued, error) {
	for i := range requests {
		requests[i].ID = "demo/" + requests[i].Identifier
	}
	issued, err := r.Issue(ctx, requests)
	if err != nil {
		return nil, err
	}
	if all(issued, func(i registry.Issued) bool { return !i.Pending && len(i.Code.Path) > 0 }) {
		return issued, nil
	}
	if _, err := r.Seal(ctx); err != nil {
		return nil, err
	}
	return r.Issue(ctx, requests)
}

func all[T any](list []T, is func(T) bool) bool {
	for _, v := range list {
		if !is(v) {
			return false
		}
	}
	return true
}

// forge does what a thief of the city's issuer key can do: sign a record that the ledger does not have, with the index
// and the path of one that it has.
func (l *land) forge(victim code.Code) (string, error) {
	cfg := l.city.Config()
	key, err := registry.LoadIssuerKey(registry.IssuerKeyFile(filepath.Dir(l.city.Public())))
	if err != nil {
		return "", err
	}
	salt := make([]byte, 8)
	_, _ = rand.Read(salt)
	body, err := code.EncodeBody(false, code.Claims{
		Nodes: strings.TrimPrefix(cityPrefix, "MA.") + ".01", Object: "LAMP.999999", Kind: code.KindStreetAsset, Salt: salt,
	})
	if err != nil {
		return "", err
	}
	sig, err := code.Sign(key, code.AlgEd25519, victim.Key, body)
	if err != nil {
		return "", err
	}
	return code.Text(cfg.Hosts[0], code.Code{Key: victim.Key, Body: body, Index: victim.Index, Path: victim.Path, Sig: sig})
}

// makeFolder makes a folder and those above it.
func makeFolder(parts ...string) (string, error) {
	dir := filepath.Join(parts...)
	return dir, os.MkdirAll(dir, 0o755)
}
