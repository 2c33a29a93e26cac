package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"time"

	"citygate/edge/config"
)

// This file implements `citygate doctor`: what a person looks at on a box that does not work.

const doctorUsage = `usage: citygate doctor --config FILE [--json] [--broker-conf FILE]

Looks at everything that a gateway needs: configuration, permissions, disk,
clock, ledger data, certificate, brokers and their settings, the page, camera
and light. Says for each what it found and, where something is wrong, what to
do. It changes nothing, and may run beside the gateway. Run it as the gateway's
own user (sudo -u citygate): then it sees what the gateway sees. Of a broker it
reads the configuration where that is on this box (--broker-conf names another
file), and asks each one as a stranger would.

Exit status: 0 if nothing is wrong, 1 if something is, 3 for wrong usage or a
configuration that cannot be read.
`

// doctorTimeout bounds all checks together.
const doctorTimeout = 30 * time.Second

// The states of a finding.
const (
	stateOK   = "ok"
	stateWarn = "warn" // works, and somebody should look at it
	stateFail = "fail" // the gateway cannot work so
)

// finding is what one check found; with --json its form is stable.
type finding struct {
	Check string `json:"check"`
	State string `json:"state"`
	Found string `json:"found"`
	Hint  string `json:"hint,omitempty"`
}

func good(found string) finding       { return finding{State: stateOK, Found: found} }
func warn(found, hint string) finding { return finding{State: stateWarn, Found: found, Hint: hint} }
func fail(found, hint string) finding { return finding{State: stateFail, Found: found, Hint: hint} }

func runDoctor(ctx context.Context, args []string, _ io.Reader, stdout, stderr io.Writer) int {
	set := flag.NewFlagSet("doctor", flag.ContinueOnError)
	set.SetOutput(io.Discard)
	file := set.String("config", "", "")
	asJSON := set.Bool("json", false, "")
	brokerConf := set.String("broker-conf", "", "")
	err := set.Parse(args)
	if errors.Is(err, flag.ErrHelp) {
		fmt.Fprint(stdout, doctorUsage)
		return exitOK
	}
	if err == nil && (*file == "" || set.NArg() > 0) {
		err = errors.New("wants --config FILE")
	}
	if err != nil {
		fmt.Fprintf(stderr, "citygate doctor: %v (citygate doctor --help shows the usage)\n", err)
		return exitUsage
	}
	c, err := config.Load(*file)
	if err != nil {
		fmt.Fprintf(stderr, "citygate doctor: %v\n", err)
		return exitUsage
	}
	c.Cert, c.Key = clientPair(&c)
	ctx, cancel := context.WithTimeout(ctx, doctorTimeout)
	defer cancel()
	code, e := exitOK, newExamination(ctx, *file, c)
	e.brokerConf = *brokerConf
	for _, c := range checks() {
		f := c.look(ctx, e)
		f.Check = c.name
		if f.State == stateFail {
			code = exitFailed
		}
		if err := printFinding(stdout, *asJSON, f); err != nil {
			fmt.Fprintf(stderr, "citygate doctor: write the answer: %v\n", err)
			return exitFailed
		}
	}
	return code
}

func printFinding(w io.Writer, asJSON bool, f finding) error {
	if asJSON {
		return json.NewEncoder(w).Encode(f)
	}
	_, err := fmt.Fprintf(w, "%-4s  %-12s  %s\n", f.State, f.Check, f.Found)
	if err == nil && f.Hint != "" {
		_, err = fmt.Fprintf(w, "%18s  -> %s\n", "", f.Hint)
	}
	return err
}
