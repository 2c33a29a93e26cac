package main

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"citygate/fleet/store"
	"citygate/internal/keyfile"
	"citygate/sync/wire"
)

type commandCommand struct {
	Send commandSend `cmd:"" help:"Sign a command and give it to one gateway."`
	List commandList `cmd:"" help:"List commands and how far they are."`
}

type commandSend struct {
	Config string            `required:"" type:"path" help:"fleet.toml."`
	Device string            `required:"" help:"The gateway's name."`
	For    time.Duration     `default:"1h" help:"How long the gateway may take it up; later it answers \"expired\"."`
	OpsKey string            `type:"path" help:"Seed of the operations key; default: ops_key of fleet.toml."`
	Name   string            `arg:"" help:"What to do: scan-test, snapshot-log, reload, restart, rotate-certificate, set-out-of-service."`
	Args   map[string]string `arg:"" optional:"" help:"Its arguments, as name=value."`
}

// Run stores the signed command; the running server publishes it within a second
// or at the gateway's next birth. It prints the command's identifier.
func (cmd commandSend) Run(s *streams) error {
	return withOps(cmd.Config, cmd.OpsKey, func(db *store.Store, key ed25519.PrivateKey) error {
		id, err := newID(time.Now())
		if err != nil {
			return err
		}
		c := wire.Command{ID: id, Device: cmd.Device, Name: cmd.Name, NotAfter: time.Now().Add(cmd.For).Unix(), Args: cmd.Args}
		if err := c.Sign(key); err != nil {
			return err
		}
		if err := db.GiveCommand(s.ctx, c); err != nil {
			return err
		}
		_, err = fmt.Fprintln(s.out, id)
		return err
	})
}

// newID makes an identifier that sorts by time: 12 hex digits of microseconds
// and 8 random ones.
func newID(now time.Time) (string, error) {
	b := make([]byte, 4)
	if _, err := rand.Read(b); err != nil {
		return "", fmt.Errorf("make identifier: %w", err)
	}
	return fmt.Sprintf("%012x", now.UnixMicro()&(1<<48-1)) + hex.EncodeToString(b), nil
}

type commandList struct {
	Config string `required:"" type:"path" help:"fleet.toml."`
	Device string `help:"Only this gateway's."`
	Open   bool   `help:"Only those without a final answer."`
}

// Run prints one line for each command, the newest first.
func (cmd commandList) Run(s *streams) error {
	return withStore(cmd.Config, func(db *store.Store) error {
		list, err := db.Commands(s.ctx, store.CommandsQuery{Device: cmd.Device, Open: cmd.Open})
		if err != nil {
			return err
		}
		w := tabwriter.NewWriter(s.out, 0, 4, 2, ' ', 0)
		fmt.Fprintln(w, "ID\tDEVICE\tNAME\tPROGRESS\tGIVEN\tANSWER")
		now := time.Now()
		for _, c := range list {
			answer := []string{}
			if c.Reason != "" {
				answer = append(answer, c.Reason)
			}
			for _, k := range slices.Sorted(maps.Keys(c.Detail)) {
				answer = append(answer, k+"="+c.Detail[k])
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", c.ID, c.Device, c.Name, c.Progress(now), c.Given.Format(time.RFC3339), strings.Join(answer, " "))
		}
		return w.Flush()
	})
}

type desiredCommand struct {
	Set  desiredSet  `cmd:"" help:"Sign a desired state for one gateway or a ring of gateways."`
	List desiredList `cmd:"" help:"List the desired states."`
}

type desiredSet struct {
	Config string        `required:"" type:"path" help:"fleet.toml."`
	Device string        `xor:"target" required:"" help:"The gateway's name."`
	Ring   string        `xor:"target" required:"" help:"The ring's name."`
	For    time.Duration `default:"8760h" help:"How long a gateway that sees it for the first time may take it up."`
	OpsKey string        `type:"path" help:"Seed of the operations key; default: ops_key of fleet.toml."`
	File   string        `arg:"" type:"path" help:"The state: TOML with keys of citygate.toml that may be changed from afar."`
}

// Run stores the signed state under the target's next number, which it prints.
func (cmd desiredSet) Run(s *streams) error {
	body, err := os.ReadFile(cmd.File)
	if err != nil {
		return fmt.Errorf("read desired state: %w", err)
	}
	target := "d/" + cmd.Device
	if cmd.Ring != "" {
		target = "g/" + cmd.Ring
	}
	return withOps(cmd.Config, cmd.OpsKey, func(db *store.Store, key ed25519.PrivateKey) error {
		if cmd.Device != "" {
			if _, err := db.Device(s.ctx, cmd.Device); err != nil {
				return err
			}
		}
		last, err := db.DesiredStates(s.ctx, target, false)
		if err != nil {
			return err
		}
		d := wire.Desired{Target: target, Number: 1, NotAfter: time.Now().Add(cmd.For).Unix(), Body: body}
		if len(last) > 0 {
			d.Number = last[0].Number + 1
		}
		d.Sign(key)
		if err := db.SetDesired(s.ctx, d); err != nil {
			return err
		}
		_, err = fmt.Fprintln(s.out, d.Number)
		return err
	})
}

type desiredList struct {
	Config string `required:"" type:"path" help:"fleet.toml."`
}

// Run prints one line for each target.
func (cmd desiredList) Run(s *streams) error {
	return withStore(cmd.Config, func(db *store.Store) error {
		list, err := db.DesiredStates(s.ctx, "", false)
		if err != nil {
			return err
		}
		w := tabwriter.NewWriter(s.out, 0, 4, 2, ' ', 0)
		fmt.Fprintln(w, "TARGET\tNUMBER\tSET\tNOT AFTER\tBYTES")
		for _, d := range list {
			fmt.Fprintf(w, "%s\t%d\t%s\t%s\t%d\n", d.Target, d.Number, d.Set.Format(time.RFC3339), time.Unix(d.NotAfter, 0).UTC().Format(time.RFC3339), len(d.Body))
		}
		return w.Flush()
	})
}

// withOps opens the store and the operations key. Only these commands read the
// key: the server sends what they signed.
func withOps(configFile, keyFile string, f func(*store.Store, ed25519.PrivateKey) error) error {
	c, err := loadConfig(configFile)
	if err != nil {
		return err
	}
	if keyFile == "" {
		keyFile = c.OpsKey
	}
	if keyFile == "" {
		return errors.New("no operations key: set ops_key in fleet.toml or give --ops-key (cityfleet keygen makes one)")
	}
	key, err := keyfile.ReadSeed(keyFile)
	if err != nil {
		return fmt.Errorf("operations key: %w", err)
	}
	return withStore(configFile, func(db *store.Store) error { return f(db, key) })
}
