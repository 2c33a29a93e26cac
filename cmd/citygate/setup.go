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
}

func loadSetup(file string) (setup, error) {
	var s setup
	var err error
	if s.config, err = config.Load(file); err != nil {
		return s, err
	}
	if s.policy, err = policy.Load(s.config.Policy); err != nil {
		return s, err
	}
	if err = relay.Check(s.config.Relay); err != nil {
		return s, fmt.Errorf("%s: key %q: %w", file, "relay", err)
	}
	b, err := readSmall(s.config.RootPolicy)
	if err != nil {
		return s, fmt.Errorf("root_policy: %w (the registry's init writes it as root.json)", err)
	}
	if s.root, err = ledger.ParseRootPolicy(b); err != nil {
		return s, fmt.Errorf("root_policy %s: %w", s.config.RootPolicy, err)
	}
	if s.eventKey, err = keyfile.ReadSeed(s.config.EventKey); err != nil {
		return s, fmt.Errorf("event_key: %w", err)
	}
	if len(s.config.Brokers) > 0 {
		if s.fleetKey, err = keyfile.ReadVerifier(s.config.FleetKey); err != nil {
			return s, fmt.Errorf("fleet_key: %w", err)
		}
	}
	return s, nil
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

// openCamera opens the configured camera. A recording that ends is over; a live source that ends is broken.
func (d *daemon) openCamera(ctx context.Context) (edge.Frames, error) {
	c, err := camera.Open(ctx, d.config.Camera, camera.Options{
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
