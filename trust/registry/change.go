package registry

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"slices"

	"citygate/trust/ledger"
)

// This file implements the change of a registry's witnesses and log keys. A registry prepares the change (Prepare): from then on its
// checkpoints are signed by old and new log keys, and cosigned by a quorum of the old and of the new witnesses, so that readers of both the old
// and the new row take them. The directory enters the new row (Allocate), and for its own log a rotation of the root policy (RotateRoot). When the
// registry takes the allocation (Accept), the old keys and witnesses have no say any more. So there is no moment without a checkpoint that counts.

// Change is how a registry's checkpoints are signed and cosigned from some moment on.
type Change struct {
	Witnesses []Witness `json:"witnesses"`
	Quorum    int       `json:"quorum"`
	// LogKeys counts the changes of the logs' keys. Keys are in keys/{log}.skey, and after n changes in keys/{log}.{n}.skey.
	LogKeys int `json:"log_keys,omitempty"`
}

// ErrChanged says that the registry's witnesses or log keys have changed since it was opened. Close it and open it again.
var ErrChanged = errors.New("the registry's witnesses or log keys have changed: open it again")

// stages are what checkpoints have to satisfy, all of them: what is in force and what is prepared.
func (c Config) stages() []Change {
	now := []Change{{c.Witnesses, c.Quorum, c.LogKeys}}
	if c.Next != nil {
		now = append(now, *c.Next)
	}
	return now
}

func (s Change) witnessKeys() []string {
	keys := make([]string, len(s.Witnesses))
	for i, w := range s.Witnesses {
		keys[i] = w.Key
	}
	return keys
}

// logKeyName is the name of a log's key file after some changes of it.
func logKeyName(log string, changes int) string {
	if changes == 0 {
		return log
	}
	return fmt.Sprintf("%s.%d", log, changes)
}

// logRef names a log with its key of one stage.
func (c Config) logRef(dir, log string, s Change) (ledger.LogRef, error) {
	key, err := verifierKey(dir, logKeyName(log, s.LogKeys))
	return ledger.LogRef{Short: log, Origin: c.origin(log), Keys: []string{key}}, err
}

// policies are the log policies of the stages.
func (c Config) policies(dir, log string) ([]ledger.LogPolicy, error) {
	var ps []ledger.LogPolicy
	for _, s := range c.stages() {
		ref, err := c.logRef(dir, log, s)
		if err != nil {
			return nil, err
		}
		ps = append(ps, ledger.LogPolicy{Origin: ref.Origin, LogKeys: ref.Keys, Witnesses: s.witnessKeys(), Quorum: s.Quorum})
	}
	return ps, nil
}

// witnessPolicy is what Tessera waits for, in C2SP tlog-policy form: a quorum of each stage's witnesses.
func (c Config) witnessPolicy() []byte {
	var b bytes.Buffer
	names := make(map[string]string) // by key
	fmt.Fprintln(&b, "# cosigned by a quorum of each group")
	groups := ""
	for i, s := range c.stages() {
		members := ""
		for _, w := range s.Witnesses {
			if names[w.Key] == "" {
				names[w.Key] = fmt.Sprintf("w%d", len(names)+1)
				fmt.Fprintf(&b, "witness %s %s %s\n", names[w.Key], w.Key, w.URL)
			}
			members += " " + names[w.Key]
		}
		fmt.Fprintf(&b, "group g%d %d%s\n", i, s.Quorum, members)
		groups += fmt.Sprintf(" g%d", i)
	}
	fmt.Fprintf(&b, "group every all%s\nquorum every\n", groups)
	return b.Bytes()
}

// Prepare readies a change of the registry's witnesses, of their quorum and, with newLogKeys, of its log keys, and gives the enrolment request to
// have it entered. Witnesses have to know the new log keys, and new witnesses the logs, before the registry is opened again: see LogKeys. Open
// registries answer ErrChanged from now on. Preparing the same change again gives the same request; one change waits at a time.
func Prepare(dir string, witnesses []Witness, quorum int, newLogKeys bool) (Enrolment, error) {
	c, err := ReadConfig(dir)
	if err != nil {
		return Enrolment{}, err
	}
	next := Change{witnesses, quorum, c.LogKeys}
	if newLogKeys {
		next.LogKeys++
	}
	now := c.stages()
	switch {
	case len(now) == 2 && !reflect.DeepEqual(now[1], next):
		return Enrolment{}, errors.New("prepare: another change waits for its allocation")
	case reflect.DeepEqual(now[0], next):
		return Enrolment{}, errors.New("prepare: nothing would change")
	case len(now) == 1:
		if c.National && c.Root == nil {
			if err := c.keepRoot(dir); err != nil {
				return Enrolment{}, err
			}
		}
		c.Next = &next
		if err := c.check(); err != nil {
			return Enrolment{}, fmt.Errorf("prepare: %w", err)
		}
		for _, log := range c.logs() {
			if err := c.makeNoteKey(dir, logKeyName(log, next.LogKeys), c.origin(log)); err != nil {
				return Enrolment{}, err
			}
			ps, err := c.policies(dir, log)
			if err != nil {
				return Enrolment{}, err
			}
			if err := ps[1].Validate(); err != nil {
				return Enrolment{}, fmt.Errorf("prepare: %w", err)
			}
		}
		if err := writeConfig(dir, c); err != nil {
			return Enrolment{}, err
		}
	}
	return c.enrol(dir, c.issuerKeyFile(dir))
}

// finish puts a prepared change into force if the allocated row is the one that it asked for, and, where there is a directory, if the root
// policy has been rotated to it.
func (c *Config) finish(dir string, row []byte) error {
	if c.Next == nil {
		return nil
	}
	e, err := c.enrol(dir, c.issuerKeyFile(dir))
	if err != nil {
		return err
	}
	if want, err := e.rowHash(); err != nil || !bytes.Equal(want, row) {
		return err
	}
	if c.National {
		root, err := readRoot(dir)
		if err != nil {
			return err
		}
		ps, err := c.policies(dir, ledger.DirectoryLog)
		if err != nil {
			return err
		}
		if !reflect.DeepEqual(root.Directory, ps[1]) {
			return nil // RotateRoot has to come first
		}
	}
	c.Witnesses, c.Quorum, c.LogKeys, c.Next = c.Next.Witnesses, c.Next.Quorum, c.Next.LogKeys, nil
	return nil
}

// unchanged refuses to go on with witnesses and log keys that hold no more.
func (r *Registry) unchanged() error {
	c, err := ReadConfig(r.dir)
	if err != nil {
		return err
	}
	if !reflect.DeepEqual(c.stages(), r.cfg.stages()) {
		return fmt.Errorf("registry %s: %w", r.dir, ErrChanged)
	}
	return nil
}

// directorySigners are the keys in keys/directory-*.skey that are among some verifier keys.
func directorySigners(dir string, among []string) ([]string, error) {
	files, err := filepath.Glob(keyFile(dir, "directory-*"))
	if err != nil {
		return nil, err
	}
	var names []string
	for _, f := range files {
		name := filepath.Base(f[:len(f)-len(".skey")])
		key, err := verifierKey(dir, name)
		if err != nil {
			return nil, err
		}
		if slices.Contains(among, key) {
			names = append(names, name)
		}
	}
	return names, nil
}
