package registry

import (
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"citygate/trust/cityid"
	"citygate/trust/code"
	"citygate/trust/ledger"
)

// maxRequestID is the longest request id, in bytes.
const maxRequestID = 200

// ErrAllocated says that an identifier has a live record under another request: revoke that one first.
var ErrAllocated = errors.New("identifier is allocated already")

// ErrNotEnrolled says that the directory has no key row for this registry yet.
var ErrNotEnrolled = errors.New("registry has no issuer key row in the directory")

// Request asks for one record.
type Request struct {
	// ID makes the request idempotent: asked again, it gets what it got before. Empty means the identifier itself.
	ID string
	// Identifier is what the record names, such as "MA.156.1301.01/LAMP.000421". The registry's prefix must cover it.
	Identifier string
	// Personal logs only a commitment. The record waits until its batch is sealed and has no fresh code.
	Personal bool
	// Kind is one of the kinds of package code; 0 is none.
	Kind uint64
	// NotBefore and NotAfter bound the record's validity, in whole seconds; the zero time is no bound. A NotAfter in the past is issued.
	NotBefore, NotAfter time.Time
	// Holder is the Ed25519 public key of the person who presents the code, 32 bytes or none.
	Holder []byte
	// Places are identifier prefixes where the code is valid; none is everywhere.
	Places []string
	// Language is the BCP 47 tag of the language for the answer.
	Language string
}

// Issued is the answer to a request.
type Issued struct {
	// Request is the request's id.
	Request string
	ID      cityid.ID
	// Again says that the request had been answered before.
	Again bool
	// Pending says that the record gets its index, and its code, when its batch is sealed.
	Pending bool
	// Index is the record's place in the records log.
	Index uint64
	// Code is the best form there is: sealed if its subtree is full, else fresh. Text is what its 2D code shows.
	Code code.Code
	Text string
}

// draft is a request that was checked, with everything in its record but index and signature.
type draft struct {
	request string
	id      cityid.ID
	claims  code.Claims
	body    []byte
}

// draft checks a request. Salt and time of issue are drawn here, so each draft of the same request has another body.
func (r *Registry) draft(q Request) (draft, error) {
	id, err := cityid.Parse(q.Identifier)
	if err != nil {
		return draft{}, err
	}
	if !r.prefix.Covers(id) {
		return draft{}, fmt.Errorf("%s is not allocated by the holder of %s", id, r.prefix)
	}
	d := draft{request: q.ID, id: id}
	if d.request == "" {
		d.request = id.String()
	}
	if len(d.request) > maxRequestID {
		return draft{}, fmt.Errorf("request id is longer than %d bytes", maxRequestID)
	}
	d.claims = code.Claims{
		Nodes: id.Nodes(), Object: id.Object(), Kind: q.Kind, NotAfter: seconds(q.NotAfter), NotBefore: seconds(q.NotBefore),
		Issued: r.opts.Now().Unix(), Holder: q.Holder, Places: q.Places, Language: q.Language, Salt: make([]byte, 8),
	}
	if q.Personal {
		d.claims.Salt = make([]byte, 16)
	}
	rand.Read(d.claims.Salt)
	d.body, err = code.EncodeBody(q.Personal, d.claims)
	return d, err
}

func seconds(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.Unix()
}

// asks reports whether two bodies answer the same request: equal but for salt and time of issue, which are drawn anew.
func asks(a, b []byte) bool {
	x, err1 := code.Code{Body: a}.Claims()
	y, err2 := code.Code{Body: b}.Claims()
	if err1 != nil || err2 != nil || a[0] != b[0] {
		return false
	}
	x.Salt, y.Salt, x.Issued, y.Issued = make([]byte, 16), make([]byte, 16), 0, 0
	ex, err1 := code.EncodeBody(true, x)
	ey, err2 := code.EncodeBody(true, y)
	return err1 == nil && err2 == nil && string(ex) == string(ey)
}

// visitRecord folds a row of the records book.
func (r *Registry) visitRecord(w row) error {
	if len(w.Body) == 0 {
		return nil
	}
	id, err := w.identifier()
	if err != nil {
		return err
	}
	r.keys.Put(id, w.Index)
	if w.Request != id {
		r.keys.Put(w.Request, w.Index)
	}
	return nil
}

// identifier is what a record's row names.
func (w row) identifier() (string, error) {
	claims, err := code.Code{Body: w.Body}.Claims()
	if err != nil {
		return "", err
	}
	id, err := claims.ID()
	return id.String(), err
}

// live reports whether the identifier's newest record still stands, and its index.
func (r *Registry) live(id cityid.ID) (uint64, bool, error) {
	index, ok, err := r.newest(id)
	if err != nil || !ok || r.statuses.Of(index) == ledger.Revoked {
		return index, false, err
	}
	w, err := r.records.book.row(index)
	if err != nil {
		return 0, false, err
	}
	claims, err := code.Code{Body: w.Body}.Claims()
	if err != nil {
		return 0, false, err
	}
	return index, claims.NotAfter == 0 || claims.NotAfter >= r.opts.Now().Unix(), nil
}
