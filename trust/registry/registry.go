package registry

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"time"

	"citygate/internal/durable"
	"citygate/internal/keyindex"
	"citygate/trust/cityid"
	"citygate/trust/ledger"
)

// Options are how an opened registry works. The zero value is what an office uses.
type Options struct {
	// Now is the clock of issue and status times; nil is time.Now.
	Now func() time.Time
	// Logger gets what an operator should know; nil discards.
	Logger *slog.Logger
	// Client reaches the witnesses; nil is one with a time limit of WitnessTimeout for each call.
	Client *http.Client
	// CheckpointInterval is how long after growth a checkpoint is made, at least 100 ms; 0 is 1 s.
	CheckpointInterval time.Duration
	// Recosign is how old the checkpoint of a log that does not grow may become while the registry is open; 0 is 5 minutes. Gateways
	// reckon with 10.
	Recosign time.Duration
	// WitnessTimeout limits how long a quorum is waited for before a checkpoint is given up and tried again; 0 is 5 s.
	WitnessTimeout time.Duration
}

func (o Options) withDefaults() Options {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.CheckpointInterval == 0 {
		o.CheckpointInterval = time.Second
	}
	if o.Recosign == 0 {
		o.Recosign = 5 * time.Minute
	}
	if o.WitnessTimeout == 0 {
		o.WitnessTimeout = 5 * time.Second
	}
	if o.Client == nil {
		o.Client = &http.Client{Timeout: o.WitnessTimeout}
	}
	return o
}

// A Registry is an open office. It is safe for concurrent use, also by several processes.
type Registry struct {
	dir    string
	prefix cityid.Prefix
	opts   Options
	lock   *os.File // flocked by exclusive
	open   *os.File // says that this process has the folder open
	cancel context.CancelFunc
	turn   chan struct{} // holds one token while exclusive runs; guards the maps and folds below

	cfg       Config
	logs      []*ledgerLog // in the order of Config.logs
	records   *ledgerLog
	status    *ledgerLog
	directory *ledgerLog      // nil in a city
	keys      *keyindex.Index // rows of the records book by request id and by identifier
	keysStay  bool            // the index cannot be written
	statuses  *ledger.StatusSet
	fold      *ledger.Directory // nil in a city
}

// Create makes a registry's folder: keys and configuration, and nationally the root policy. No log is begun, so no witness is needed
// yet. Creating again with the same configuration changes nothing; with another it fails.
func Create(dir string, c Config) error {
	c.Version = configVersion
	if err := c.check(); err != nil {
		return fmt.Errorf("create registry: %w", err)
	}
	if old, err := ReadConfig(dir); err == nil {
		c.Key, c.Issuer, c.LogKeys, c.Next, c.Root = old.Key, old.Issuer, old.LogKeys, old.Next, old.Root
		if string(indented(old)) != string(indented(c)) {
			return fmt.Errorf("create registry: %s holds another one, of %s", dir, old.Prefix)
		}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for sub, perm := range map[string]fs.FileMode{"keys": 0o700, "books": 0o700, "public": 0o755} {
		if err := durable.MkdirAll(filepath.Join(dir, sub), perm); err != nil {
			return fmt.Errorf("create registry: %w", err)
		}
	}
	if err := makeKeys(dir, c); err != nil {
		return fmt.Errorf("create registry: %w", err)
	}
	if c.National && c.Root == nil { // else root.json is what the last rotation made it
		root, err := c.firstRoot(dir)
		if err != nil {
			return fmt.Errorf("create registry: %w", err)
		}
		if err := durable.WriteFile(RootPolicyFile(dir), root.Marshal(), 0o644); err != nil {
			return fmt.Errorf("create registry: %w", err)
		}
	}
	return writeConfig(dir, c) // last: a folder with a configuration is complete
}

func makeKeys(dir string, c Config) error {
	for _, log := range c.logs() {
		if err := c.makeNoteKey(dir, log, c.origin(log)); err != nil {
			return err
		}
	}
	if err := c.makeNoteKey(dir, allocationKey, c.origin(c.Short+"-allocation")); err != nil {
		return err
	}
	if c.National {
		for i := range directoryKeys {
			file := directoryKey(i)
			if err := c.makeNoteKey(dir, file, c.origin(file)); err != nil {
				return err
			}
		}
	}
	return c.makeIssuerKey(dir, firstIssuer)
}

// Open opens the registry in dir and brings its logs up to its books. The first time it begins the logs, which needs a quorum of the
// witnesses. Tessera's goroutines, which publish what was logged, run until Close.
func Open(ctx context.Context, dir string, o Options) (*Registry, error) {
	cfg, err := ReadConfig(dir)
	if err != nil {
		return nil, err
	}
	r := &Registry{
		dir: dir, cfg: cfg, opts: o.withDefaults(), turn: make(chan struct{}, 1),
		statuses: new(ledger.StatusSet),
	}
	if r.prefix, err = cityid.ParsePrefix(cfg.Prefix); err != nil {
		return nil, err
	}
	if r.open, err = claim(dir); err != nil {
		return nil, err
	}
	if r.lock, err = os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, keyMode); err != nil {
		r.open.Close()
		return nil, fmt.Errorf("open registry: %w", err)
	}
	background, cancel := context.WithCancel(context.WithoutCancel(ctx))
	r.cancel = cancel
	if err := r.start(ctx, background); err != nil {
		r.close()
		return nil, err
	}
	return r, nil
}

// start opens the logs, one process at a time, and compares them with their books.
func (r *Registry) start(ctx, background context.Context) error {
	if err := flock(ctx, r.lock); err != nil {
		return fmt.Errorf("open registry: %w", err)
	}
	s := logSettings{interval: r.opts.CheckpointInterval, recosign: r.opts.Recosign, timeout: r.opts.WitnessTimeout,
		witnesses: r.cfg.witnessPolicy(), client: r.opts.Client, logger: r.opts.Logger}
	for _, log := range r.cfg.logs() {
		l, err := openLog(background, r.dir, log, r.cfg, s)
		if err != nil {
			return err
		}
		r.logs = append(r.logs, l)
	}
	if err := durable.SyncDir(filepath.Join(r.dir, "books")); err != nil {
		return err
	}
	n := len(r.logs)
	r.records, r.status = r.logs[n-2], r.logs[n-1]
	r.records.visit, r.status.visit = r.visitRecord, r.visitStatus
	r.records.between = func() { r.keepKeys(keyindex.MaxDelta) }
	if err := r.openKeys(); err != nil {
		return err
	}
	if r.cfg.National {
		root, err := r.cfg.firstRoot(r.dir)
		if err != nil {
			return err
		}
		if r.fold, err = ledger.NewDirectory(root); err != nil {
			return err
		}
		r.directory = r.logs[0]
		r.directory.visit = r.visitDirectory
	}
	// The lock is given back and taken again: nobody can come in between with anything that sync would not see.
	return r.exclusive(ctx, func() error {
		for _, l := range r.logs {
			if err := l.checkTail(ctx); err != nil {
				return err
			}
			if err := l.renewDisbelieved(ctx); err != nil {
				return err
			}
		}
		return nil
	})
}

// Close waits until what was logged through this Registry is published, at most until ctx ends, and stops. After an error everything is
// still in the books and logs, and the next process that opens the folder publishes it.
func (r *Registry) Close(ctx context.Context) error {
	select {
	case r.turn <- struct{}{}: // no operation is running, and none will
	case <-ctx.Done():
		return fmt.Errorf("close registry: an operation is running, or it is closed already: %w", ctx.Err())
	}
	var errs []error
	for _, l := range r.logs {
		if err := l.shutdown(ctx); err != nil {
			errs = append(errs, fmt.Errorf("log %s: not published: %w", l.ref.Short, err))
		}
	}
	r.keepKeys(worthKeeping)
	r.close()
	return errors.Join(errs...)
}

func (r *Registry) close() {
	r.cancel()
	if r.keys != nil {
		r.keys.Close()
	}
	for _, l := range r.logs {
		l.book.close()
	}
	r.lock.Close()
	os.Remove(r.open.Name())
	r.open.Close()
}

// Config is the registry's configuration when it was opened.
func (r *Registry) Config() Config { return r.cfg }

// Public is the folder to serve.
func (r *Registry) Public() string { return filepath.Join(r.dir, "public") }

// LogKeys gives the logs of the registry in dir with their verifier keys, which witnesses have to know: during a change two. It needs no
// open registry.
func LogKeys(dir string) ([]ledger.LogRef, error) {
	c, err := ReadConfig(dir)
	if err != nil {
		return nil, err
	}
	var refs []ledger.LogRef
	for _, log := range c.logs() {
		all := ledger.LogRef{Short: log, Origin: c.origin(log)}
		for _, s := range c.stages() {
			ref, err := c.logRef(dir, log, s)
			if err != nil {
				return nil, err
			}
			if !slices.Contains(all.Keys, ref.Keys[0]) {
				all.Keys = append(all.Keys, ref.Keys[0])
			}
		}
		refs = append(refs, all)
	}
	return refs, nil
}

// decodeKey takes the base64 part of an Ed25519 key in note form: type 0x01 and 32 bytes.
func decodeKey(s string) ([]byte, error) {
	b, err := base64.StdEncoding.DecodeString(s)
	if err != nil || len(b) != 33 || b[0] != 1 {
		return nil, errors.New("not an Ed25519 note key")
	}
	return b[1:], nil
}
