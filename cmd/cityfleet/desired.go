package main

import (
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"text/tabwriter"
	"time"

	"citygate/fleet"
	"citygate/fleet/store"
	"citygate/sync/wire"
)

type desiredCommand struct {
	Set  desiredSet  `cmd:"" help:"Sign a desired state for one gateway or a ring of gateways."`
	List desiredList `cmd:"" help:"List the desired states."`
}

type desiredSet struct {
	Config string        `required:"" type:"path" help:"fleet.toml."`
	Device string        `xor:"target" required:"" help:"The gateway's name."`
	Ring   string        `xor:"target" required:"" help:"The ring's name."`
	For    time.Duration `default:"8760h" help:"How long a gateway that sees it for the first time may take it up."`
	JSON   bool          `name:"json" help:"Print target and number as JSON."`
	OpsKey string        `type:"path" help:"Seed of the operations key; default: ops_key of fleet.toml."`
	File   string        `arg:"" type:"path" help:"The state: TOML with keys of citygate.toml that may be changed from afar (camera, city, follow, formats, help, kiosk, language, lens, mirrors, nearest, theme), and for one gateway ring, the ring that it follows."`
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
		if cmd.JSON {
			return json.NewEncoder(s.out).Encode(map[string]any{"target": d.Target, "number": d.Number})
		}
		_, err = fmt.Fprintln(s.out, d.Number)
		return err
	})
}

type desiredList struct {
	Config string `required:"" type:"path" help:"fleet.toml."`
	JSON   bool   `name:"json" help:"Print JSON lines."`
}

// desiredJSON is a desired state as --json prints it; the names are stable.
type desiredJSON struct {
	Target   string            `json:"target"`
	Number   uint64            `json:"number"`
	Set      time.Time         `json:"set"`
	NotAfter time.Time         `json:"not_after"`
	Body     string            `json:"body"`
	InForce  []string          `json:"in_force"` // gateways that report it
	Pending  []string          `json:"pending"`  // those that do not yet
	Drift    map[string]string `json:"drift,omitempty"`
}

// Run prints one line for each target: how many of its gateways report it as in
// force, and below it what they could not apply.
func (cmd desiredList) Run(s *streams) error {
	return withStore(cmd.Config, func(db *store.Store) error {
		list, err := db.DesiredStates(s.ctx, "", false)
		if err != nil {
			return err
		}
		gateways, err := db.Gateways(s.ctx)
		if err != nil {
			return err
		}
		enc := json.NewEncoder(s.out)
		w := tabwriter.NewWriter(s.out, 0, 4, 2, ' ', tabwriter.StripEscape)
		if !cmd.JSON {
			fmt.Fprintln(w, "TARGET\tNUMBER\tIN FORCE\tSET\tNOT AFTER\tBYTES")
		}
		for _, d := range list {
			j := desiredOf(d, gateways)
			if cmd.JSON {
				if err := enc.Encode(j); err != nil {
					return err
				}
				continue
			}
			fmt.Fprintf(w, "%s\t%d\t%d of %d\t%s\t%s\t%d\n", j.Target, j.Number, len(j.InForce), len(j.InForce)+len(j.Pending),
				j.Set.Format(time.RFC3339), j.NotAfter.Format(time.RFC3339), len(j.Body))
			for _, k := range slices.Sorted(maps.Keys(j.Drift)) {
				fmt.Fprintf(w, "\xff    %s: %s\xff\n", k, j.Drift[k])
			}
		}
		return w.Flush()
	})
}

// desiredOf compares a desired state with what its gateways report.
func desiredOf(d store.Desired, gateways []fleet.Gateway) desiredJSON {
	j := desiredJSON{Target: d.Target, Number: d.Number, Set: d.Set.UTC(), NotAfter: time.Unix(d.NotAfter, 0).UTC(), Body: string(d.Body),
		InForce: []string{}, Pending: []string{}, Drift: map[string]string{}}
	for _, g := range gateways {
		r := g.Report
		if r == nil {
			r = &wire.Report{}
		}
		number := r.Desired
		switch {
		case d.Target == "d/"+g.Name:
		case d.Target == "g/"+r.Ring:
			number = r.RingDesired
		default:
			continue
		}
		if number != d.Number {
			j.Pending = append(j.Pending, g.Name)
			continue
		}
		j.InForce = append(j.InForce, g.Name)
		for part, reason := range r.Drift {
			j.Drift[g.Name+" "+part] = reason
		}
	}
	return j
}
