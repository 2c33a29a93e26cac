// Command cityregistry is a registry's office on the command line: it makes registries, allocates prefixes, issues codes, and runs what goes with
// it, the witness and the server of the published logs. Everything it does is in package trust/registry.
//
// Answers go to standard output, everything else to standard error; with --json each answer is one line of JSON. It exits with 0 if the command
// did what it says, 1 if not, and 2 if it was called wrongly.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"citygate/internal/pkcs11key"
	"citygate/trust/registry"
	"github.com/alecthomas/kong"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	registry.RouteTesseraLogs(slog.New(slog.NewTextHandler(os.Stderr, nil)))
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	err := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(report(os.Stderr, err))
}

// office is what every command works with.
type office struct {
	ctx    context.Context
	in     io.Reader
	out    io.Writer
	err    io.Writer
	json   bool
	logger *slog.Logger
	opts   registry.Options
}

// commands is the command line.
type commands struct {
	JSON bool `name:"json" help:"Answer with one line of JSON for each result."`

	Init     initCmd     `cmd:"" help:"Make a registry: keys and configuration. Prints its enrolment request."`
	Enrol    enrolCmd    `cmd:"" help:"Print the enrolment request of a registry again."`
	Allocate allocateCmd `cmd:"" help:"Enter a registry into the national directory. Prints the allocation."`
	Accept   acceptCmd   `cmd:"" help:"Take an allocation, so that the registry can issue."`
	Rotate   rotateCmd   `cmd:"" help:"Make the next issuer key. Prints its enrolment request."`
	Withdraw withdrawCmd `cmd:"" help:"End a key row of the directory; its sealed codes up to a size stand."`

	Change         changeCmd         `cmd:"" help:"Prepare other witnesses or log keys. Prints the enrolment request for them."`
	RotateRoot     rotateRootCmd     `cmd:"" help:"Replace the root policy: institutes, witnesses, the directory's log key."`
	Sign           signCmd           `cmd:"" help:"Sign a directory entry as an institute. Prints it with the signature."`
	SignAllocation signAllocationCmd `cmd:"" help:"Sign the rows of a registry below a city, as the city. Prints them for allocate."`
	SignWithdrawal signWithdrawalCmd `cmd:"" help:"Sign the end of a key row below a city, as the city. Prints it for withdraw."`

	Logs logsCmd `cmd:"" help:"Print the verifier keys of a registry's logs, for witnesses."`

	Issue   issueCmd   `cmd:"" help:"Issue one identifier, or those of a CSV file, and write their codes."`
	Import  importCmd  `cmd:"" help:"Issue the records of a CSV file, however many, and write their codes."`
	Seal    sealCmd    `cmd:"" help:"Close the batch: pad it to 256 entries and write its codes."`
	Code    codeCmd    `cmd:"" help:"Write the code of a record again."`
	Revoke  revokeCmd  `cmd:"" help:"Revoke a record, for ever."`
	Suspend suspendCmd `cmd:"" help:"Suspend a record until it is restored."`
	Restore restoreCmd `cmd:"" help:"End a record's suspension."`
	Publish publishCmd `cmd:"" help:"Have all logs cosigned anew, once or again and again."`

	ExportStatuslist exportStatusListCmd `name:"export-statuslist" cmd:"" help:"Write what the status log says as an IETF Token Status List."`

	Mirror            mirrorCmd            `cmd:"" help:"Keep a verified copy of other registries' logs."`
	RestoreFromMirror restoreFromMirrorCmd `cmd:"" help:"Rebuild a registry's logs and books from a copy of its logs."`

	Monitor monitorCmd `cmd:"" help:"Copy logs, and find in them what should not be there."`
	Resolve resolveCmd `cmd:"" help:"Look up an identifier at mirrors, and check what they answer."`

	Serve   serveCmd   `cmd:"" help:"Serve published logs over HTTP, and answer for the names in them."`
	Pages   pagesCmd   `cmd:"" help:"Write the pages for phones, for a host that serves files."`
	Keygen  keygenCmd  `cmd:"" help:"Make a witness's or a holder's key. Prints the public half."`
	Present presentCmd `cmd:"" help:"Show a code as its holder, valid for seconds."`
	Witness witnessCmd `cmd:"" help:"Cosign the checkpoints of logs that only grow (C2SP tlog-witness)."`
}

// run is the command without its process.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) error {
	logger := slog.New(slog.NewTextHandler(stderr, nil))
	o := &office{ctx: ctx, in: stdin, out: stdout, err: stderr, logger: logger, opts: registry.Options{Logger: logger}}
	return o.execute(args)
}

// execute parses a command line and runs its command.
func (o *office) execute(args []string) error {
	var c commands
	helped := false
	parser, err := kong.New(&c, kong.Name("cityregistry"), kong.Description("A registry's office: allocate identifiers, issue codes, run the ledger."),
		kong.Writers(o.out, o.err), kong.Exit(func(int) { helped = true }), kong.Bind(o),
		kong.Vars{"dir": "The registry's folder."})
	if err != nil {
		return fmt.Errorf("command line: %w", err)
	}
	parsed, err := parser.Parse(args)
	if helped {
		return nil
	}
	if err != nil {
		return usageError{err}
	}
	o.json = c.JSON
	return parsed.Run()
}

// usageError is a command line that makes no sense.
type usageError struct{ error }

// hinted is an error with what to do about it.
type hinted struct {
	error
	hint string
}

func (h hinted) Unwrap() error { return h.error }

// report prints an error, with a hint where one is known, and gives the exit status.
func report(w io.Writer, err error) int {
	if err == nil {
		return 0
	}
	fmt.Fprintf(w, "cityregistry: %s\n", strings.ReplaceAll(err.Error(), "\n", "; "))
	var usage usageError
	if hint := hint(err); hint != "" {
		fmt.Fprintf(w, "hint: %s\n", hint)
	}
	if errors.As(err, &usage) {
		return 2
	}
	return 1
}

func hint(err error) string {
	var h hinted
	var usage usageError
	switch {
	case errors.As(err, &h):
		return h.hint
	case errors.As(err, &usage):
		return "cityregistry --help lists the commands, cityregistry COMMAND --help its flags"
	case errors.Is(err, context.Canceled):
		return "interrupted; what was decided is kept, and the same command goes on from there"
	case errors.Is(err, registry.ErrNotEnrolled):
		return "have the national registry enter it (cityregistry allocate), then take the answer with cityregistry accept"
	case errors.Is(err, registry.ErrSignAgain):
		return "cityregistry sign-allocation --index N in the city, N as above, then allocate --signed here"
	case errors.Is(err, pkcs11key.ErrPIN):
		return "name a file of mode 0600 with the PIN in the key's URI (pin-source=file:/path), or run where there is a terminal; a wrong PIN is not tried twice"
	case errors.Is(err, pkcs11key.ErrNoEd25519):
		return "keep the notes' keys in files (--notes-in-files) and make the issuer key with --issuer-alg es256"
	case errors.Is(err, registry.ErrAllocated):
		return "revoke the record that stands (cityregistry revoke), then issue with another --request"
	case errors.Is(err, fs.ErrNotExist):
		return "check the path; cityregistry init makes a registry"
	case errors.Is(err, registry.ErrNotCosigned), errors.Is(err, context.DeadlineExceeded):
		return "are the witnesses running, and do they know these logs (cityregistry logs)? What was decided is kept; publish tries again"
	}
	return ""
}

// answer prints a result: v as JSON with --json, else the line.
func (o *office) answer(v any, line string) error {
	if !o.json {
		_, err := fmt.Fprintln(o.out, line)
		return err
	}
	e := json.NewEncoder(o.out)
	e.SetEscapeHTML(false)
	return e.Encode(v)
}
