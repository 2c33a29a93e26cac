package registry

import (
	"context"
	"crypto"
	"fmt"

	"citygate/trust/cityid"
	"citygate/trust/code"
)

// Issue records the requests, all or, if one of them is refused, none, and answers in their order. When it returns, the records are in the
// book and in the log, and survive power loss; a checkpoint covers them about CheckpointInterval later. A personal record is kept until
// the next Seal. Requests that were made before get the answer that they got then, with Again set.
func (r *Registry) Issue(ctx context.Context, requests []Request) ([]Issued, error) {
	drafts := make([]draft, len(requests))
	for i, q := range requests {
		d, err := r.draft(q)
		if err != nil {
			return nil, fmt.Errorf("request %d: %w", i+1, err)
		}
		drafts[i] = d
	}
	var issued []Issued
	err := r.exclusive(ctx, func() (err error) {
		issued, err = r.issue(ctx, drafts)
		return err
	})
	return issued, err
}

// batch is what one call of Issue is about to write.
type batch struct {
	rows     []row
	pending  []row             // personal records, of earlier calls first
	before   int               // how many of pending are from earlier calls
	taken    map[string][]byte // bodies by request id, of rows and pending
	reserved map[cityid.ID]string
}

func (r *Registry) issue(ctx context.Context, drafts []draft) ([]Issued, error) {
	key, err := r.issuer()
	if err != nil {
		return nil, err
	}
	b := batch{taken: make(map[string][]byte), reserved: make(map[cityid.ID]string)}
	if b.pending, err = r.readPending(); err != nil {
		return nil, err
	}
	b.before = len(b.pending)
	for _, w := range b.pending {
		if err := b.take(w); err != nil {
			return nil, err
		}
	}
	for i, d := range drafts {
		if err := r.place(&b, d, key); err != nil {
			return nil, fmt.Errorf("request %d: %w", i+1, err)
		}
	}
	known := r.records.book.len()
	if err := r.addPending(b.pending[:b.before], b.pending[b.before:]); err != nil {
		return nil, err
	}
	if err := r.records.append(ctx, b.rows); err != nil {
		return nil, err
	}
	return r.answers(ctx, drafts, known, b)
}

// take notes a row that has no index in the log yet.
func (b *batch) take(w row) error {
	claims, err := code.Code{Body: w.Body}.Claims()
	if err != nil {
		return err
	}
	id, err := claims.ID()
	if err != nil {
		return err
	}
	b.taken[w.Request], b.reserved[id] = w.Body, w.Request
	return nil
}

// place finds out what a draft becomes: a row, a pending row, nothing new, or a refusal.
func (r *Registry) place(b *batch, d draft, key issuerKey) error {
	old, known := b.taken[d.request]
	if index, ok, err := r.requested(d.request); err != nil {
		return err
	} else if ok {
		w, err := r.records.book.row(index)
		if err != nil {
			return err
		}
		old, known = w.Body, true
	}
	if known {
		if !asks(old, d.body) {
			return fmt.Errorf("request id %q was used for another record", d.request)
		}
		return nil
	}
	if other, ok := b.reserved[d.id]; ok {
		return fmt.Errorf("%s: %w under request %q", d.id, ErrAllocated, other)
	}
	if index, live, err := r.live(d.id); err != nil {
		return err
	} else if live {
		return fmt.Errorf("%s: %w at index %d", d.id, ErrAllocated, index)
	}
	w := row{Request: d.request, Body: d.body, Key: key.index}
	b.taken[d.request], b.reserved[d.id] = d.body, d.request
	if d.body[0] == code.TypePersonal {
		b.pending = append(b.pending, w)
		return nil
	}
	if err := key.sign(&w); err != nil {
		return err
	}
	w.Index = r.records.book.len() + uint64(len(b.rows))
	b.rows = append(b.rows, w)
	return nil
}

func (r *Registry) answers(ctx context.Context, drafts []draft, known uint64, b batch) ([]Issued, error) {
	old := make(map[string]bool)
	for _, w := range b.pending[:b.before] {
		old[w.Request] = true
	}
	issued := make([]Issued, len(drafts))
	leaves := make(subtrees)
	for i, d := range drafts {
		index, ok, err := r.requested(d.request)
		if err != nil {
			return nil, err
		}
		if !ok {
			issued[i] = Issued{Request: d.request, ID: d.id, Pending: true, Again: old[d.request]}
			continue
		}
		if issued[i], err = r.answer(ctx, index, leaves); err != nil {
			return nil, err
		}
		issued[i].Again = index < known
	}
	return issued, nil
}

// answer describes the record at index, with the best code there is.
func (r *Registry) answer(ctx context.Context, index uint64, leaves subtrees) (Issued, error) {
	w, err := r.records.book.row(index)
	if err != nil {
		return Issued{}, err
	}
	if len(w.Body) == 0 {
		return Issued{}, fmt.Errorf("index %d is padding, not a record", index)
	}
	c := code.Code{Key: w.Key, Body: w.Body, Index: index, Sig: w.Sig}
	claims, err := c.Claims()
	if err != nil {
		return Issued{}, err
	}
	id, err := claims.ID()
	if err != nil {
		return Issued{}, err
	}
	if c.Path, err = r.path(ctx, w, leaves); err != nil {
		return Issued{}, err
	}
	text, err := code.Text(r.cfg.Hosts[0], c)
	if err != nil {
		return Issued{}, err
	}
	return Issued{Request: w.Request, ID: id, Index: index, Code: c, Text: text}, nil
}

// issuer gives the issuer key and the directory index of its row. Both come from one reading of the configuration, as another process may
// enrol the registry or rotate its key at any time.
func (r *Registry) issuer() (issuerKey, error) {
	key, index, err := LoadIssuer(r.dir)
	if err != nil {
		return issuerKey{}, err
	}
	return newIssuer(key, index)
}

// LoadIssuer gives the issuer key of the registry in dir and the directory index of its row. It needs no open registry.
func LoadIssuer(dir string) (crypto.Signer, uint32, error) {
	c, err := ReadConfig(dir)
	if err != nil {
		return nil, 0, err
	}
	if c.Key == nil {
		return nil, 0, ErrNotEnrolled
	}
	key, err := LoadIssuerKey(c.issuerKeyFile(dir))
	return key, *c.Key, err
}
