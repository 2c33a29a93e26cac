package main

import (
	"errors"
	"fmt"
	"text/tabwriter"
	"time"

	"citygate/fleet"
	"citygate/fleet/store"
)

type deviceCommand struct {
	Add  deviceAdd  `cmd:"" help:"Enrol a gateway, or change its title and place."`
	List deviceList `cmd:"" help:"List the gateways."`
}

type deviceAdd struct {
	Config string `required:"" type:"path" help:"fleet.toml."`
	Name   string `required:"" help:"The certificate's common name: 1 to 64 of a-z 0-9 _ -."`
	Key    string `required:"" help:"The device's event key: vkey text, or a file that holds it."`
	Place  string `help:"Identifier or prefix of the place, such as MA.156.1301.02/KIOSK.000117."`
	Title  string `help:"What people call the place."`
}

// Run enrols one device. A running server sees it at the device's next message.
func (cmd deviceAdd) Run(s *streams) error {
	key, err := parseVkey(cmd.Key)
	if err != nil {
		return fmt.Errorf("--key: %w", err)
	}
	return withStore(cmd.Config, func(db *store.Store) error {
		err := db.AddDevice(s.ctx, fleet.Device{Name: cmd.Name, Key: key, Place: cmd.Place, Title: cmd.Title})
		if errors.Is(err, fleet.ErrDeviceExists) {
			return fmt.Errorf("%w: give the gateway a new name, or find out which key is its own", err)
		}
		return err
	})
}

type deviceList struct {
	Config string `required:"" type:"path" help:"fleet.toml."`
}

// Run prints one line for each device.
func (cmd deviceList) Run(s *streams) error {
	return withStore(cmd.Config, func(db *store.Store) error {
		list, err := db.Gateways(s.ctx)
		if err != nil {
			return err
		}
		w := tabwriter.NewWriter(s.out, 0, 4, 2, ' ', 0)
		fmt.Fprintln(w, "NAME\tSTATE\tSTORED TO\tHEARD\tPLACE\tTITLE")
		now := time.Now()
		for _, g := range list {
			heard := "never"
			if !g.Heard.IsZero() {
				heard = g.Heard.Format(time.RFC3339)
			}
			state := fleet.State(g.Conditions(now, fleet.DefaultLimits()))
			fmt.Fprintf(w, "%s\t%s\t%d\t%s\t%s\t%s\n", g.Name, state, g.Mark, heard, g.Place, g.Title)
		}
		return w.Flush()
	})
}

type findingCommand struct {
	List  findingList  `cmd:"" help:"List the open findings."`
	Close findingClose `cmd:"" help:"Close a finding with a written reason."`
}

type findingList struct {
	Config string `required:"" type:"path" help:"fleet.toml."`
}

// Run prints one line for each open finding.
func (cmd findingList) Run(s *streams) error {
	return withStore(cmd.Config, func(db *store.Store) error {
		list, err := db.Findings(s.ctx, store.FindingsQuery{})
		if err != nil {
			return err
		}
		w := tabwriter.NewWriter(s.out, 0, 4, 2, ' ', 0)
		fmt.Fprintln(w, "ID\tKIND\tDEVICE\tEPOCH\tFIRST\tLAST\tTIMES\tDETAIL")
		for _, f := range list {
			fmt.Fprintf(w, "%d\t%s\t%s\t%016x\t%d\t%d\t%d\t%s\n", f.ID, f.Kind, f.Device, f.Epoch, f.First, f.Last, f.Times, f.Detail)
		}
		return w.Flush()
	})
}

type findingClose struct {
	ID     int64  `arg:"" help:"The finding's number."`
	Config string `required:"" type:"path" help:"fleet.toml."`
	Reason string `required:"" help:"Why it is closed."`

	KeepBoth bool `help:"For a fork: store and acknowledge the gateway's second chain as well, beside the first, so that the gateway goes on."`
}

// Run closes one finding.
func (cmd findingClose) Run(s *streams) error {
	return withStore(cmd.Config, func(db *store.Store) error {
		if !cmd.KeepBoth {
			return db.Resolve(s.ctx, cmd.ID, cmd.Reason)
		}
		epoch, err := db.KeepBoth(s.ctx, cmd.ID, cmd.Reason)
		if err == nil {
			_, err = fmt.Fprintf(s.out, "the second chain will stand as epoch %016x\n", epoch)
		}
		return err
	})
}

type checkCommand struct {
	Config string `required:"" type:"path" help:"fleet.toml."`
	Device string `help:"Only this device."`
}

// Run walks every stored chain from its beginning.
func (cmd checkCommand) Run(s *streams) error {
	return withStore(cmd.Config, func(db *store.Store) error {
		n, err := db.Audit(s.ctx, cmd.Device)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(s.out, "%d numbers, every chain is whole\n", n)
		return err
	})
}

func withStore(configFile string, f func(*store.Store) error) error {
	c, err := loadConfig(configFile)
	if err != nil {
		return err
	}
	return withDatabase(c, f)
}

func withDatabase(c *config, f func(*store.Store) error) error {
	db, err := store.Open(c.Database, store.Options{})
	if err != nil {
		return err
	}
	return errors.Join(f(db), db.Close())
}
