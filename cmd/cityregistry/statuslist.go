package main

import (
	"time"

	"citygate/internal/durable"
	"citygate/trust/registry"
	"citygate/trust/registry/statuslist"
)

// This file implements export-statuslist, for verifiers that know Token Status Lists and no ledgers.

type exportStatusListCmd struct {
	Dir    string        `required:"" type:"path" help:"${dir}"`
	URI    string        `name:"uri" required:"" help:"Where the list will be served."`
	Form   string        `enum:"cwt,jwt" default:"cwt" help:"cwt (application/statuslist+cwt) or jwt (application/statuslist+jwt)."`
	TTL    time.Duration `name:"ttl" default:"10m" help:"How long a copy may be used before it is fetched again."`
	Expire time.Duration `default:"24h" help:"After how long the list is no longer valid."`
	Out    string        `required:"" type:"path" help:"File for the list; it is replaced in one step."`
}

// Run writes the list.
func (c *exportStatusListCmd) Run(o *office) error {
	key, index, err := registry.LoadIssuer(c.Dir)
	if err != nil {
		return err
	}
	return o.with(c.Dir, func(r *registry.Registry) error {
		set, size, err := r.Statuses(o.ctx)
		if err != nil {
			return err
		}
		now := time.Now()
		t := statuslist.Token{URI: c.URI, Issued: now, Expires: now.Add(c.Expire), TTL: c.TTL, Statuses: set, Size: size}
		var b []byte
		if c.Form == "jwt" {
			var text string
			text, err = t.JWT(key, index)
			b = []byte(text)
		} else {
			b, err = t.CWT(key, index)
		}
		if err != nil {
			return err
		}
		if err := durable.WriteFile(c.Out, b, 0o644); err != nil {
			return err
		}
		return o.answer(map[string]any{"file": c.Out, "records": size}, c.Out)
	})
}
