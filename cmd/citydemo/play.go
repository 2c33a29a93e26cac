package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"time"
)

// After the film's end this much longer is waited for answers, and for the fleet to acknowledge everything.
const (
	answerGrace = 15 * time.Second
	fleetLimit  = 90 * time.Second
)

// Which answer of the film a drill begins with.
const (
	killAt   = 3
	outageAt = 5
)

// play prints the addresses and each scan until the person ends it or, with --once, until the film is over and the
// fleet has everything.
func (d *demo) play(ctx context.Context, exhibits []exhibit) error {
	fmt.Fprintf(d.out, "citizen's page      http://%s/\noperations page     http://%s/\n", d.addr.Kiosk, d.addr.Fleet)
	if !d.once {
		return d.playOn(ctx)
	}
	if err := d.playFilm(ctx, exhibits); err != nil {
		return err
	}
	s, err := d.settle(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintln(d.out, s)
	return s.verdict(exhibits)
}

// playOn prints scans until ctx ends or a part fails.
func (d *demo) playOn(ctx context.Context) error {
	d.say("Ctrl-C ends it; the next start goes on from here")
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case err := <-d.failed:
			return err
		case a := <-d.journal.news:
			d.printScan(a)
		}
	}
}

// playFilm follows the film to its end and holds the drills. A gateway that was killed begins the film again.
func (d *demo) playFilm(ctx context.Context, exhibits []exhibit) error {
	ends := time.NewTimer(filmLength(len(exhibits), d.hold))
	defer ends.Stop()
	over := false
	for missing := outstanding(exhibits, nil); ; {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case err := <-d.failed:
			return err
		case a := <-d.journal.news:
			d.printScan(a)
			_, now := d.journal.answers()
			missing = outstanding(exhibits, now)
			restarted, err := d.drill(ctx, len(now))
			if err != nil {
				return err
			}
			if restarted {
				ends.Reset(filmLength(len(exhibits), d.hold))
			}
		case <-ends.C:
			if over {
				return fmt.Errorf("the film is over and these answers never came: %s", strings.Join(missing, ", "))
			}
			over = true
			ends.Reset(answerGrace)
		}
		if over && len(missing) == 0 {
			return d.endDrill(ctx)
		}
	}
}

// drill begins a drill when its answer has come; restarted says that the gateway begins the film again.
func (d *demo) drill(ctx context.Context, answers int) (restarted bool, err error) {
	if d.kill && answers == killAt {
		d.say("drill: SIGKILL to the gateway")
		d.gateway.stop(syscall.SIGKILL)
		return true, d.startGateway(ctx)
	}
	if d.outage && answers == outageAt {
		d.say("drill: broker, registries' logs and witnesses are gone")
		d.broker.stop()
		d.ledger.stop(syscall.SIGTERM)
		return false, d.eachWitness(func(_ int, p *process) error { p.stop(syscall.SIGTERM); return nil })
	}
	return false, nil
}

// endDrill brings back what an outage took.
func (d *demo) endDrill(ctx context.Context) error {
	if !d.outage {
		return nil
	}
	d.say("drill: broker, registries' logs and witnesses come back")
	return errors.Join(
		d.eachWitness(func(_ int, p *process) error { return p.start(d.fail) }),
		d.ledger.start(d.fail),
		d.broker.start(ctx, d.fail))
}

func filmLength(exhibits int, hold time.Duration) time.Duration {
	return time.Duration(exhibits*(frames(hold)+frames(filmGap))) * time.Second / filmRate
}

// outstanding names the exhibits whose verdict has not been answered often enough.
func outstanding(exhibits []exhibit, answers []answer) (missing []string) {
	have := map[string]int{}
	for _, a := range answers {
		have[a.Verdict]++
	}
	for _, e := range exhibits {
		if have[e.Expect]--; have[e.Expect] < 0 {
			missing = append(missing, fmt.Sprintf("%s (%s)", e.Name, e.Expect))
		}
	}
	return missing
}

// printScan is the one line for each scan.
func (d *demo) printScan(a answer) {
	at := a.At
	if t, err := time.Parse(time.RFC3339Nano, a.At); err == nil {
		at = t.Local().Format("15:04:05")
	}
	what := a.ID
	if what == "" {
		what = "-"
	}
	fmt.Fprintf(d.out, "%s  %-10s %-16s %s\n", at, a.Class, a.Verdict, what)
}
