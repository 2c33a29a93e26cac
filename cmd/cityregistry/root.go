package main

import (
	"fmt"
	"strings"

	"citygate/trust/ledger"
	"citygate/trust/registry"
)

// This file implements the commands that change who signs: change for witnesses and log keys, rotate-root for the root policy, and sign for
// the institutes that hold a directory key on a machine of their own.

type changeCmd struct {
	Dir     string   `required:"" type:"path" help:"${dir}"`
	Witness []string `sep:"none" placeholder:"VKEY=URL" help:"A witness from then on. Repeat for each; without it they stay."`
	Quorum  int      `help:"How many of them must cosign. By default more than half of new witnesses."`
	LogKeys bool     `help:"Make new keys for the registry's logs."`
}

// Run prepares the change and prints the enrolment request for it.
func (c *changeCmd) Run(o *office) error {
	cfg, err := registry.ReadConfig(c.Dir)
	if err != nil {
		return err
	}
	witnesses, quorum := cfg.Witnesses, cfg.Quorum
	if len(c.Witness) > 0 {
		if witnesses, err = parseWitnesses(c.Witness); err != nil {
			return err
		}
		quorum = len(witnesses)/2 + 1
	}
	if c.Quorum > 0 {
		quorum = c.Quorum
	}
	e, err := registry.Prepare(c.Dir, witnesses, quorum, c.LogKeys)
	if err != nil {
		return err
	}
	next := "have this request allocated and accept the allocation"
	if cfg.National {
		next = fmt.Sprintf("cityregistry rotate-root --dir %s, then cityregistry allocate --dir %s --self", c.Dir, c.Dir)
	}
	fmt.Fprintf(o.err, "next: tell old and new witnesses the logs' keys (cityregistry logs), then %s\n", next)
	return o.printJSON(e, e.Marshal())
}

// parseWitnesses reads --witness flags.
func parseWitnesses(flags []string) (all []registry.Witness, err error) {
	for _, w := range flags {
		// A verifier key may end in "=", a URL may contain one.
		key, url, ok := strings.Cut(w, "=http")
		if !ok {
			return nil, usageError{fmt.Errorf("--witness %q is not VKEY=URL", w)}
		}
		all = append(all, registry.Witness{Key: key, URL: "http" + url})
	}
	return all, nil
}

type rotateRootCmd struct {
	Dir          string   `required:"" type:"path" help:"The national registry's folder."`
	DirectoryKey []string `sep:"none" placeholder:"VKEY" help:"Verifier key of an institute from then on. Repeat for each; without it they stay."`
	Threshold    int      `help:"How many institutes must sign. By default as now."`
	Propose      bool     `help:"Only print the rotation, for institutes to sign (cityregistry sign)."`
	Proposal     string   `type:"path" help:"Enter this rotation, which the institutes have signed; - for standard input."`
}

// Run enters a rotation that the threshold of the old and of the new directory keys has signed, or prints it.
func (c *rotateRootCmd) Run(o *office) error {
	return o.with(c.Dir, func(r *registry.Registry) error {
		var p registry.Proposal
		var err error
		if c.Proposal != "" {
			p, err = o.readProposal(c.Proposal)
		} else {
			p, err = r.ProposeRotation(o.ctx, c.DirectoryKey, c.Threshold)
		}
		if err != nil {
			return err
		}
		if c.Propose {
			return o.printJSON(p, p.Marshal())
		}
		if err := r.RotateRoot(o.ctx, p); err != nil {
			return hinted{err, "institutes' keys in keys/directory-*.skey sign here; with --propose and cityregistry sign, others do elsewhere"}
		}
		return o.answer(map[string]any{"index": p.Index}, fmt.Sprintf("%d\trotated\t%s", p.Index, registry.RootPolicyFile(c.Dir)))
	})
}

func (o *office) readProposal(path string) (registry.Proposal, error) {
	b, err := o.read(path)
	if err != nil {
		return registry.Proposal{}, err
	}
	return registry.ParseProposal(b)
}

type signCmd struct {
	Proposal string `required:"" type:"path" help:"What is to be signed, from rotate-root --propose; - for standard input."`
	Key      string `required:"" type:"path" help:"File of the institute's key."`
}

// Run prints the proposal with one more signature, and says to people what they sign.
func (c *signCmd) Run(o *office) error {
	p, err := o.readProposal(c.Proposal)
	if err != nil {
		return err
	}
	e, err := p.Entry()
	if err != nil {
		return err
	}
	fmt.Fprintf(o.err, "signing entry %d of %s: %s\n", p.Index, p.Origin, describe(e))
	if err := p.SignWith(c.Key); err != nil {
		return err
	}
	return o.printJSON(p, p.Marshal())
}

// describe says in one line what an entry does.
func describe(e ledger.DirectoryEntry) string {
	switch e.Kind {
	case ledger.KindRegistry:
		return fmt.Sprintf("%s is held by %v", e.Registry.Prefix, e.Registry.Names)
	case ledger.KindKey:
		return fmt.Sprintf("%s has the issuer key %x", e.Key.Prefix, e.Key.Key)
	case ledger.KindWithdrawal:
		return fmt.Sprintf("key row %d is withdrawn at %d", e.Withdrawal.Key, e.Withdrawal.Size)
	}
	return fmt.Sprintf("root policy from now on:\n%s", e.Rotation.Root.Marshal())
}

// below are the flags of what a city signs for the registries below it.
type below struct {
	Dir   string `required:"" type:"path" help:"The folder of the registry that holds the prefix above."`
	Root  string `required:"" type:"path" help:"The root policy, which names the directory."`
	Index uint64 `required:"" help:"The directory's next place: the size of its log."`
}

func (c below) root(o *office) (ledger.RootPolicy, error) {
	b, err := o.read(c.Root)
	if err != nil {
		return ledger.RootPolicy{}, err
	}
	return ledger.ParseRootPolicy(b)
}

type signAllocationCmd struct {
	below
	Request string `required:"" type:"path" help:"The enrolment request of the registry below; - for standard input."`
}

// Run prints the signed allocation, for the national registry's allocate.
func (c *signAllocationCmd) Run(o *office) error {
	root, err := c.root(o)
	if err != nil {
		return err
	}
	b, err := o.read(c.Request)
	if err != nil {
		return err
	}
	e, err := registry.ParseEnrolment(b)
	if err != nil {
		return err
	}
	s, err := registry.SignAllocation(c.Dir, e, root, c.Index)
	if err != nil {
		return err
	}
	return o.printJSON(s, s.Marshal())
}

type signWithdrawalCmd struct {
	below
	Key  uint32 `required:"" help:"Index of the key row in the directory."`
	Size uint64 `required:"" help:"Size of the records log up to which the row's sealed codes stand."`
}

// Run prints the signed withdrawal, for the national registry's withdraw.
func (c *signWithdrawalCmd) Run(o *office) error {
	root, err := c.root(o)
	if err != nil {
		return err
	}
	p, err := registry.SignWithdrawal(c.Dir, ledger.Withdrawal{Key: uint64(c.Key), Size: c.Size}, root, c.Index)
	if err != nil {
		return err
	}
	return o.printJSON(p, p.Marshal())
}
