package ledger

import (
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	f_note "github.com/transparency-dev/formats/note"
	"golang.org/x/mod/sumdb/note"
)

// This file implements checkpoints: C2SP signed-note, tlog-checkpoint and
// tlog-cosignature.

// MaxCheckpoint is the longest checkpoint in bytes, with all its signatures.
const MaxCheckpoint = 64 << 10

// MaxSize bounds a log's size, so that no index overflows.
const MaxSize = MaxIndex

// Checkpoint is the head of a log that a LogPolicy believed.
type Checkpoint struct {
	Origin string
	Size   uint64
	Root   Hash
	// Time is the quorum-th newest of the cosignatures' times, so that fewer
	// witnesses than a quorum cannot make it newer than it is.
	Time time.Time
	// Raw is the signed note as it was received.
	Raw []byte
}

// ErrQuorum is wrapped by the errors of LogPolicy.Open that say that the log's
// signature or cosignatures are missing, which another policy may find there.
var ErrQuorum = errors.New("not enough signatures")

// Open reads a signed checkpoint and returns it if the log and a quorum of
// witnesses signed it. A valid signature of a key that the policy does not know
// is ignored, a wrong one of a key that it knows refuses the whole note.
func (p LogPolicy) Open(raw []byte) (Checkpoint, error) {
	if len(raw) > MaxCheckpoint {
		return Checkpoint{}, fmt.Errorf("checkpoint of %s: %d bytes", p.Origin, len(raw))
	}
	if err := p.Validate(); err != nil {
		return Checkpoint{}, err
	}
	logKeys, err := parseKeys(p.LogKeys, MaxLogKeys, noteKey)
	if err != nil {
		return Checkpoint{}, err
	}
	witnesses, err := parseKeys(p.Witnesses, MaxWitnesses, witnessKey)
	if err != nil {
		return Checkpoint{}, err
	}
	var verifiers []note.Verifier
	for _, k := range append(slices.Clone(logKeys), witnesses...) {
		verifiers = append(verifiers, k.verifier)
	}
	n, err := note.Open(raw, note.VerifierList(verifiers...))
	if unverified := (*note.UnverifiedNoteError)(nil); errors.As(err, &unverified) {
		return Checkpoint{}, fmt.Errorf("checkpoint of %s: %w: no known key signed", p.Origin, ErrQuorum)
	} else if err != nil {
		return Checkpoint{}, fmt.Errorf("checkpoint of %s: %w", p.Origin, err)
	}
	if err := canonicalSignatures(raw[len(n.Text):]); err != nil {
		return Checkpoint{}, fmt.Errorf("checkpoint of %s: %w", p.Origin, err)
	}
	cp, err := ParseCheckpointText(n.Text)
	if err != nil {
		return Checkpoint{}, fmt.Errorf("checkpoint of %s: %w", p.Origin, err)
	}
	if cp.Origin != p.Origin {
		return Checkpoint{}, fmt.Errorf("checkpoint of %s: its origin is %q", p.Origin, cp.Origin)
	}
	if cp.Time, err = p.quorumTime(n, logKeys, witnesses); err != nil {
		return Checkpoint{}, fmt.Errorf("checkpoint of %s: %w", p.Origin, err)
	}
	cp.Raw = slices.Clone(raw)
	return cp, nil
}

// canonicalSignatures refuses base64 in another than its one form, which the
// note package reads, so that two notes are equal if their bytes are.
func canonicalSignatures(lines []byte) error {
	for line := range strings.Lines(strings.TrimPrefix(string(lines), "\n")) {
		sig := strings.TrimSuffix(line[strings.LastIndexByte(line, ' ')+1:], "\n")
		if _, err := base64.StdEncoding.Strict().DecodeString(sig); err != nil {
			return fmt.Errorf("signature line: %w", err)
		}
	}
	return nil
}

// quorumTime checks that the log and a quorum signed, and returns the time.
func (p LogPolicy) quorumTime(n *note.Note, logKeys, witnesses []vkey) (time.Time, error) {
	if !slices.ContainsFunc(n.Sigs, func(s note.Signature) bool { return signedWith(s, logKeys) }) {
		return time.Time{}, fmt.Errorf("%w: the log's own is missing", ErrQuorum)
	}
	newest := map[string]time.Time{} // by witness
	for _, s := range n.Sigs {
		if !signedWith(s, witnesses) {
			continue
		}
		t, err := f_note.CoSigV1Timestamp(s)
		if err != nil {
			return time.Time{}, err
		}
		if t.Unix() <= 0 || t.Unix() >= maxTime {
			continue // no time of this world: as good as none
		}
		if t.After(newest[s.Name]) {
			newest[s.Name] = t
		}
	}
	if len(newest) < p.Quorum {
		return time.Time{}, fmt.Errorf("%w: %d of %d cosignatures, quorum %d", ErrQuorum, len(newest), len(p.Witnesses), p.Quorum)
	}
	var times []time.Time
	for _, t := range newest {
		times = append(times, t.UTC())
	}
	slices.SortFunc(times, func(a, b time.Time) int { return b.Compare(a) })
	return times[p.Quorum-1], nil
}

// maxTime is the year 10000 in Unix seconds, the end of RFC 3339.
const maxTime = 253402300800

// signedWith says whether a verified signature is one of these keys'.
func signedWith(s note.Signature, keys []vkey) bool {
	return slices.ContainsFunc(keys, func(k vkey) bool {
		return s.Name == k.name && s.Hash == k.verifier.KeyHash()
	})
}

// ParseCheckpointText reads the text of a checkpoint: origin, size and root on
// three lines, in their one form, and no extension line.
func ParseCheckpointText(text string) (Checkpoint, error) {
	lines := strings.Split(text, "\n")
	if len(lines) != 4 || lines[3] != "" {
		return Checkpoint{}, errors.New("not three lines")
	}
	size, err := strconv.ParseUint(lines[1], 10, 63)
	if err != nil || strconv.FormatUint(size, 10) != lines[1] || size > MaxSize {
		return Checkpoint{}, fmt.Errorf("bad tree size %q", lines[1])
	}
	root, err := base64.StdEncoding.Strict().DecodeString(lines[2])
	if err != nil || len(root) != len(Hash{}) || base64.StdEncoding.EncodeToString(root) != lines[2] {
		return Checkpoint{}, errors.New("bad root hash")
	}
	if lines[0] == "" {
		return Checkpoint{}, errors.New("no origin")
	}
	return Checkpoint{Origin: lines[0], Size: size, Root: Hash(root)}, nil
}

// Text returns the checkpoint's text, which signatures cover.
func (c Checkpoint) Text() string {
	return fmt.Sprintf("%s\n%d\n%s\n", c.Origin, c.Size, base64.StdEncoding.EncodeToString(c.Root[:]))
}
