package main

import (
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"

	"citygate/internal/durable"
	"citygate/trust/cityid"
	"citygate/trust/code"
	"citygate/trust/ledger"
	"citygate/trust/mirror"
	"citygate/trust/registry/mirrored"
)

// This file implements the command that looks up a name.

// resolveLimit bounds one question to one mirror.
const resolveLimit = 15 * time.Second

type resolveCmd struct {
	ID      string   `arg:"" help:"The identifier, such as MA.156.1301.01/LAMP.000421."`
	Root    string   `required:"" type:"path" help:"The root policy to start from: the national root.json, from a place that you trust."`
	Mirror  []string `required:"" sep:"none" placeholder:"URL" help:"Whom to ask; any that serves the logs. Repeat for more."`
	Receipt string   `type:"path" help:"File for a COSE receipt (RFC 9942) of the record."`
	Dir     string   `type:"path" help:"Folder that keeps directory and status log for the next question. By default nothing is kept."`
}

// Run prints the record.
func (c *resolveCmd) Run(o *office) error {
	id, err := cityid.Parse(c.ID)
	if err != nil {
		return err
	}
	b, err := o.read(c.Root)
	if err != nil {
		return err
	}
	root, err := ledger.ParseRootPolicy(b)
	if err != nil {
		return err
	}
	dir := c.Dir
	if dir == "" {
		if dir, err = os.MkdirTemp("", "cityregistry-*"); err != nil {
			return err
		}
		defer os.RemoveAll(dir)
	}
	var from []mirror.Source
	for _, m := range c.Mirror {
		from = append(from, mirror.HTTP{Base: strings.TrimSuffix(m, "/")})
	}
	m, err := mirrored.Open(dir, mirrored.Options{Root: root, Sources: from})
	if err != nil {
		return err
	}
	r, err := m.Resolve(o.ctx, id, c.Mirror, &http.Client{Timeout: resolveLimit})
	if err != nil {
		return hinted{err, "personal records cannot be resolved; try another --mirror"}
	}
	if c.Receipt != "" {
		receipt, err := m.Receipt(o.ctx, r, &http.Client{Timeout: resolveLimit})
		if err != nil {
			return err
		}
		if err := durable.WriteFile(c.Receipt, receipt, 0o644); err != nil {
			return err
		}
	}
	return o.resolved(r)
}

func (o *office) resolved(r mirrored.Resolution) error {
	v := map[string]any{"id": r.ID.String(), "log": r.Log, "index": r.Index, "status": r.Status.String(), "time": r.Time.UTC(),
		"mirror": r.Mirror, "proof": string(r.Proof)}
	line := fmt.Sprintf("%s\t%s\t%d\t%s", r.ID, r.Log, r.Index, r.Status)
	if name := code.KindName(r.Claims.Kind); r.Claims.Kind != 0 && name != "" {
		v["kind"] = name
	}
	for key, at := range map[string]int64{"not_before": r.Claims.NotBefore, "not_after": r.Claims.NotAfter, "issued": r.Claims.Issued} {
		if at != 0 {
			v[key] = time.Unix(at, 0).UTC()
		}
	}
	if len(r.Claims.Places) > 0 {
		v["places"] = r.Claims.Places
	}
	return o.answer(v, line)
}
