package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"citygate/internal/pki"
	"citygate/trust/registry"
	"citygate/trust/registry/witness"
)

// The demo's quorum, and the names in its certificates.
const (
	witnessCount  = 3
	witnessQuorum = 2
	device        = "sjz-0103-0117"
	fleetName     = "fleet"
)

// addresses are where the parts listen. They are kept with the state, since registries and gateways have them in their
// configuration; a second start uses them again.
type addresses struct {
	Kiosk, Fleet, Broker, Ledger string
	Witness                      [witnessCount]string
}

// demo is one run. Its parts are started in the order in which they need each other and stopped in the opposite one.
type demo struct {
	options
	out, err io.Writer
	now      func() time.Time

	addr      addresses
	pki       *pki.Authority
	land      *land
	broker    *broker
	witnesses []*process
	ledger    *process
	fleet     *process
	gateway   *process
	journal   *journal
	oldEpochs map[string]bool // of the gateway, from earlier starts
	failed    chan error      // of parts that end by themselves
}

func newDemo(o options, stdout, stderr io.Writer) *demo {
	return &demo{options: o, out: stdout, err: stderr, now: time.Now, oldEpochs: map[string]bool{}, failed: make(chan error, 16)}
}

// run starts everything, plays, and stops everything.
func (d *demo) run(ctx context.Context) (err error) {
	d.say("state in %s", d.state)
	if err := d.prepare(); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.stop(context.WithoutCancel(ctx))) }()
	exhibits, err := d.startCentre(ctx)
	if err != nil {
		return err
	}
	if err := d.startEdge(ctx, exhibits); err != nil {
		return err
	}
	return d.play(ctx, exhibits)
}

// prepare makes folders, addresses and keys, or finds those of an earlier start.
func (d *demo) prepare() error {
	abs, err := filepath.Abs(d.state)
	if err != nil {
		return err
	}
	d.state = abs
	for _, dir := range []string{"log", "pki", "keys", "broker", "fleet", "gateway", "registries", "reels"} {
		if _, err := makeFolder(d.state, dir); err != nil {
			return err
		}
	}
	if err := d.chooseAddresses(); err != nil {
		return err
	}
	if d.pki, err = pki.Open(d.path("pki"), "Citygate demo", d.now); err != nil {
		return err
	}
	d.journal, err = openJournal(d.path("journal.jsonl"))
	return err
}

func (d *demo) chooseAddresses() error {
	file := d.path("addresses.json")
	if b, err := os.ReadFile(file); err == nil {
		return json.Unmarshal(b, &d.addr)
	}
	w := &d.addr.Witness
	err := listenAddresses(d.port, &d.addr.Kiosk, &d.addr.Fleet, &d.addr.Broker, &d.addr.Ledger, &w[0], &w[1], &w[2])
	if err != nil {
		return err
	}
	b, err := json.MarshalIndent(d.addr, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(file, append(b, '\n'), 0o644)
}

// startCentre starts what stands in offices: witnesses, registries, the server of their logs, broker and fleet.
func (d *demo) startCentre(ctx context.Context) ([]exhibit, error) {
	witnesses, err := d.witnessKeys()
	if err != nil {
		return nil, err
	}
	folders, err := createLand(d.path("registries"), offices(witnesses, "http://"+d.addr.Ledger))
	if err != nil {
		return nil, err
	}
	if err := d.startWitnesses(ctx, folders); err != nil {
		return nil, err
	}
	d.say("three witnesses, quorum %d", witnessQuorum)
	if d.land, err = openLand(ctx, folders); err != nil {
		return nil, err
	}
	exhibits, err := d.land.mint(ctx, d.now())
	if err != nil {
		return nil, err
	}
	d.say("registries of MA.156, Shijiazhuang and Tangshan: %d codes minted", len(exhibits))
	serve := []string{d.command("cityregistry"), "serve", "--listen", d.addr.Ledger}
	for _, f := range folders {
		serve = append(serve, "--dir", f)
	}
	d.ledger = newProcess("ledger", d.path("log"), serve...)
	if err := d.ledger.start(d.fail); err != nil {
		return nil, err
	}
	if err := waitTCP(ctx, d.addr.Ledger); err != nil {
		return nil, err
	}
	if err := d.startBroker(ctx); err != nil {
		return nil, err
	}
	return exhibits, d.startFleet(ctx)
}

// witnessKeys makes the witnesses' keys, or reads those of an earlier start.
func (d *demo) witnessKeys() (list []registry.Witness, err error) {
	for i, addr := range d.addr.Witness {
		name := fmt.Sprintf("witness-%d", i+1)
		skeyFile, vkeyFile := d.path("keys", name+".skey"), d.path("keys", name+".vkey")
		vkey, err := os.ReadFile(vkeyFile)
		if err != nil {
			skey, made, err := witness.GenerateKey(demoOrigin + "/" + name)
			if err != nil {
				return nil, err
			}
			if err := os.WriteFile(skeyFile, []byte(skey+"\n"), 0o600); err != nil {
				return nil, err
			}
			if err := os.WriteFile(vkeyFile, []byte(made), 0o644); err != nil {
				return nil, err
			}
			vkey = []byte(made)
		}
		list = append(list, registry.Witness{Key: string(vkey), URL: "http://" + addr})
	}
	return list, nil
}

func (d *demo) startWitnesses(ctx context.Context, folders []string) error {
	logs, err := logKeys(folders)
	if err != nil {
		return err
	}
	for i, addr := range d.addr.Witness {
		name := fmt.Sprintf("witness-%d", i+1)
		argv := []string{d.command("cityregistry"), "witness", "--listen", addr, "--state", d.path(name), "--key", d.path("keys", name+".skey")}
		for _, key := range logs {
			argv = append(argv, "--log", key)
		}
		d.witnesses = append(d.witnesses, newProcess(name, d.path("log"), argv...))
	}
	return d.eachWitness(func(i int, p *process) error {
		if err := p.start(d.fail); err != nil {
			return err
		}
		return waitTCP(ctx, d.addr.Witness[i])
	})
}

func (d *demo) eachWitness(do func(i int, p *process) error) error {
	for i, p := range d.witnesses {
		if err := do(i, p); err != nil {
			return err
		}
	}
	return nil
}

func (d *demo) startBroker(ctx context.Context) error {
	cert, key, err := d.pki.Issue("broker", "127.0.0.1", "localhost")
	if err != nil {
		return err
	}
	files := brokerFiles{ca: d.path("pki", pki.RootCert), cert: cert, key: key}
	if d.broker, err = newBroker(d.path("broker"), d.path("log"), d.addr.Broker, files, d.embedded); err != nil {
		return err
	}
	if err := d.broker.start(ctx, d.fail); err != nil {
		return err
	}
	d.say("broker: %s with TLS 1.3 and client certificates", d.broker.name())
	return nil
}

// stop ends all parts: the gateway first, and the offices while their witnesses are still there.
func (d *demo) stop(ctx context.Context) error {
	end := func(list ...*process) {
		for _, p := range list {
			if p != nil {
				p.stop(syscall.SIGTERM)
			}
		}
	}
	end(d.gateway, d.fleet)
	var errs []error
	if d.land != nil {
		ctx, cancel := context.WithTimeout(ctx, stopLimit)
		defer cancel()
		errs = append(errs, d.land.close(ctx))
	}
	end(d.ledger)
	end(d.witnesses...)
	if d.broker != nil {
		d.broker.stop()
	}
	return errors.Join(append(errs, d.journal.close())...)
}

func (d *demo) fail(err error) {
	select {
	case d.failed <- err:
	default: // the first failure is reported
	}
}

func (d *demo) path(parts ...string) string {
	return filepath.Join(append([]string{d.state}, parts...)...)
}

func (d *demo) command(name string) string { return filepath.Join(d.bin, name) }

// say tells the person at the terminal what happens; standard output stays for addresses, scans and the summary.
func (d *demo) say(format string, args ...any) { fmt.Fprintf(d.err, "demo: "+format+"\n", args...) }
