package main

import (
	"cmp"
	"context"
	"crypto/ed25519"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"text/tabwriter"
	"time"

	"citygate/fleet"
	"citygate/fleet/enrolment"
	"citygate/fleet/store"
	"citygate/internal/keyfile"
	"citygate/internal/pki"
)

// enrolName is the name of the endpoint's own certificate in the authority's folder.
const enrolName = "enrol"

type enrolCommand struct {
	List   enrolList   `cmd:"" help:"List the devices that ask, each with its claim code."`
	Accept enrolAccept `cmd:"" help:"Take the device with this claim code into the fleet."`
	Refuse enrolRefuse `cmd:"" help:"Refuse the device with this claim code."`
	Pin    enrolPin    `cmd:"" help:"Print the pin by which devices know this fleet."`
}

type enrolList struct {
	Config string `required:"" type:"path" help:"fleet.toml."`
	All    bool   `help:"Those that were decided on as well."`
}

// Run prints one line for each request, the newest first.
func (cmd enrolList) Run(s *streams) error {
	c, pin, err := loadPin(cmd.Config)
	if err != nil {
		return err
	}
	return withDatabase(c, func(db *store.Store) error {
		list, err := db.Enrolments(s.ctx, cmd.All)
		if err != nil {
			return err
		}
		w := tabwriter.NewWriter(s.out, 0, 4, 2, ' ', 0)
		fmt.Fprintln(w, "CLAIM CODE\tSTATE\tFIRST\tSEEN\tFROM\tDEVICE\tBOARD\tSOFTWARE")
		for _, e := range list {
			var board, software, device = "?", "?", e.Device
			if r, err := enrolment.ParseRequest(pin, e.Request); err == nil {
				board, software, device = cmp.Or(r.Board, "-"), r.Software, cmp.Or(e.Device, r.Wish, "-")
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", e.Code, e.State, e.First.Format(time.RFC3339), e.Seen.Format(time.RFC3339), e.Source, device, board, software)
		}
		return w.Flush()
	})
}

type enrolAccept struct {
	Config string `required:"" type:"path" help:"fleet.toml."`
	Code   string `arg:"" help:"The claim code, read from the device's own screen: never from the list alone."`
	Name   string `required:"" help:"The gateway's name from now on: 1 to 64 of a-z 0-9 _ -."`
	Place  string `required:"" help:"Identifier of where it stands, such as MA.156.1301.02."`
	Title  string `help:"What people call the place."`
	Days   int    `default:"365" help:"How long its certificate is good."`
}

// Run signs the device's certificate and stores what it is given; the server hands it over at the device's next
// question. Only this command reads the authority's key.
func (cmd enrolAccept) Run(s *streams) error {
	c, pin, err := loadPin(cmd.Config)
	if err != nil {
		return err
	}
	code, err := enrolment.ParseCode(cmd.Code)
	if err != nil {
		return err
	}
	if cmd.Name == c.ClientID {
		return fmt.Errorf("--name %s is the fleet server's own: the broker would give the gateway its rights", cmd.Name)
	}
	if cmd.Days < 1 || cmd.Days > 3650 {
		return fmt.Errorf("--days is %d, want 1 to 3650", cmd.Days)
	}
	return withDatabase(c, func(db *store.Store) error {
		e, err := db.Enrolment(s.ctx, code)
		if err != nil {
			return fmt.Errorf("%s: %w (cityfleet enrol list shows those that ask; is the device on, and is this its code?)", code, err)
		}
		r, err := enrolment.ParseRequest(pin, e.Request)
		if err != nil {
			return fmt.Errorf("request %s: %w", code, err)
		}
		d := fleet.Device{Name: cmd.Name, Key: r.EventKey, Place: cmd.Place, Title: cmd.Title}
		grant, err := makeGrant(c, r, d, time.Duration(cmd.Days)*24*time.Hour)
		if err != nil {
			return err
		}
		err = db.GrantEnrolment(s.ctx, code, d, grant)
		if errors.Is(err, fleet.ErrDeviceExists) {
			return fmt.Errorf("%w: give the gateway a new name", err)
		}
		if err == nil {
			_, err = fmt.Fprintln(s.out, d.Name)
		}
		return err
	})
}

// makeGrant signs the certificate and puts together what a device is given.
func makeGrant(c *config, r *enrolment.Request, d fleet.Device, life time.Duration) ([]byte, error) {
	authority, err := pki.Load(c.Enrol.Authority, time.Now)
	if err != nil {
		return nil, err
	}
	ack, err := keyfile.ReadSeed(c.AckKey)
	if err != nil {
		return nil, fmt.Errorf("ack_key: %w", err)
	}
	ops, err := opsVerifier(c)
	if err != nil {
		return nil, err
	}
	root, err := os.ReadFile(c.Enrol.RootPolicy)
	if err != nil {
		return nil, fmt.Errorf("root_policy: %w", err)
	}
	cert, err := authority.Certify(d.Name, r.PublicKey(), life)
	if err != nil {
		return nil, err
	}
	grant, err := enrolment.Grant{
		Device: d.Name, Place: d.Place, Cert: cert, CA: [][]byte{authority.Cert().Raw}, Brokers: c.Enrol.Brokers,
		FleetKey: ack.Public().(ed25519.PublicKey), OpsKey: ops, RootPolicy: root, Mirrors: c.Enrol.Mirrors,
	}.Encode()
	if err != nil {
		return nil, fmt.Errorf("what the gateway is given: %w (the table [enrolment] of fleet.toml says it)", err)
	}
	return grant, nil
}

// opsVerifier is the operations key that gateways pin, or nil.
func opsVerifier(c *config) (ed25519.PublicKey, error) {
	if c.Enrol.OpsVkey != "" {
		key, err := keyfile.ReadVerifier(c.Enrol.OpsVkey)
		if err != nil {
			return nil, fmt.Errorf("ops_vkey: %w", err)
		}
		return key, nil
	}
	if c.OpsKey == "" {
		return nil, nil
	}
	key, err := keyfile.ReadSeed(c.OpsKey)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("ops_key: %w (where the key is kept elsewhere, give ops_vkey)", err)
	}
	if err != nil {
		return nil, fmt.Errorf("ops_key: %w", err)
	}
	return key.Public().(ed25519.PublicKey), nil
}

type enrolRefuse struct {
	Config string `required:"" type:"path" help:"fleet.toml."`
	Code   string `arg:"" help:"The claim code."`
	Reason string `required:"" help:"Why; the device shows it."`
}

// Run refuses one request. It may still be accepted later.
func (cmd enrolRefuse) Run(s *streams) error {
	code, err := enrolment.ParseCode(cmd.Code)
	if err != nil {
		return err
	}
	if !enrolment.ValidLine(cmd.Reason) {
		return errors.New("--reason: want one line of at most 256 octets")
	}
	return withStore(cmd.Config, func(db *store.Store) error { return db.RefuseEnrolment(s.ctx, code, cmd.Reason) })
}

type enrolPin struct {
	Config string `required:"" type:"path" help:"fleet.toml."`
}

// Run prints the pin of the fleet's authority.
func (cmd enrolPin) Run(s *streams) error {
	_, pin, err := loadPin(cmd.Config)
	if err == nil {
		_, err = fmt.Fprintln(s.out, pin)
	}
	return err
}

type certCommand struct {
	Config string   `required:"" type:"path" help:"fleet.toml; its authority is made where there is none."`
	Name   string   `arg:"" help:"\"enrol\" for the endpoint of new gateways, \"broker\", or a client's common name such as \"fleet\"."`
	Host   []string `help:"A name or address that a server is reached under."`
	Days   int      `default:"365" help:"How long it is good. A pair that has half of this left is kept."`
}

// Run makes the pair and prints the names of its files and of the authority's certificate.
func (cmd certCommand) Run(s *streams) error {
	c, err := loadConfig(cmd.Config)
	if err != nil {
		return err
	}
	if !fleet.ValidName(cmd.Name) || cmd.Name == "ca" {
		return fmt.Errorf("name %q: want 1 to 64 of a-z 0-9 _ -, and not the authority's", cmd.Name)
	}
	if cmd.Name == enrolName && len(cmd.Host) == 0 {
		return errors.New("the endpoint needs --host: the name in the address that gateways are given")
	}
	authority, err := pki.Open(c.Enrol.Authority, "Citygate fleet", time.Now)
	if err != nil {
		return err
	}
	cert, key, err := authority.IssueFor(time.Duration(cmd.Days)*24*time.Hour, cmd.Name, cmd.Host...)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(s.out, "%s\n%s\n%s\n", cert, key, filepath.Join(c.Enrol.Authority, pki.RootCert))
	return err
}

// loadPin reads the configuration and the pin of its authority.
func loadPin(configFile string) (*config, enrolment.Pin, error) {
	c, err := loadConfig(configFile)
	if err != nil {
		return nil, enrolment.Pin{}, err
	}
	ca, err := pki.ReadCert(filepath.Join(c.Enrol.Authority, pki.RootCert))
	if errors.Is(err, fs.ErrNotExist) {
		err = fmt.Errorf("%w (cityfleet cert %s --host NAME makes the authority)", err, enrolName)
	}
	if err != nil {
		return nil, enrolment.Pin{}, err
	}
	return c, enrolment.PinOf(ca), nil
}

// enrolEndpoint listens for new gateways. Its certificate is read anew for each connection, so that a renewed one is
// used without a restart; the authority's follows it, which is what devices have the pin of.
func enrolEndpoint(c *config, db *store.Store, log *slog.Logger) (func(context.Context) error, error) {
	ca, err := pki.ReadCert(filepath.Join(c.Enrol.Authority, pki.RootCert))
	if err != nil {
		return nil, fmt.Errorf("enrolment: %w (cityfleet cert %s --host NAME makes what is missing)", err, enrolName)
	}
	certificate := func() (*tls.Certificate, error) {
		pair, err := tls.LoadX509KeyPair(filepath.Join(c.Enrol.Authority, enrolName+".pem"), filepath.Join(c.Enrol.Authority, enrolName+".key"))
		if err != nil {
			log.Error("certificate of the enrolment endpoint", "error", err)
			return nil, err
		}
		pair.Certificate = append(pair.Certificate, ca.Raw)
		return &pair, nil
	}
	if _, err := certificate(); err != nil {
		return nil, fmt.Errorf("enrolment: %w (cityfleet cert %s --host NAME makes it)", err, enrolName)
	}
	l, err := net.Listen("tcp", c.Enrol.Listen)
	if err != nil {
		return nil, fmt.Errorf("enrolment: listen: %w", err)
	}
	pin := enrolment.PinOf(ca)
	log.Info("new gateways may ask", "address", l.Addr().String(), "pin", pin.String())
	endpoint := enrolment.NewServer(pin, db, log)
	return func(ctx context.Context) error { return endpoint.Run(ctx, l, certificate) }, nil
}
