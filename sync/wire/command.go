package wire

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"
)

const (
	contextDesired = "citygate/v1 desired"
	contextCommand = "citygate/v1 command"
)

// Desired is what operations want a device or a ring of devices to be. Versions of one target only rise; a device
// ignores a version that is not above the one it holds.
type Desired struct {
	Version  uint64 `cbor:"0,keyasint" json:"v"`
	Target   string `cbor:"1,keyasint" json:"target"`    // "d/<device>" or "g/<ring>"
	Number   uint64 `cbor:"2,keyasint" json:"number"`    // version of the desired state, from 1
	NotAfter int64  `cbor:"3,keyasint" json:"not_after"` // seconds since 1970; a device that first sees it later ignores it
	Body     []byte `cbor:"4,keyasint" json:"body"`      // configuration, as the gateway defines it
	Sig      []byte `cbor:"5,keyasint" json:"sig"`       // see [Desired.Sign]
}

func (d *Desired) signed() []byte {
	b := append([]byte(contextDesired+"\x00"), d.Target...)
	b = append(b, 0)
	b = binary.BigEndian.AppendUint64(b, d.Number)
	b = binary.BigEndian.AppendUint64(b, uint64(d.NotAfter))
	h := sha256.Sum256(d.Body)
	return append(b, h[:]...)
}

// Sign sets the operations key's Ed25519 signature over
// "citygate/v1 desired" || 00 || target || 00 || number || not after || SHA-256(body), numbers as 8 bytes, big-endian.
func (d *Desired) Sign(key ed25519.PrivateKey) { d.Sig = ed25519.Sign(key, d.signed()) }

// Verify checks the operations key's signature. Number and NotAfter are the caller's to judge.
func (d *Desired) Verify(pub ed25519.PublicKey) error {
	if len(pub) != ed25519.PublicKeySize || !ed25519.Verify(pub, d.signed(), d.Sig) {
		return fmt.Errorf("desired state %d of %s: %w", d.Number, d.Target, ErrSignature)
	}
	return nil
}

// Encode returns the CBOR encoding. A Version of 0 is written as [Version].
func (d Desired) Encode() ([]byte, error) {
	if d.Version == 0 {
		d.Version = Version
	}
	return encode("desired state", &d, MaxDesired)
}

// DecodeDesired parses a desired state; the signature is for [Desired.Verify].
func DecodeDesired(payload []byte) (Desired, error) {
	var d Desired
	if err := decode("desired state", payload, MaxDesired, &d); err != nil {
		return Desired{}, err
	}
	return d, nil
}

func (d *Desired) check() error {
	if err := checkVersion(d.Version); err != nil {
		return err
	}
	if len(d.Target) < 3 || d.Target[:2] != "d/" && d.Target[:2] != "g/" || !ValidName(d.Target[2:]) {
		return malformed("target %.80q is neither d/<device> nor g/<ring>", d.Target)
	}
	if d.Number == 0 || d.NotAfter < 0 {
		return malformed("desired state numbered %d until %d", d.Number, d.NotAfter)
	}
	return checkSig(d.Sig)
}

func checkSig(sig []byte) error {
	if len(sig) != ed25519.SignatureSize {
		return malformed("a signature has %d bytes, not %d", ed25519.SignatureSize, len(sig))
	}
	return nil
}

// Command is one order to one device. It is idempotent by its identifier: a device that sees it again repeats only
// the result.
type Command struct {
	Version  uint64            `cbor:"0,keyasint" json:"v"`
	ID       string            `cbor:"1,keyasint" json:"id"`        // a name, unique for the device
	Device   string            `cbor:"2,keyasint" json:"device"`    // whom it is for
	Name     string            `cbor:"3,keyasint" json:"name"`      // what to do, a name
	NotAfter int64             `cbor:"4,keyasint" json:"not_after"` // seconds since 1970; later the answer is "expired"
	Args     map[string]string `cbor:"5,keyasint,omitempty" json:"args,omitempty"`
	Sig      []byte            `cbor:"6,keyasint" json:"sig"` // see [Command.Sign]
}

// signed hashes the whole command without its signature, so that no field can be exchanged.
func (c *Command) signed() ([]byte, error) {
	bare := *c
	bare.Version, bare.Sig = Version, make([]byte, ed25519.SignatureSize)
	b, err := encode("command", &bare, MaxCommand)
	if err != nil {
		return nil, err
	}
	h := sha256.Sum256(b)
	return append([]byte(contextCommand+"\x00"), h[:]...), nil
}

// Sign sets the operations key's Ed25519 signature over "citygate/v1 command" || 00 || SHA-256 of the command's
// encoding with a signature of 64 zero bytes.
func (c *Command) Sign(key ed25519.PrivateKey) error {
	b, err := c.signed()
	if err != nil {
		return err
	}
	c.Sig = ed25519.Sign(key, b)
	return nil
}

// Verify checks the operations key's signature. Device and NotAfter are the caller's to judge.
func (c *Command) Verify(pub ed25519.PublicKey) error {
	b, err := c.signed()
	if err != nil {
		return err
	}
	if len(pub) != ed25519.PublicKeySize || !ed25519.Verify(pub, b, c.Sig) {
		return fmt.Errorf("command %s: %w", c.ID, ErrSignature)
	}
	return nil
}

// Encode returns the CBOR encoding. A Version of 0 is written as [Version].
func (c Command) Encode() ([]byte, error) {
	if c.Version == 0 {
		c.Version = Version
	}
	return encode("command", &c, MaxCommand)
}

// DecodeCommand parses a command; the signature is for [Command.Verify].
func DecodeCommand(payload []byte) (Command, error) {
	var c Command
	if err := decode("command", payload, MaxCommand, &c); err != nil {
		return Command{}, err
	}
	return c, nil
}

func (c *Command) check() error {
	if err := checkVersion(c.Version); err != nil {
		return err
	}
	for _, f := range []struct{ name, value string }{{"command id", c.ID}, {"device", c.Device}, {"command name", c.Name}} {
		if err := checkName(f.name, f.value); err != nil {
			return err
		}
	}
	if c.NotAfter < 0 {
		return malformed("not after %d", c.NotAfter)
	}
	if err := checkDetail("args", c.Args); err != nil {
		return err
	}
	return checkSig(c.Sig)
}

// States of a command's progress. The last four are final.
const (
	ResultAccepted = "accepted"
	ResultRunning  = "running"
	ResultOK       = "ok"
	ResultFailed   = "failed"
	ResultRejected = "rejected"
	ResultExpired  = "expired"
)

// CommandResult is the progress of one command.
type CommandResult struct {
	Version uint64            `cbor:"0,keyasint" json:"v"`
	ID      string            `cbor:"1,keyasint" json:"id"`
	State   string            `cbor:"2,keyasint" json:"state"` // ResultAccepted and so on
	At      int64             `cbor:"3,keyasint" json:"at"`    // microseconds since 1970
	Reason  string            `cbor:"4,keyasint,omitempty" json:"reason,omitempty"`
	Detail  map[string]string `cbor:"5,keyasint,omitempty" json:"detail,omitempty"`
}

// Encode returns the CBOR encoding. A Version of 0 is written as [Version].
func (r CommandResult) Encode() ([]byte, error) {
	if r.Version == 0 {
		r.Version = Version
	}
	return encode("command result", &r, MaxResult)
}

// DecodeCommandResult parses a command's progress.
func DecodeCommandResult(payload []byte) (CommandResult, error) {
	var r CommandResult
	if err := decode("command result", payload, MaxResult, &r); err != nil {
		return CommandResult{}, err
	}
	return r, nil
}

func (r *CommandResult) check() error {
	if err := checkVersion(r.Version); err != nil {
		return err
	}
	if err := checkName("command id", r.ID); err != nil {
		return err
	}
	states := []string{ResultAccepted, ResultRunning, ResultOK, ResultFailed, ResultRejected, ResultExpired}
	if !slices.Contains(states, r.State) {
		return malformed("command state %.40q", r.State)
	}
	if err := checkText("reason", r.Reason, maxText); err != nil {
		return err
	}
	return checkDetail("detail", r.Detail)
}
