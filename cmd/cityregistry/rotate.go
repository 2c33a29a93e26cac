package main

import (
	"fmt"

	"citygate/trust/registry"
)

// This file implements the commands that change an issuer key: rotate, and after allocate and accept, withdraw.

type rotateCmd struct {
	Dir string `required:"" type:"path" help:"${dir}"`
}

// Run makes the next key and prints its enrolment request.
func (c *rotateCmd) Run(o *office) error {
	cfg, err := registry.ReadConfig(c.Dir)
	if err != nil {
		return err
	}
	e, err := registry.Rotate(c.Dir)
	if err != nil {
		return err
	}
	if cfg.Key != nil {
		fmt.Fprintf(o.err, "next: allocate this request, accept the allocation, seal, and then have the old key row withdrawn:\n"+
			"  cityregistry withdraw --dir NATIONAL --key %d --size SIZE\nwhere SIZE is the size of %s after sealing\n", *cfg.Key, cfg.RecordsLog())
	}
	return o.printJSON(e, e.Marshal())
}

type withdrawCmd struct {
	Dir  string `required:"" type:"path" help:"The national registry's folder."`
	Key  uint32 `required:"" help:"Index of the key row in the directory."`
	Size uint64 `required:"" help:"Size of the records log up to which the row's sealed codes stand."`
}

// Run ends a key row.
func (c *withdrawCmd) Run(o *office) error {
	return o.with(c.Dir, func(r *registry.Registry) error {
		if err := r.Withdraw(o.ctx, c.Key, c.Size); err != nil {
			return err
		}
		v := map[string]any{"key": c.Key, "size": c.Size}
		return o.answer(v, fmt.Sprintf("%d\twithdrawn\t%d", c.Key, c.Size))
	})
}
