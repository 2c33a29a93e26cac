package main

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"citygate/edge"
	"citygate/edge/config"
	"citygate/edge/kiosk"
	"citygate/edge/policy"
	"citygate/edge/relay"
	"citygate/internal/keyfile"
	"citygate/scanner"
	"citygate/scanner/camera"
	"citygate/sync/outbox"
	"citygate/sync/wire"
	"citygate/trust/ledger"
)

// This file implements what the gateway reads before it changes anything.

// setup is the configuration with all that it names.
type setup struct {
	config   config.Config
	policy   *policy.Policy
	root     ledger.RootPolicy
	eventKey ed25519.PrivateKey
	fleetKey ed25519.PublicKey // nil without brokers
	opsKey   ed25519.PublicKey // nil where none is pinned: then no orders are taken
}

// problem is a file or a value that the configuration names and that cannot be used.
type problem struct {
	key string // of the configuration
	err error
}

func (p problem) Error() string { return p.key + ": " + p.err.Error() }

func (p problem) Unwrap() error { return p.err }

// loadSetup reads the configuration and everything that it names, or fails with the first thing that is wrong.
func loadSetup(file string) (setup, error) {
	c, err := config.Load(file)
	if err != nil {
		return setup{}, err
	}
	s, problems := readSetup(c)
	if len(problems) > 0 {
		return s, fmt.Errorf("%s: %w", file, problems[0])
	}
	return s, nil
}

// readSetup reads everything that a configuration names and lists all that is wrong with it.
func readSetup(c config.Config) (s setup, problems []problem) {
	note := func(key string, err error) {
		if err != nil {
			problems = append(problems, problem{key, err})
		}
	}
	var err error
	s.config = c
	s.policy, err = policy.Load(c.Policy)
	note("policy", err)
	note("relay", relay.Check(c.Relay))
	s.root, err = readRootPolicy(c.RootPolicy)
	note("root_policy", err)
	s.eventKey, err = keyfile.ReadSeed(c.EventKey)
	note("event_key", err)
	if len(c.Brokers) > 0 {
		pins, err := keyfile.ReadVerifiers(c.FleetKey)
		note("fleet_key", err)
		if len(pins) > 0 {
			s.fleetKey = pins[0]
		}
		if len(pins) > 1 {
			s.opsKey = pins[1]
		}
	}
	return s, problems
}

func readRootPolicy(path string) (ledger.RootPolicy, error) {
	b, err := readSmall(path)
	if err != nil {
		return ledger.RootPolicy{}, err
	}
	root, err := ledger.ParseRootPolicy(b)
	if err != nil {
		return root, fmt.Errorf("%s: %w", path, err)
	}
	return root, nil
}

// maxSmall bounds keys and policies, in bytes.
const maxSmall = 1 << 20

func readSmall(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxSmall+1))
	if err == nil && len(b) > maxSmall {
		err = fmt.Errorf("%s: larger than %d bytes", path, maxSmall)
	}
	return b, err
}

func joinFormats(list []string) string { return strings.Join(list, ",") }

// openCamera opens one of the configured cameras. A recording that ends is over; a live source that ends is broken.
func (d *daemon) openCamera(ctx context.Context, source string) (edge.Frames, error) {
	c, err := camera.Open(ctx, source, camera.Options{
		Loop: d.config.CameraLoop, Pace: true, Width: 1280, Height: 720,
	})
	if err != nil {
		return nil, err
	}
	if c.Info().Live {
		return live{c}, nil
	}
	return c, nil
}

// live is a camera that is no recording.
type live struct{ *camera.Camera }

// Live says so to the pipeline, which then watches for a covered lens and the like.
func (live) Live() bool { return true }

func (l live) Next(ctx context.Context) (camera.Frame, error) {
	f, err := l.Camera.Next(ctx)
	if errors.Is(err, io.EOF) {
		err = fmt.Errorf("%w: the stream has ended", camera.ErrBroken)
	}
	return f, err
}

// errStarting says that the databases are not open yet.
var errStarting = errors.New("the gateway is starting")

// lookAt is what the page /try asks.
func (d *daemon) lookAt(ctx context.Context, p kiosk.Picture) (*kiosk.Answer, *[4][2]float64, error) {
	t := d.trial.Load()
	if t == nil {
		return nil, nil, errStarting
	}
	return t.Look(ctx, scanner.Frame{Pix: p.Pix, Stride: p.Width, Width: p.Width, Height: p.Height})
}

// appender is the outbox as the pipeline sees it.
type appender struct{ box *outbox.Outbox }

func (a appender) Append(ctx context.Context, e wire.Event) (epoch, seq uint64, err error) {
	s, err := a.box.Append(ctx, e)
	return s.Epoch, s.Seq, err
}
