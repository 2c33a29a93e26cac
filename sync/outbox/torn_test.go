package outbox_test

import (
	"bytes"
	"context"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"citygate/sync/outbox"
)

// TestTornWrites builds what a power cut leaves: the files as they were when the last Append had returned, and of
// everything written after that only some sectors, others old, zero or garbage. Every promised event must be there.
func TestTornWrites(t *testing.T) {
	const sector = 512
	for range 12 {
		dir := t.TempDir()
		path := filepath.Join(dir, "outbox.db")
		b := start(t, path, outbox.Options{})
		mixed(t, b, 1+rand.IntN(400), map[string]uint64{})
		promised := b.Stats(t.Context()).Appended
		database, log := contents(t, path), contents(t, path+"-wal")
		mixed(t, b, 1+rand.IntN(400), map[string]uint64{}) // what the cut undoes in part
		later := contents(t, path+"-wal")
		if !bytes.Equal(database, contents(t, path)) || !bytes.HasPrefix(later, log) {
			t.Fatal("the log was moved into the database in the middle of the test")
		}
		epoch := b.Epoch()
		b.stop(t)

		torn := bytes.Clone(later)
		for at := len(log); at < len(torn); at += sector {
			s := torn[at:min(at+sector, len(torn))]
			switch rand.IntN(6) {
			case 0:
				clear(s)
			case 1:
				for i := range s {
					s[i] = byte(rand.Uint32())
				}
			case 2:
				torn = torn[:at+rand.IntN(len(s))]
			}
		}
		image := filepath.Join(dir, "image.db")
		for name, content := range map[string][]byte{image: database, image + "-wal": torn} {
			if err := os.WriteFile(name, content, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		checkImage(t, image, epoch, promised)
	}
}

func contents(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// checkImage opens the outbox that the cut left: the old epoch holds at least what was promised, without a gap, and
// the new one names it.
func checkImage(t *testing.T, image string, epoch, promised uint64) {
	t.Helper()
	b := start(t, image, outbox.Options{})
	defer b.stop(t)
	if b.Quarantined() != "" {
		t.Fatal("the file was set aside")
	}
	last := uint64(0)
	for _, batch := range drain(t, b) {
		if batch.Epoch == epoch {
			last = batch.Last()
			continue
		}
		if e, err := batch.Event(0); err != nil || e.Before == nil || e.Before.Epoch != epoch || e.Before.Last != last {
			t.Errorf("start event %+v, %v; the epoch before ended at %d", e.Before, err, last)
		}
	}
	if last < promised {
		t.Errorf("%d events are there, %d were promised", last, promised)
	}
	if _, err := b.Append(context.Background(), scan("valid")); err != nil {
		t.Error(err)
	}
}
