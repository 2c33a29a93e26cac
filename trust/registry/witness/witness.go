// Package witness is the office of an independent institute that cosigns the checkpoints of transparency logs, C2SP tlog-witness.
//
// A witness keeps, for each log that it knows, the newest checkpoint that it has cosigned. It cosigns another only if the log has signed it and a
// consistency proof shows that the log only grew since. So a quorum of witnesses means that every reader sees the same history:
//
//	w, err := witness.New(witness.Options{Dir: "state", Key: skey, Logs: []string{vkey}})
//	http.ListenAndServe("localhost:8101", w)
//
// # What it promises
//
// It never cosigns two roots for one size of one log, and never a smaller tree after a larger one. The new checkpoint is on the disk before the
// cosignature exists outside of the process, so the promise survives SIGKILL and power loss; a lock on the folder keeps a second process out. The
// promise rests on the folder: a witness that has lost it, or got it back from an old backup, must be retired with its key.
//
// # State
//
// The folder holds `lock`, `key` (the verifier key that the state belongs to) and, for each log, `<hex of SHA-256(origin)>.checkpoint`: the
// newest cosigned checkpoint as the log signed it. A file that cannot be read stops the log, never restarts it from zero.
package witness

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"citygate/internal/durable"
	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"golang.org/x/mod/sumdb/note"
)

// Options are what a witness needs; Dir and Key have no default.
type Options struct {
	// Dir is the folder of the witness's state. It is made when it is missing.
	Dir string
	// Key is the witness's signing key in C2SP note form, as [GenerateKey] gives it, or the PKCS #11 URI of one on a token.
	Key string
	// Logs are the verifier keys of the logs that it cosigns; a key's name is the log's origin. Several keys may have one name.
	Logs []string
	// Now is the clock of the cosignatures; nil is time.Now.
	Now func() time.Time
	// Logger gets one warning for each refused checkpoint that a known log has signed: it may be proof of misbehaviour. Nil discards.
	Logger *slog.Logger
}

// A Witness answers add-checkpoint. It is safe for concurrent use, and is an [net/http.Handler].
type Witness struct {
	key    signer
	dir    string
	now    func() time.Time
	logger *slog.Logger
	lock   *os.File
	write  func(path string, data []byte) error // durable.WriteFile; tests make it fail

	mu   sync.RWMutex // guards logs, not what it points to
	logs map[string]*log
}

// log is one log's state. The file is read anew for each request, so that a write whose outcome is unknown leaves nothing wrong in memory.
type log struct {
	mu   sync.Mutex // held from reading the state to answering
	keys []note.Verifier
	path string
}

// New opens the state folder, or begins one, and takes its lock. It starts no goroutine. Close gives the lock back.
func New(o Options) (*Witness, error) {
	key, err := parseSigner(o.Key)
	if err != nil {
		return nil, err
	}
	w := &Witness{key: key, dir: o.Dir, now: o.Now, logger: o.Logger, logs: make(map[string]*log)}
	w.write = func(path string, data []byte) error { return durable.WriteFile(path, data, 0o644) }
	if w.now == nil {
		w.now = time.Now
	}
	if w.logger == nil {
		w.logger = slog.New(slog.DiscardHandler)
	}
	for _, vkey := range o.Logs {
		if err := w.AddLog(vkey); err != nil {
			return nil, err
		}
	}
	if err := w.open(); err != nil {
		return nil, err
	}
	return w, nil
}

// open takes the folder's lock and checks that the state in it is this key's own.
func (w *Witness) open() error {
	if err := durable.MkdirAll(w.dir, 0o755); err != nil {
		return fmt.Errorf("open witness state: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(w.dir, "lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return fmt.Errorf("open witness state: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		return fmt.Errorf("witness state %s is in use by another witness: %w", w.dir, err)
	}
	w.lock = f
	path := filepath.Join(w.dir, "key")
	err = durable.WriteNew(path, []byte(w.VerifierKey()+"\n"), 0o644)
	if errors.Is(err, fs.ErrExist) {
		var b []byte
		if b, err = os.ReadFile(path); err == nil && strings.TrimSpace(string(b)) != w.VerifierKey() {
			err = fmt.Errorf("it belongs to %q: give each key a folder of its own", strings.TrimSpace(string(b)))
		}
	}
	if err != nil {
		f.Close()
		return fmt.Errorf("open witness state %s: %w", w.dir, err)
	}
	return nil
}

// Close ends the use of the state folder. Requests that are still running must have ended before.
func (w *Witness) Close() error { return w.lock.Close() }

// VerifierKey is the witness's public key in C2SP note form, of type 0x04 (Ed25519 cosignature).
func (w *Witness) VerifierKey() string { return w.key.verifierKey() }

// AddLog makes the witness cosign one more log, or accept one more key of a log that it knows. Adding a key again changes nothing.
func (w *Witness) AddLog(vkey string) error {
	v, err := note.NewVerifier(vkey)
	if err != nil {
		return fmt.Errorf("log key %q: %w", vkey, err)
	}
	sum := sha256.Sum256([]byte(v.Name()))
	w.mu.Lock()
	defer w.mu.Unlock()
	l := w.logs[v.Name()]
	if l == nil {
		l = &log{path: filepath.Join(w.dir, hex.EncodeToString(sum[:])+".checkpoint")}
		w.logs[v.Name()] = l
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, k := range l.keys {
		if k.KeyHash() == v.KeyHash() {
			return nil
		}
	}
	l.keys = append(l.keys, v)
	return nil
}

// AddCheckpoint is the call of the same name without HTTP: body is the request's body, the result one signature line with its newline.
// An error is a *[Refusal] if the request is to blame, and otherwise a failure of the witness's disk, after which nothing was signed.
func (w *Witness) AddCheckpoint(body []byte) ([]byte, error) {
	req, err := parseRequest(body)
	if err != nil {
		return nil, &Refusal{Code: BadRequest, Reason: err.Error()}
	}
	w.mu.RLock()
	l := w.logs[req.head.origin]
	w.mu.RUnlock()
	if l == nil {
		return nil, &Refusal{Code: UnknownLog, Reason: "unknown log origin"}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, err := note.Open(req.checkpoint, note.VerifierList(l.keys...)); err != nil {
		return nil, &Refusal{Code: BadSignature, Reason: "no valid signature of a key of this log"}
	}
	last, err := l.last()
	if err != nil {
		return nil, err
	}
	if refusal := decide(last, req); refusal != nil {
		w.logger.Warn("refused a checkpoint that the log has signed", "origin", req.head.origin, "size", req.head.size,
			"cosigned", last.size, "reason", refusal.Reason)
		return nil, refusal
	}
	if last.none || last.size != req.head.size {
		if err := w.write(l.path, req.checkpoint); err != nil {
			return nil, fmt.Errorf("keep checkpoint: %w", err)
		}
	}
	return w.key.cosign(req.text, w.now())
}

// decide applies the rules of tlog-witness in their order. Nil means: cosign.
func decide(last head, req request) *Refusal {
	switch {
	case req.old > req.head.size:
		return &Refusal{Code: BadRequest, Reason: "old size is above the checkpoint's size"}
	case req.old != last.size:
		return &Refusal{Code: WrongOldSize, Size: last.size, Reason: "old size is not that of the newest cosigned checkpoint"}
	case !last.none && req.old == req.head.size && req.head.root != last.root:
		return &Refusal{Code: OtherRoot, Reason: "another root was cosigned for this size"}
	}
	if req.head.size == 0 {
		if len(req.proof) > 0 || req.head.root != emptyRoot() {
			return &Refusal{Code: BadProof, Reason: "an empty log has the empty root and no proof"}
		}
		return nil
	}
	if req.old == 0 {
		if len(req.proof) > 0 {
			return &Refusal{Code: BadProof, Reason: "a proof from size 0 is empty"}
		}
		return nil
	}
	if err := proof.VerifyConsistency(rfc6962.DefaultHasher, req.old, req.head.size, req.proof, last.root[:], req.head.root[:]); err != nil {
		return &Refusal{Code: BadProof, Reason: "the consistency proof does not hold"}
	}
	return nil
}

// last reads the newest cosigned checkpoint, and checks the log's signature on it again: a damaged file must not become a license.
func (l *log) last() (head, error) {
	b, err := os.ReadFile(l.path)
	if errors.Is(err, fs.ErrNotExist) {
		return head{none: true}, nil
	}
	if err != nil {
		return head{}, fmt.Errorf("read witness state: %w", err)
	}
	n, err := note.Open(b, note.VerifierList(l.keys...))
	if err != nil {
		return head{}, fmt.Errorf("witness state %s is damaged: %w", l.path, err)
	}
	h, err := parseHead(n.Text)
	if err != nil {
		return head{}, fmt.Errorf("witness state %s is damaged: %w", l.path, err)
	}
	return h, nil
}

func emptyRoot() (h [32]byte) {
	copy(h[:], rfc6962.DefaultHasher.EmptyRoot())
	return h
}

func keyID(name string, key []byte) []byte {
	h := sha256.New()
	h.Write([]byte(name + "\n"))
	h.Write(key)
	return h.Sum(nil)[:4]
}

func vkeyText(name string, key []byte) string {
	return fmt.Sprintf("%s+%x+%s", name, keyID(name, key), base64.StdEncoding.EncodeToString(key))
}
