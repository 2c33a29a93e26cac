// Command citygate is a gateway: the daemon, and the tools on its box.
//
//	citygate enrol --config FILE --fleet URL --pin PIN   a new device's first start
//	citygate run --config FILE                 the gateway
//	citygate scan [--json] FILE…               the codes in pictures
//	citygate verify --trust FILE TEXT|-        the verdict on a code's text
//	citygate doctor --config FILE              what is wrong on this box
//	citygate config [--config FILE]            every key of the configuration, with unit, default and meaning
//	citygate version
//
// The answer goes to standard output, everything else to standard error.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
)

// Exit codes of every subcommand that does not define its own.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 3
	exitAnew   = -1 // never seen outside: the process begins anew in the same place
)

const usage = `usage: citygate COMMAND

  enrol    a new device's first start: keys, claim code, certificate
  run      the gateway: camera, verdicts, events, the citizen's page
  scan     read the codes in pictures
  verify   the verdict on a code's text, from a gateway's trust database
  doctor   look at everything that a gateway needs
  config   every key of the configuration, with unit, default and meaning
  version  the version of this program

citygate COMMAND --help explains one of them.
`

// command is a subcommand: it returns the process's exit code.
type command func(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := dispatch(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	if code == exitAnew {
		code = beginAnew(os.Stderr)
	}
	os.Exit(code)
}

// beginAnew puts the program that is installed now in this process's place, so that whatever started and watches it
// notices nothing. It returns only when that fails.
func beginAnew(stderr io.Writer) int {
	path, err := os.Executable()
	if err == nil {
		path = strings.TrimSuffix(path, " (deleted)") // an upgrade has replaced it
		err = syscall.Exec(path, os.Args, os.Environ())
	}
	fmt.Fprintf(stderr, "citygate: begin anew: %v\n", err)
	return exitFailed
}

func dispatch(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	commands := map[string]command{
		"run": runGateway, "scan": runScan, "verify": runVerify, "config": runConfig, "version": runVersion,
		"doctor": runDoctor, "enrol": runEnrol,
	}
	if len(args) == 0 {
		fmt.Fprint(stderr, usage)
		return exitUsage
	}
	if args[0] == "help" || args[0] == "--help" || args[0] == "-h" {
		fmt.Fprint(stdout, usage)
		return exitOK
	}
	c, ok := commands[args[0]]
	if !ok {
		fmt.Fprintf(stderr, "citygate: there is no command %q (citygate --help lists them)\n", args[0])
		return exitUsage
	}
	return c(ctx, args[1:], stdin, stdout, stderr)
}
