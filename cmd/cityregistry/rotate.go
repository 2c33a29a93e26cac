package main

import (
	"errors"
	"fmt"

	"citygate/trust/ledger"
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
	Dir      string  `required:"" type:"path" help:"The national registry's folder."`
	Key      uint32  `xor:"what" required:"" help:"Index of the key row in the directory."`
	Size     *uint64 `help:"Size of the records log up to which the row's sealed codes stand."`
	Proposal string  `xor:"what" required:"" type:"path" help:"Below a city instead: what the city's sign-withdrawal printed; - for standard input."`
}

// Run ends a key row.
func (c *withdrawCmd) Run(o *office) error {
	if c.Proposal != "" {
		p, err := o.readProposal(c.Proposal)
		if err != nil {
			return err
		}
		e, err := p.Entry()
		if err != nil {
			return err
		}
		if e.Kind != ledger.KindWithdrawal {
			return fmt.Errorf("%s is no withdrawal", c.Proposal)
		}
		return o.with(c.Dir, func(r *registry.Registry) error {
			if _, err := r.Enter(o.ctx, p); err != nil {
				return err
			}
			return o.withdrawn(e.Withdrawal.Key, e.Withdrawal.Size)
		})
	}
	if c.Size == nil {
		return usageError{errors.New("withdraw --key needs --size: 0 lets no code of the row stand")}
	}
	return o.with(c.Dir, func(r *registry.Registry) error {
		if err := r.Withdraw(o.ctx, c.Key, *c.Size); err != nil {
			return err
		}
		return o.withdrawn(uint64(c.Key), *c.Size)
	})
}

func (o *office) withdrawn(key, size uint64) error {
	return o.answer(map[string]any{"key": key, "size": size}, fmt.Sprintf("%d\twithdrawn\t%d", key, size))
}
