package main

import (
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"citygate/trust/cityid"
	"citygate/trust/code"
	"citygate/trust/ledger"
	"citygate/trust/registry"
)

// This file implements the commands about records: issue, seal, code, revoke, suspend, restore.

// record are the flags of one record.
type record struct {
	ID        string    `name:"id" help:"The identifier, such as MA.156.1301.01/LAMP.000421."`
	Request   string    `help:"Makes the request idempotent: asked again, it gets what it got. By default the identifier."`
	Kind      string    `default:"unspecified" help:"Kind by name or number: street-asset, building, organisation, vehicle, equipment, product, document, permit, ticket, credential, staff."`
	NotAfter  time.Time `placeholder:"RFC3339" help:"Last second of validity."`
	NotBefore time.Time `placeholder:"RFC3339" help:"First second of validity."`
	Personal  bool      `help:"Log only a commitment; the code comes with the sealed batch."`
	Holder    string    `placeholder:"HEX" help:"The holder's Ed25519 public key."`
	Place     []string  `help:"Prefix where the code is valid. Repeat for more."`
	Language  string    `help:"Language for the answer, such as zh-CN."`
}

func (c record) request() (registry.Request, error) {
	kind, err := parseKind(c.Kind)
	if err != nil {
		return registry.Request{}, err
	}
	holder, err := hex.DecodeString(c.Holder)
	if err != nil {
		return registry.Request{}, fmt.Errorf("holder is not a key in hex")
	}
	return registry.Request{ID: c.Request, Identifier: c.ID, Personal: c.Personal, Kind: kind, NotBefore: c.NotBefore, NotAfter: c.NotAfter,
		Holder: holder, Places: c.Place, Language: c.Language}, nil
}

func parseKind(s string) (uint64, error) {
	if kind, ok := code.KindOf(s); ok {
		return kind, nil
	}
	if kind, err := strconv.ParseUint(s, 10, 64); err == nil {
		return kind, nil
	}
	return 0, hinted{fmt.Errorf("unknown kind %q", s), "cityregistry issue --help names the kinds; a number does as well"}
}

type issueCmd struct {
	Dir string `required:"" type:"path" help:"${dir}"`
	record
	CSV   string `name:"csv" type:"path" help:"A CSV file of records instead of --id; - for standard input. Its first line names the columns: id, request, kind, not_after, not_before, personal, holder, places, language."`
	Fresh bool   `help:"Write fresh codes and leave the batch open; without it the batch is sealed at once."`
	labels
}

// Run issues, seals unless told otherwise, and writes the codes.
func (c *issueCmd) Run(o *office) error {
	if (c.ID == "") == (c.CSV == "") {
		return usageError{errors.New("issue needs either --id or --csv")}
	}
	return c.labels.use(o, func(w *labelWriter) error {
		return o.with(c.Dir, func(r *registry.Registry) error {
			if c.CSV != "" {
				return o.issueCSV(r, c.CSV, c.Fresh, w)
			}
			return c.one(o, r, w)
		})
	})
}

// one issues the record that the flags describe.
func (c *issueCmd) one(o *office, r *registry.Registry, w *labelWriter) error {
	q, err := c.record.request()
	if err != nil {
		return err
	}
	issued, err := r.Issue(o.ctx, []registry.Request{q})
	if err != nil {
		return err
	}
	if !c.Fresh {
		if issued, err = o.sealed(r, []registry.Request{q}, issued); err != nil {
			return err
		}
	}
	return w.write(issued[0])
}

// sealed closes the batch if one of the answers is not sealed, and asks again.
func (o *office) sealed(r *registry.Registry, qs []registry.Request, issued []registry.Issued) ([]registry.Issued, error) {
	for _, i := range issued {
		if i.Pending || !i.Code.Sealed() {
			if _, err := r.Seal(o.ctx); err != nil {
				return nil, err
			}
			return r.Issue(o.ctx, qs)
		}
	}
	return issued, nil
}

type sealCmd struct {
	Dir string `required:"" type:"path" help:"${dir}"`
	labels
}

// Run closes the batch and writes the codes of the records that it sealed.
func (c *sealCmd) Run(o *office) error {
	return c.labels.use(o, func(w *labelWriter) error {
		return o.with(c.Dir, func(r *registry.Registry) error {
			s, err := r.Seal(o.ctx)
			if err != nil {
				return err
			}
			fmt.Fprintf(o.err, "sealed: %d entries, %d of them padding; %d personal records\n", s.To, s.Padding, s.Personal)
			return r.Records(o.ctx, s.From/ledger.TileWidth*ledger.TileWidth, s.To, w.write)
		})
	})
}

// which names one record.
type which struct {
	ID    string  `name:"id" help:"The identifier; its newest record is meant."`
	Index *uint64 `help:"The record's index in the records log."`
}

func (c which) find(o *office, r *registry.Registry) (registry.Issued, error) {
	if (c.ID == "") == (c.Index == nil) {
		return registry.Issued{}, usageError{errors.New("name the record by either --id or --index")}
	}
	if c.Index != nil {
		return r.Record(o.ctx, *c.Index)
	}
	id, err := cityid.Parse(c.ID)
	if err != nil {
		return registry.Issued{}, err
	}
	return r.Find(o.ctx, id)
}

type codeCmd struct {
	Dir string `required:"" type:"path" help:"${dir}"`
	which
	labels
}

// Run writes the best code there is.
func (c *codeCmd) Run(o *office) error {
	return c.labels.use(o, func(w *labelWriter) error {
		return o.with(c.Dir, func(r *registry.Registry) error {
			i, err := c.which.find(o, r)
			if err != nil {
				return err
			}
			return w.write(i)
		})
	})
}

type statusCmd struct {
	Dir string `required:"" type:"path" help:"${dir}"`
	which
}

// set changes the status and prints what holds now.
func (c *statusCmd) set(o *office, s ledger.Status) error {
	return o.with(c.Dir, func(r *registry.Registry) error {
		i, err := c.which.find(o, r)
		if err != nil {
			return err
		}
		if err := r.SetStatus(o.ctx, i.Index, s); err != nil {
			return err
		}
		now, err := r.Status(o.ctx, i.Index)
		if err != nil {
			return err
		}
		v := map[string]any{"id": i.ID.String(), "index": i.Index, "status": now.String()}
		return o.answer(v, fmt.Sprintf("%d\t%s\t%s", i.Index, i.ID, now))
	})
}

type revokeCmd struct{ statusCmd }

// Run revokes.
func (c *revokeCmd) Run(o *office) error { return c.set(o, ledger.Revoked) }

type suspendCmd struct{ statusCmd }

// Run suspends.
func (c *suspendCmd) Run(o *office) error { return c.set(o, ledger.Suspended) }

type restoreCmd struct{ statusCmd }

// Run ends a suspension.
func (c *restoreCmd) Run(o *office) error { return c.set(o, ledger.Restored) }

// made makes a folder for output.
func made(dir string) error {
	if err := os.MkdirAll(filepath.Clean(dir), 0o755); err != nil {
		return fmt.Errorf("output folder: %w", err)
	}
	return nil
}
