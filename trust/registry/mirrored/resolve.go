package mirrored

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"citygate/trust/cityid"
	"citygate/trust/code"
	"citygate/trust/ledger"
	"citygate/trust/mirror"
	"github.com/transparency-dev/formats/proof"
	"golang.org/x/mod/sumdb/tlog"
)

// This file implements the asking side of resolution.

// maxAnswer is the longest answer that is read: a checkpoint, an entry in base64 and a proof.
const maxAnswer = ledger.MaxCheckpoint + 16<<10

// ErrUnresolved says that no mirror that was asked has a record that proves to be the identifier's.
var ErrUnresolved = errors.New("no mirror has a record of the identifier")

// Resolution is a record of an identifier that was checked: it is in the records log of the registry that the directory names for it.
type Resolution struct {
	ID     cityid.ID
	Claims code.Claims
	// Log is the short name of the records log, Index the record's place in it.
	Log   string
	Index uint64
	// Status is what the registry's status log says of it.
	Status ledger.Status
	// Time is that of the older of the two logs' checkpoints: the answer is as old as this.
	Time time.Time
	// Mirror is the URL that answered, and Proof its answer, a C2SP tlog-proof that anyone can check again.
	Mirror string
	Proof  []byte
}

// Resolve asks mirrors for an identifier, one after the other, and gives the first answer that holds. The copy's sources supply the directory
// and the status log. No mirror has to be trusted, but one that has an older log may know an older record or status: Time tells.
func (c *Copy) Resolve(ctx context.Context, id cityid.ID, mirrors []string, client *http.Client) (Resolution, error) {
	report := c.syncDirectory(ctx)
	d, err := c.Directory()
	if err != nil {
		return Resolution{}, errors.Join(report.Err, err)
	}
	row := responsible(d, id)
	if row == nil && report.Err != nil && d.Size() == 0 {
		return Resolution{}, fmt.Errorf("resolve %s: no directory: %w", id, report.Err)
	}
	if row == nil {
		return Resolution{}, errors.Join(fmt.Errorf("resolve %s: the directory names no registry for it", id), report.Err)
	}
	policy := d.Policies(row.Records.Short)[0]
	errs := []error{fmt.Errorf("resolve %s: %w", id, ErrUnresolved), report.Err}
	for _, base := range mirrors {
		r, err := ask(ctx, strings.TrimSuffix(base, "/"), client, id, policy)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", base, err))
			continue
		}
		r.Log, r.Mirror = row.Records.Short, base
		return c.withStatus(ctx, r, row.Status.Short, d)
	}
	return Resolution{}, errors.Join(errs...)
}

// responsible finds the registry with the longest prefix that covers the identifier.
func responsible(d *ledger.Directory, id cityid.ID) *ledger.RegistryRow {
	var best *ledger.RegistryRow
	for _, row := range d.Registries() {
		p, err := cityid.ParsePrefix(row.Prefix)
		if err == nil && p.Covers(id) && (best == nil || len(row.Prefix) > len(best.Prefix)) {
			best = row
		}
	}
	return best
}

func ask(ctx context.Context, base string, client *http.Client, id cityid.ID, policy ledger.LogPolicy) (Resolution, error) {
	raw, err := get(ctx, base+resolvePrefix+id.String(), client)
	if err != nil {
		return Resolution{}, err
	}
	return check(raw, id, policy)
}

func get(ctx context.Context, url string, client *http.Client) ([]byte, error) {
	q, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	answer, err := client.Do(q)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer+1))
	if err != nil {
		return nil, err
	}
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("answered %s", answer.Status)
	}
	return raw, nil
}

// check believes an answer only if its entry is the identifier's record and is included under a checkpoint that the policy opens.
func check(raw []byte, id cityid.ID, policy ledger.LogPolicy) (Resolution, error) {
	var p proof.TLogProof
	if len(raw) > maxAnswer {
		return Resolution{}, errors.New("answer is too long")
	}
	if err := p.Unmarshal(raw); err != nil || !bytes.Equal(p.Marshal(), raw) {
		return Resolution{}, errors.New("answer is not a tlog-proof")
	}
	cp, err := policy.Open(p.Checkpoint)
	if err != nil {
		return Resolution{}, err
	}
	got, ok := public(p.ExtraData)
	if !ok || got != id {
		return Resolution{}, errors.New("answer is about another record")
	}
	hashes := make(tlog.RecordProof, len(p.Hashes))
	for i, h := range p.Hashes {
		hashes[i] = h
	}
	if p.Index >= cp.Size {
		return Resolution{}, errors.New("the record lies beyond the checkpoint")
	}
	if err := tlog.CheckRecord(hashes, int64(cp.Size), cp.Root, int64(p.Index), ledger.LeafHash(p.ExtraData)); err != nil {
		return Resolution{}, errors.New("the proof does not hold")
	}
	claims, err := code.Code{Body: p.ExtraData}.Claims()
	if err != nil {
		return Resolution{}, err
	}
	return Resolution{ID: id, Claims: claims, Index: p.Index, Time: cp.Time, Proof: raw}, nil
}

// withStatus brings the copy of the status log up to date and looks the record up in it.
func (c *Copy) withStatus(ctx context.Context, r Resolution, short string, d *ledger.Directory) (Resolution, error) {
	report := c.sync(ctx, short, d.Policies(short), mirror.Source.Checkpoint)
	l := c.log(short, d.Policies(short))
	held, err := l.load()
	if err != nil || held.cp.Raw == nil {
		return Resolution{}, fmt.Errorf("resolve %s: no status log: %w", r.ID, errors.Join(err, report.Err))
	}
	var set *ledger.StatusSet
	for n := uint64(0); n*ledger.TileWidth < held.cp.Size; n++ {
		entries, err := l.bundle(n, width(n, held.cp.Size))
		if err != nil {
			return Resolution{}, err
		}
		set = set.With(entries)
	}
	r.Status = set.Of(r.Index)
	if held.cp.Time.Before(r.Time) {
		r.Time = held.cp.Time
	}
	return r, nil
}
