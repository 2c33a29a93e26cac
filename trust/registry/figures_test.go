package registry_test

import (
	"crypto/rand"
	"flag"
	"fmt"
	"testing"
	"time"

	"citygate/internal/figures"
	"citygate/trust/registry"
	"github.com/transparency-dev/tessera"
	"github.com/transparency-dev/tessera/storage/posix"
	"golang.org/x/mod/sumdb/note"
)

var figuresFile = flag.String("figures", "", "measure the figures of this package and append them to this file as JSON lines")

// Records of one measurement, and of each call of Issue.
const (
	figureRecords = 40_960
	figureCall    = 4096
)

// TestFigures measures only where it is asked to:
//
//	go test ./trust/registry -run Figures -figures trust.jsonl
func TestFigures(t *testing.T) {
	f := figures.Open(t, *figuresFile)
	ours, peer := issueRate(t), tesseraRate(t)
	f.Add(figures.Figure{Figure: "issue_seal_per_s", Value: ours, Unit: "records/s", Peer: "Tessera POSIX alone, same entry size, no witness", PeerValue: peer})
}

// issueRate is how many records per second a city issues, signs, seals and publishes with three witnesses, a quorum of whom cosign.
func issueRate(t *testing.T) float64 {
	t.Helper()
	w := newQuietWorld(t)
	w.enrolledAndClosed()
	city, stop := w.open("sjz", registry.Options{})
	defer stop()
	start := time.Now()
	for next := 0; next < figureRecords; next += figureCall {
		issue(t, city, lamps(next, next+figureCall)...)
	}
	if _, err := city.Seal(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := city.Await(t.Context()); err != nil {
		t.Fatal(err)
	}
	return figureRecords / time.Since(start).Seconds()
}

// tesseraRate is how many entries of a record's size Tessera takes and publishes, with the batching that it has by default.
func tesseraRate(t *testing.T) float64 {
	t.Helper()
	skey, _, err := note.GenerateKey(rand.Reader, "peer.example")
	if err != nil {
		t.Fatal(err)
	}
	signer, err := note.NewSigner(skey)
	if err != nil {
		t.Fatal(err)
	}
	driver, err := posix.New(t.Context(), posix.Config{Path: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	appender, shutdown, reader, err := tessera.NewAppender(t.Context(), driver, tessera.NewAppendOptions().WithCheckpointSigner(signer).
		WithCheckpointInterval(time.Second))
	if err != nil {
		t.Fatal(err)
	}
	await := tessera.NewPublicationAwaiter(t.Context(), reader.ReadCheckpoint, 50*time.Millisecond)
	start := time.Now()
	for n := 0; n < figureRecords; n += figureCall {
		futures := make([]tessera.IndexFuture, figureCall)
		for i := range futures {
			futures[i] = appender.Add(t.Context(), tessera.NewEntry(fmt.Appendf(nil, "%056d", n+i)))
		}
		for i, future := range futures {
			if i < len(futures)-1 || n+figureCall < figureRecords {
				_, err = future()
			} else {
				_, _, err = await.Await(t.Context(), future)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	rate := figureRecords / time.Since(start).Seconds()
	if err := shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	return rate
}
