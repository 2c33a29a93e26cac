// Cityfleet is the operator's server: it takes the events of all gateways from
// MQTT, stores and acknowledges them, publishes the registries' logs to the
// gateways, and shows the operations pages.
//
//	cityfleet keygen --name citygate.example/fleet --key ack.key --vkey fleet.vkey
//	cityfleet device add --config fleet.toml --name sjz-0103-0117 --key VKEY
//	cityfleet serve --config fleet.toml
//	cityfleet command send --config fleet.toml --wait 1m sjz-0103-0117 scan-test
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	_ "time/tzdata" // the configured time zone, also where the system has none

	"github.com/alecthomas/kong"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "cityfleet:", err)
		os.Exit(1)
	}
}

// cli is the command line.
type cli struct {
	Serve   serveCommand       `cmd:"" help:"Run the fleet server."`
	Enrol   enrolCommand       `cmd:"" help:"Decide on new gateways that ask to come into the fleet."`
	Cert    certCommand        `cmd:"" help:"Make or renew a certificate of the fleet's own authority."`
	Device  deviceCommand      `cmd:"" help:"Enrol gateways by hand, and list them."`
	Command commandCommand     `cmd:"" help:"Give commands to gateways and see how far they are."`
	Desired desiredCommand     `cmd:"" help:"Set and list desired states."`
	Finding findingCommand     `cmd:"" help:"List and close findings."`
	Keygen  keygenCommand      `cmd:"" help:"Make an Ed25519 key for acknowledgements or operations."`
	Users   brokerUsersCommand `cmd:"" name:"broker-users" help:"Print the users of a NATS cluster from the enrolment list."`
	Check   checkCommand       `cmd:"" help:"Check every stored chain."`
	Config  configCommand      `cmd:"" help:"Explain the keys of fleet.toml."`
	Version versionCommand     `cmd:"" help:"Print the version."`
}

// streams are where a command writes: its answer to out, all else to err.
type streams struct {
	ctx      context.Context
	out, err io.Writer
	log      *slog.Logger
}

// errExit ends the parser when it has printed its help.
var errExit = errors.New("help was printed")

func run(ctx context.Context, args []string, out, errOut io.Writer) (err error) {
	defer func() {
		if r := recover(); r != nil {
			if e, ok := r.(error); !ok || !errors.Is(e, errExit) {
				panic(r)
			}
			err = nil
		}
	}()
	var c cli
	parser, err := kong.New(&c, kong.Name("cityfleet"), kong.Description("The server of a fleet of gateways."),
		kong.Writers(out, errOut), kong.UsageOnError(), kong.Exit(func(int) { panic(errExit) }))
	if err != nil {
		return err
	}
	cmd, err := parser.Parse(args)
	if err != nil {
		return fmt.Errorf("%w (try: cityfleet --help)", err)
	}
	s := &streams{ctx: ctx, out: out, err: errOut, log: slog.New(slog.NewJSONHandler(errOut, nil))}
	return cmd.Run(s)
}

type versionCommand struct{}

// Run prints the version that the build recorded.
func (versionCommand) Run(s *streams) error {
	_, err := fmt.Fprintln(s.out, "cityfleet", version())
	return err
}

func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	v := info.Main.Version
	for _, kv := range info.Settings {
		if kv.Key == "vcs.revision" && v == "(devel)" {
			v = kv.Value[:min(12, len(kv.Value))]
		}
	}
	return v
}
