package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"strings"
	"time"

	systemd "github.com/coreos/go-systemd/v22/daemon"

	"citygate/fleet/enrolment"
)

// This file implements `citygate enrol`: a device's first start.

const enrolUsage = `usage: citygate enrol --config FILE --fleet URL --pin PIN

Brings a new device into a fleet. It makes the device's keys, asks the fleet at
URL for a certificate and shows a claim code, here and on the citizen's page,
until an operator has accepted the device by that code (cityfleet enrol accept).
Then everything that the fleet gives lies beside FILE, FILE has the gateway's
name, place and brokers, and citygate run may start. The fleet is known by PIN
(cityfleet enrol pin prints it), and nobody else is talked to.

It may be stopped at any moment and goes on where it was; the claim code stays
the same. On a device that is enrolled it does nothing.

Exit status: 0 once the device is enrolled, 1 if it was stopped or cannot go
on, 3 for wrong usage or a wrong configuration, which changes nothing.
`

// Pauses between two questions. Each is random, from nothing to the pause ("full jitter"), so that a thousand devices
// that are switched on together do not ask together.
const (
	askFirst       = time.Second
	askMostWaiting = 30 * time.Second // an operator stands before the device
	askMostElse    = 5 * time.Minute  // the fleet is not reached, or has refused
)

func runEnrol(ctx context.Context, args []string, _ io.Reader, stdout, stderr io.Writer) int {
	set := flag.NewFlagSet("enrol", flag.ContinueOnError)
	set.SetOutput(io.Discard)
	file, fleet, pinText := set.String("config", "", ""), set.String("fleet", "", ""), set.String("pin", "", "")
	err := set.Parse(args)
	if errors.Is(err, flag.ErrHelp) {
		fmt.Fprint(stdout, enrolUsage)
		return exitOK
	}
	if err == nil && (*file == "" || *fleet == "" || *pinText == "" || set.NArg() > 0) {
		err = errors.New("wants --config FILE, --fleet URL and --pin PIN")
	}
	if err != nil {
		fmt.Fprintf(stderr, "citygate enrol: %v (citygate enrol --help shows the usage)\n", err)
		return exitUsage
	}
	e, err := newEnroller(*file, *fleet, *pinText, slog.New(slog.NewJSONHandler(stderr, nil)))
	if err != nil {
		fmt.Fprintf(stderr, "citygate enrol: %v\n", err)
		return exitUsage
	}
	e.say = func(line string) { fmt.Fprintln(stdout, line) }
	if err := e.run(ctx); err != nil {
		fmt.Fprintf(stderr, "citygate enrol: %v\n", err)
		return exitFailed
	}
	return exitOK
}

// enroller brings one device into one fleet.
type enroller struct {
	*deviceFiles
	pin    enrolment.Pin
	client *enrolment.Client
	page   *enrolPage
	log    *slog.Logger
	say    func(line string) // for the person at the console
}

func newEnroller(file, fleet, pinText string, log *slog.Logger) (*enroller, error) {
	files, err := openDeviceFiles(file)
	if err != nil {
		return nil, err
	}
	pin, err := enrolment.ParsePin(pinText)
	if err != nil {
		return nil, fmt.Errorf("--pin: %w", err)
	}
	client, err := enrolment.NewClient(fleet, pin, time.Now)
	if err != nil {
		return nil, fmt.Errorf("--fleet: %w", err)
	}
	return &enroller{deviceFiles: files, pin: pin, client: client, page: newEnrolPage(files.config, fleet), log: log}, nil
}

// run goes on where the last run ended, and returns nil once the device is enrolled.
func (e *enroller) run(ctx context.Context) error {
	done, err := e.resume()
	if err != nil {
		return err
	}
	if done {
		e.say("this device is enrolled")
		return nil
	}
	keys, err := e.makeKeys()
	if err != nil {
		return err
	}
	request, err := enrolment.NewRequest(e.pin, keys.tls, keys.event, version(), boardName(), e.config.Device)
	if err != nil {
		return err
	}
	code := request.Identity(e.pin).Code()
	e.page.set(enrolState{State: enrolAsking, Code: code})
	stop := e.servePage()
	defer stop()
	e.say("claim code  " + code)
	e.tell("READY=1\nSTATUS=claim code " + code)
	grant, err := e.ask(ctx, request)
	if err != nil {
		return err
	}
	if err := e.install(grant); err != nil {
		return err
	}
	e.say("enrolled as " + grant.Device)
	e.log.Info("enrolled", "device", grant.Device, "place", grant.Place)
	return nil
}

// ask asks until the fleet grants, and returns what it grants once that is on the disk.
func (e *enroller) ask(ctx context.Context, r *enrolment.Request) (*enrolment.Grant, error) {
	text, err := r.Encode()
	if err != nil {
		return nil, err
	}
	code, last := r.Identity(e.pin).Code(), ""
	for pause := newPause(); ; {
		a, err := e.client.Ask(ctx, text)
		if ctx.Err() != nil {
			return nil, errors.New("stopped before an operator has decided; the next start goes on")
		}
		st := enrolState{State: a.State, Code: code, Reason: a.Reason}
		if err == nil && a.State == enrolment.Granted {
			grant, problem := e.keepGrant(a.Grant, r)
			if problem == nil {
				e.page.set(st)
				return grant, nil
			}
			err = fmt.Errorf("what the fleet gives cannot be used: %w", problem)
		}
		if err != nil {
			st = enrolState{State: enrolUnreached, Code: code, Reason: shortReason(err)}
		}
		e.page.set(st)
		if now := st.State + " " + st.Reason; now != last { // each change once, not each question
			last = now
			e.log.Info("enrolment", "state", st.State, "reason", st.Reason, "claim_code", code)
			e.tell("STATUS=claim code " + code + ": " + st.State + " " + st.Reason)
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause.next(st.State)):
		}
	}
}

// shortReason is an error in words for the page.
func shortReason(err error) string {
	var dns *net.DNSError
	switch {
	case errors.Is(err, enrolment.ErrPin):
		return "another server answers than the fleet that this device knows"
	case errors.As(err, &dns):
		return "the fleet's name is not found: no network, or a wrong address"
	}
	return err.Error()
}

// pause knows how long to wait before the next question.
type pause struct {
	state string
	most  time.Duration
}

func newPause() *pause { return &pause{} }

// next returns a random pause that may be twice as long as the one before while the answer stays the same.
func (p *pause) next(state string) time.Duration {
	limit := askMostElse
	if state == enrolment.Waiting {
		limit = askMostWaiting
	}
	if p.most *= 2; p.most == 0 || state != p.state {
		p.most = askFirst
	}
	p.state, p.most = state, min(p.most, limit)
	return rand.N(p.most)
}

// tell tells the service manager, where there is one.
func (e *enroller) tell(state string) {
	if _, err := systemd.SdNotify(false, state); err != nil {
		e.log.Warn("service manager not told", "error", err)
	}
}

// deviceTree is what /proc/device-tree points to; of /proc the unit sees its own processes only.
const deviceTree = "/sys/firmware/devicetree/base/"

// boardName is what this machine calls itself, for the operator.
func boardName() string {
	var parts []string
	for _, files := range [][]string{
		{deviceTree + "model", "/sys/class/dmi/id/product_name"},
		{deviceTree + "serial-number", "/sys/class/dmi/id/product_serial"},
	} {
		for _, f := range files {
			b, err := os.ReadFile(f)
			if s := strings.TrimSpace(strings.TrimRight(string(b), "\x00")); err == nil && s != "" {
				parts = append(parts, s)
				break
			}
		}
	}
	return strings.Join(parts, ", serial ")
}
