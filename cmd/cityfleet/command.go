package main

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"citygate/fleet"
	"citygate/fleet/store"
	"citygate/internal/keyfile"
	"citygate/sync/wire"
)

type commandCommand struct {
	Send commandSend `cmd:"" help:"Sign a command and give it to one gateway."`
	List commandList `cmd:"" help:"List commands and how far they are."`
	CSR  commandCSR  `cmd:"" name:"csr" help:"Print the certificate request that a rotate-certificate command brought, as PEM."`
}

type commandSend struct {
	Config string            `required:"" type:"path" help:"fleet.toml."`
	For    time.Duration     `default:"1h" help:"How long the gateway may take it up; later it answers \"expired\"."`
	Wait   time.Duration     `help:"Wait so long for its last word; anything but \"ok\" is then an error."`
	JSON   bool              `name:"json" help:"Print the command as a JSON line."`
	OpsKey string            `type:"path" help:"Seed of the operations key; default: ops_key of fleet.toml."`
	Device string            `arg:"" help:"The gateway's name."`
	Name   string            `arg:"" help:"What to do: scan-test, snapshot-log, reload, restart, rotate-certificate, set-out-of-service."`
	Args   map[string]string `arg:"" optional:"" help:"Its arguments, as name=value; cert=@FILE for a certificate (PEM)."`
}

// Run stores the signed command; the running server publishes it within a second
// or at the gateway's next birth.
func (cmd commandSend) Run(s *streams) error {
	args, err := commandArgs(cmd.Args)
	if err != nil {
		return err
	}
	return withOps(cmd.Config, cmd.OpsKey, func(db *store.Store, key ed25519.PrivateKey) error {
		id, err := newID(time.Now())
		if err != nil {
			return err
		}
		c := wire.Command{ID: id, Device: cmd.Device, Name: cmd.Name, NotAfter: time.Now().Add(cmd.For).Unix(), Args: args}
		if err := c.Sign(key); err != nil {
			return err
		}
		if err := db.GiveCommand(s.ctx, c); err != nil {
			return err
		}
		given, err := awaitCommand(s, db, c, cmd.Wait)
		if err != nil {
			return err
		}
		if err := printCommands(s, []fleet.Command{given}, cmd.JSON); err != nil {
			return err
		}
		if cmd.Wait > 0 && given.State != wire.ResultOK {
			return fmt.Errorf("%s of %s is %s", c.Name, c.Device, given.Progress(time.Now()))
		}
		return nil
	})
}

// commandArgs reads the arguments that are files: a certificate goes as name-1,
// name-2 and so on, since it is longer than one text of a command may be.
func commandArgs(given map[string]string) (map[string]string, error) {
	args := map[string]string{}
	for name, value := range given {
		file, isFile := strings.CutPrefix(value, "@")
		if !isFile {
			args[name] = value
			continue
		}
		raw, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("argument %s: %w", name, err)
		}
		block, _ := pem.Decode(raw)
		if block == nil {
			return nil, fmt.Errorf("argument %s: no PEM block in %s", name, file)
		}
		const piece = 250
		text := base64.StdEncoding.EncodeToString(block.Bytes)
		for i := 1; text != ""; i++ {
			n := min(piece, len(text))
			args[fmt.Sprintf("%s-%d", name, i)], text = text[:n], text[n:]
		}
	}
	return args, nil
}

// awaitCommand reads a command back, and waits for its last word as long as asked
// for. It tells each step to standard error.
func awaitCommand(s *streams, db *store.Store, c wire.Command, wait time.Duration) (fleet.Command, error) {
	limit := time.After(wait)
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	told := ""
	for {
		found, err := findCommand(s, db, c.Device, c.ID)
		if err != nil || wait <= 0 || found.Final() {
			return found, err
		}
		if p := found.Progress(time.Now()); p != told {
			told = p
			fmt.Fprintf(s.err, "%s %s %s: %s\n", c.ID, c.Device, c.Name, p)
		}
		select {
		case <-tick.C:
		case <-limit:
			return found, nil
		case <-s.ctx.Done():
			return found, s.ctx.Err()
		}
	}
}

func findCommand(s *streams, db *store.Store, device, id string) (fleet.Command, error) {
	list, err := db.Commands(s.ctx, store.CommandsQuery{Device: device, Limit: 1000})
	if err != nil {
		return fleet.Command{}, err
	}
	for _, c := range list {
		if c.ID == id {
			return c, nil
		}
	}
	return fleet.Command{}, fmt.Errorf("command %s of %s: %w (cityfleet command list shows them)", id, device, store.ErrUnknownCommand)
}

type commandCSR struct {
	Config string `required:"" type:"path" help:"fleet.toml."`
	Device string `arg:"" help:"The gateway's name."`
	ID     string `arg:"" help:"The command's identifier."`
}

// Run puts the pieces of the request together.
func (cmd commandCSR) Run(s *streams) error {
	return withStore(cmd.Config, func(db *store.Store) error {
		c, err := findCommand(s, db, cmd.Device, cmd.ID)
		if err != nil {
			return err
		}
		text := ""
		for i := 1; c.Detail[fmt.Sprintf("csr-%d", i)] != ""; i++ {
			text += c.Detail[fmt.Sprintf("csr-%d", i)]
		}
		der, err := base64.StdEncoding.DecodeString(text)
		if err == nil && len(der) == 0 {
			err = fmt.Errorf("it is %s and brought no request", c.Progress(time.Now()))
		}
		if err != nil {
			return fmt.Errorf("command %s: %w", cmd.ID, err)
		}
		return pem.Encode(s.out, &pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der})
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
	JSON   bool   `name:"json" help:"Print JSON lines."`
}

// Run prints the commands, the newest first.
func (cmd commandList) Run(s *streams) error {
	return withStore(cmd.Config, func(db *store.Store) error {
		list, err := db.Commands(s.ctx, store.CommandsQuery{Device: cmd.Device, Open: cmd.Open})
		if err != nil {
			return err
		}
		return printCommands(s, list, cmd.JSON)
	})
}

// commandJSON is a command as --json prints it; the names are stable.
type commandJSON struct {
	ID       string            `json:"id"`
	Device   string            `json:"device"`
	Name     string            `json:"name"`
	Args     map[string]string `json:"args,omitempty"`
	Progress string            `json:"progress"` // given, sent, accepted, running, ok, failed, rejected, expired
	Given    time.Time         `json:"given"`
	NotAfter time.Time         `json:"not_after"`
	Answered *time.Time        `json:"answered,omitempty"`
	Reason   string            `json:"reason,omitempty"`
	Detail   map[string]string `json:"detail,omitempty"`
}

// printCommands prints one line for each command, and below it what the gateway
// answered.
func printCommands(s *streams, list []fleet.Command, asJSON bool) error {
	now := time.Now()
	if asJSON {
		enc := json.NewEncoder(s.out)
		for _, c := range list {
			j := commandJSON{ID: c.ID, Device: c.Device, Name: c.Name, Args: c.Args, Progress: c.Progress(now), Given: c.Given.UTC(),
				NotAfter: time.Unix(c.NotAfter, 0).UTC(), Reason: c.Reason, Detail: c.Detail}
			if !c.At.IsZero() {
				at := c.At.UTC()
				j.Answered = &at
			}
			if err := enc.Encode(j); err != nil {
				return err
			}
		}
		return nil
	}
	w := tabwriter.NewWriter(s.out, 0, 4, 2, ' ', tabwriter.StripEscape)
	fmt.Fprintln(w, "ID\tDEVICE\tNAME\tPROGRESS\tGIVEN\tREASON")
	for _, c := range list {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", c.ID, c.Device, c.Name, c.Progress(now), c.Given.Format(time.RFC3339), c.Reason)
		for _, k := range slices.Sorted(maps.Keys(c.Detail)) {
			fmt.Fprintf(w, "\xff    %s: %s\xff\n", k, c.Detail[k]) // escaped: no cell, so that it widens no column
		}
	}
	return w.Flush()
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
