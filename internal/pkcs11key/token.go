//go:build cgo

package pkcs11key

import (
	"errors"
	"fmt"
	"sync"

	"github.com/miekg/pkcs11"
)

// This file implements libraries, tokens and their sessions.

// modules are the libraries that this process has opened, by path, and the tokens found on them.
var modules = struct {
	sync.Mutex
	byPath map[string]*module
}{byPath: make(map[string]*module)}

type module struct {
	ctx    *pkcs11.Ctx
	tokens map[string]*token // by label and serial number; guarded by modules
}

// token is one token with the session that this process works in.
type token struct {
	ctx *pkcs11.Ctx

	mu      sync.Mutex // held through every use of the session: a session does one thing at a time
	uri     URI
	open    bool
	session pkcs11.SessionHandle
	opened  int   // counts sessions: object handles belong to one
	login   bool  // the session is logged in
	refused error // the PIN was wrong; see the package comment
}

// find gives the token that a URI names.
func find(u URI) (*token, error) {
	modules.Lock()
	defer modules.Unlock()
	m := modules.byPath[u.Module]
	if m == nil {
		ctx := pkcs11.New(u.Module)
		if ctx == nil {
			return nil, fmt.Errorf("PKCS #11 library %s cannot be loaded", u.Module)
		}
		if err := ctx.Initialize(); err != nil && !is(err, pkcs11.CKR_CRYPTOKI_ALREADY_INITIALIZED) {
			ctx.Destroy()
			return nil, fmt.Errorf("PKCS #11 library %s: %w", u.Module, err)
		}
		m = &module{ctx: ctx, tokens: make(map[string]*token)}
		modules.byPath[u.Module] = m
	}
	name := u.Token + "\x00" + u.Serial + "\x00" + u.PINFile
	if m.tokens[name] == nil {
		m.tokens[name] = &token{ctx: m.ctx, uri: u}
	}
	return m.tokens[name], nil
}

// slot looks for the token anew each time, as a token may come back in another slot.
func (t *token) slot() (uint, error) {
	slots, err := t.ctx.GetSlotList(true)
	if err != nil {
		return 0, fmt.Errorf("PKCS #11 library %s: list tokens: %w", t.uri.Module, err)
	}
	found := make([]uint, 0, 1)
	for _, s := range slots {
		info, err := t.ctx.GetTokenInfo(s)
		if err == nil && info.Label == t.uri.Token && (t.uri.Serial == "" || info.SerialNumber == t.uri.Serial) {
			found = append(found, s)
		}
	}
	switch len(found) {
	case 0:
		return 0, fmt.Errorf("PKCS #11 library %s: no token %q is present", t.uri.Module, t.uri.Token)
	case 1:
		return found[0], nil
	}
	return 0, fmt.Errorf("PKCS #11 library %s: %d tokens are called %q: name one with serial=", t.uri.Module, len(found), t.uri.Token)
}

// use runs f in the token's session, which is opened when there is none, and logged in if f needs it. A session that has ended, as with a
// token that was taken out and put back, is opened again once.
func (t *token) use(login bool, f func() error) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	err := t.enter(login)
	if err == nil {
		err = f()
	}
	if is(err, pkcs11.CKR_SESSION_HANDLE_INVALID, pkcs11.CKR_SESSION_CLOSED, pkcs11.CKR_USER_NOT_LOGGED_IN, pkcs11.CKR_DEVICE_REMOVED,
		pkcs11.CKR_TOKEN_NOT_PRESENT, pkcs11.CKR_OBJECT_HANDLE_INVALID, pkcs11.CKR_KEY_HANDLE_INVALID) {
		t.ctx.CloseSession(t.session)
		t.open, t.login = false, false
		if err = t.enter(login); err == nil {
			err = f()
		}
	}
	if err != nil {
		return fmt.Errorf("token %q: %w", t.uri.Token, err)
	}
	return nil
}

func (t *token) enter(login bool) error {
	if !t.open {
		slot, err := t.slot()
		if err != nil {
			return err
		}
		s, err := t.ctx.OpenSession(slot, pkcs11.CKF_SERIAL_SESSION|pkcs11.CKF_RW_SESSION)
		if err != nil {
			return fmt.Errorf("open session: %w", err)
		}
		t.session, t.open, t.login = s, true, false
		t.opened++
	}
	if !login || t.login {
		return nil
	}
	if t.refused != nil {
		return t.refused
	}
	p, err := pin(t.uri)
	if err != nil {
		return err
	}
	switch err := t.ctx.Login(t.session, pkcs11.CKU_USER, p); {
	case is(err, pkcs11.CKR_PIN_INCORRECT, pkcs11.CKR_PIN_LEN_RANGE, pkcs11.CKR_PIN_LOCKED, pkcs11.CKR_PIN_EXPIRED, pkcs11.CKR_PIN_INVALID):
		t.refused = fmt.Errorf("%w: %w", ErrPIN, err)
		return t.refused
	case err != nil && !is(err, pkcs11.CKR_USER_ALREADY_LOGGED_IN):
		return fmt.Errorf("log in: %w", err)
	}
	t.login = true
	return nil
}

// is says whether an error is one of some return values of PKCS #11.
func is(err error, codes ...uint) bool {
	var e pkcs11.Error
	if !errors.As(err, &e) {
		return false
	}
	for _, c := range codes {
		if uint(e) == c {
			return true
		}
	}
	return false
}

// object finds the one object of a class that a URI names.
func (t *token) object(class uint, u URI) (pkcs11.ObjectHandle, error) {
	template := []*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_CLASS, class), pkcs11.NewAttribute(pkcs11.CKA_LABEL, u.Object)}
	if u.ID != nil {
		template = append(template, pkcs11.NewAttribute(pkcs11.CKA_ID, u.ID))
	}
	if err := t.ctx.FindObjectsInit(t.session, template); err != nil {
		return 0, fmt.Errorf("look for key %q: %w", u.Object, err)
	}
	found, _, err := t.ctx.FindObjects(t.session, 2)
	if err := errors.Join(err, t.ctx.FindObjectsFinal(t.session)); err != nil {
		return 0, fmt.Errorf("look for key %q: %w", u.Object, err)
	}
	switch len(found) {
	case 0:
		return 0, fmt.Errorf("it has no key %q", u.Object)
	case 1:
		return found[0], nil
	}
	return 0, fmt.Errorf("it has several keys %q: name one with id=", u.Object)
}
