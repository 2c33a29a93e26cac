package main

import (
	"citygate/trust/registry/web"
)

// This file implements the pages for citizens' phones: the command that writes them, and what serve shows of them.

// pages are the flags about what the pages say.
type pages struct {
	Help string `name:"help-number" default:"12345" help:"Telephone number that the pages name."`
}

func (p pages) options() web.Options { return web.Options{Help: p.Help} }

type pagesCmd struct {
	Out string `required:"" type:"path" help:"Folder to write to: the root of a host that serves files, with the published logs and root.json beside."`
	pages
}

// Run writes the pages and prints where the citizen's page is.
func (c *pagesCmd) Run(o *office) error {
	if err := web.Write(c.Out, c.pages.options()); err != nil {
		return err
	}
	return o.answer(map[string]string{"pages": c.Out, "policy": web.Policy}, c.Out)
}
