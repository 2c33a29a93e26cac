package main

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/mod/sumdb/note"

	"citygate/edge"
	"citygate/edge/config"
	"citygate/edge/policy"
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
	b, err := readSmall(s.config.RootPolicy)
	if err != nil {
		return s, fmt.Errorf("root_policy: %w (the registry's init writes it as root.json)", err)
	}
	if s.root, err = ledger.ParseRootPolicy(b); err != nil {
		return s, fmt.Errorf("root_policy %s: %w", s.config.RootPolicy, err)
	}
	if s.eventKey, err = readSeed(s.config.EventKey); err != nil {
		return s, fmt.Errorf("event_key: %w", err)
	}
	if len(s.config.Brokers) > 0 {
		if s.fleetKey, err = readVKey(s.config.FleetKey); err != nil {
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

// readSeed reads an Ed25519 seed of 64 hex digits from a file that only its owner may read.
func readSeed(path string) (ed25519.PrivateKey, error) {
	st, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if st.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("%s: mode %04o lets others read a private key (chmod 600)", path, st.Mode().Perm())
	}
	b, err := readSmall(path)
	if err != nil {
		return nil, err
	}
	seed, err := hex.DecodeString(strings.TrimSpace(string(b)))
	if err != nil || len(seed) != ed25519.SeedSize {
		return nil, fmt.Errorf("%s: not a seed of 64 hex digits", path)
	}
	return ed25519.NewKeyFromSeed(seed), nil
}

// readVKey reads an Ed25519 verifier key in the text form of C2SP signed notes: name+hash+base64(01 || key).
func readVKey(path string) (ed25519.PublicKey, error) {
	b, err := readSmall(path)
	if err != nil {
		return nil, err
	}
	text := strings.TrimSpace(string(b))
	if _, err := note.NewVerifier(text); err != nil {
		return nil, fmt.Errorf("%s: not a verifier key (vkey text): %w", path, err)
	}
	// A verifier key has three parts, as NewVerifier has checked; the last one may hold plus signs itself.
	key, err := base64.StdEncoding.DecodeString(strings.SplitN(text, "+", 3)[2])
	if err != nil || len(key) != 1+ed25519.PublicKeySize || key[0] != 1 {
		return nil, fmt.Errorf("%s: not an Ed25519 verifier key", path)
	}
	return ed25519.PublicKey(key[1:]), nil
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

// appender is the outbox as the pipeline sees it.
type appender struct{ box *outbox.Outbox }

func (a appender) Append(ctx context.Context, e wire.Event) (epoch, seq uint64, err error) {
	s, err := a.box.Append(ctx, e)
	return s.Epoch, s.Seq, err
}
