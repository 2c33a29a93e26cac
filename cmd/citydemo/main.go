// Command citydemo runs the whole system on one machine, with real parts: a national registry and two city
// registries, three witnesses, an MQTT broker, the fleet server, and one gateway whose camera looks at a film of codes
// that this very demo minted. `make run` starts it.
//
// Every part but the registries' offices is a process of its own, started from the same binaries that go onto real
// machines, with the files of firmware-configs. The state stays in one folder, so a second start goes on from there.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"citygate/trust/registry"
)

// options are the command's flags.
type options struct {
	bin, state string
	port       int
	once       bool
	camera     string
	hold       time.Duration
	embedded   bool
	kill       bool
	outage     bool
}

const usage = `usage: citydemo [--bin DIR] [--state DIR] [--once] [--camera SPEC] [drills]

Runs registries, witnesses, a broker, the fleet server and one gateway, prints
two addresses to open and one line for each scan, until Ctrl-C.

`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	registry.RouteTesseraLogs(slog.New(slog.DiscardHandler))
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run is the command; it returns its exit code: 0 done, 1 a promise was broken or a part failed, 2 wrong usage.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	var o options
	f := flag.NewFlagSet("citydemo", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.Usage = func() { fmt.Fprint(stderr, usage); f.PrintDefaults() }
	f.StringVar(&o.bin, "bin", "var/bin", "folder of the built commands")
	f.StringVar(&o.state, "state", "var/demo", "folder of the demo's state; remove it to begin anew")
	f.IntVar(&o.port, "port", 8480, "first of the ports to listen on at the first start; the citizen's page gets it; 0 is any")
	f.BoolVar(&o.once, "once", false, "play the film once, wait for the fleet, print one JSON line and end")
	f.StringVar(&o.camera, "camera", "", "camera device, stream URL or video file to use instead of the film")
	f.DurationVar(&o.hold, "hold", 2*time.Second, "how long each code of the film is held")
	f.BoolVar(&o.embedded, "embedded-broker", false, "use the embedded broker though mosquitto is there")
	f.BoolVar(&o.kill, "drill-kill", false, "drill: SIGKILL the gateway in the middle of the film and start it again")
	f.BoolVar(&o.outage, "drill-outage", false, "drill: stop broker, registries and witnesses in the middle of the film and start them at its end")
	if err := f.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return 0
		}
		return 2
	}
	switch {
	case f.NArg() > 0:
		fmt.Fprintf(stderr, "citydemo: unexpected argument %q (see citydemo --help)\n", f.Arg(0))
		return 2
	case o.hold < 500*time.Millisecond:
		fmt.Fprintln(stderr, "citydemo: --hold is at least 500ms: no citizen is faster")
		return 2
	case (o.kill || o.outage || o.once) && o.camera != "":
		fmt.Fprintln(stderr, "citydemo: --once and the drills play the film; leave --camera out")
		return 2
	}
	err := newDemo(o, stdout, stderr).run(ctx)
	if err != nil && !errors.Is(err, context.Canceled) {
		fmt.Fprintf(stderr, "citydemo: %v\n", err)
		return 1
	}
	return 0
}
