package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
	"time"

	"citygate/trust"
	"citygate/trust/cache"
	"citygate/trust/cityid"
)

// This file implements `citygate verify`: the verdict on a code's text.

// Exit codes of verify; with several lines the highest.
const (
	verifyAccepted    = 0
	verifyRefused     = 1
	verifyCannotCheck = 2
	verifyWrong       = 3 // wrong usage, or a file that cannot be read
)

// maxLine bounds one line of standard input; a longer one is no code whatever it says.
const maxLine = 64 << 10

const verifyUsage = `usage: citygate verify --trust FILE [--at TIME] [--place ID] [--json] TEXT
       citygate verify --trust FILE [--at TIME] [--place ID] [--json] -

Gives the verdict on a code's text, or with - on each line of standard input,
by the built-in policy and a gateway's trust database. Opens nothing else.

  --trust FILE   the trust database, trust.db in the gateway's state_dir
  --at TIME      judge as of this time, such as 2026-05-01T08:00:00Z (default: now)
  --place ID     where the code is shown, such as MA.156.1301.02
  --json         one line of JSON for each text

Exit status: 0 accepted, 1 refused, 2 could not be checked (pending,
stale-trust, clock-untrusted, unsupported), 3 wrong usage or an unreadable
file; with several lines the highest.
`

// verifyFlags is what the command line says.
type verifyFlags struct {
	trust string
	at    time.Time
	place cityid.ID
	json  bool
	text  string
}

// verifyResult is one text's line of JSON; its form is fixed.
type verifyResult struct {
	Accept    bool    `json:"accept"`
	Verdict   string  `json:"verdict"`
	ID        string  `json:"id,omitempty"`
	Personal  bool    `json:"personal,omitempty"`
	Log       string  `json:"log,omitempty"`
	Index     *uint64 `json:"index,omitempty"`
	TrustAgeS int64   `json:"trust_age_s"`
	VerifyUS  float64 `json:"verify_us"`
}

func runVerify(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	o, err := parseVerify(args)
	if errors.Is(err, flag.ErrHelp) {
		fmt.Fprint(stdout, verifyUsage)
		return verifyAccepted
	}
	if err != nil {
		fmt.Fprintf(stderr, "citygate verify: %v (citygate verify --help shows the usage)\n", err)
		return verifyWrong
	}
	c, err := cache.OpenReadOnly(o.trust)
	if err != nil {
		fmt.Fprintf(stderr, "citygate verify: %v (a gateway keeps it as trust.db in its state_dir)\n", err)
		return verifyWrong
	}
	defer c.Close()
	judge := func(text string) (int, error) {
		r, class := verifyText(c, o, text)
		return class, printVerdict(stdout, o.json, r)
	}
	code, err := verifyAccepted, error(nil)
	if o.text == "-" {
		code, err = verifyLines(ctx, stdin, judge)
	} else {
		code, err = judge(o.text)
	}
	if err != nil {
		fmt.Fprintf(stderr, "citygate verify: %v\n", err)
		return verifyWrong
	}
	return code
}

func parseVerify(args []string) (verifyFlags, error) {
	var o verifyFlags
	set := flag.NewFlagSet("verify", flag.ContinueOnError)
	set.SetOutput(io.Discard)
	set.StringVar(&o.trust, "trust", "", "")
	set.BoolVar(&o.json, "json", false, "")
	at := set.String("at", "", "")
	place := set.String("place", "", "")
	var texts []string
	for rest := args; len(rest) > 0 || texts == nil; { // flags may stand behind the text as well
		if err := set.Parse(rest); err != nil {
			return o, err
		}
		if rest = set.Args(); len(rest) == 0 {
			break
		}
		texts, rest = append(texts, rest[0]), rest[1:]
	}
	switch {
	case o.trust == "":
		return o, errors.New("--trust FILE is missing")
	case len(texts) != 1:
		return o, fmt.Errorf("%d texts are given, want one, or - for standard input", len(texts))
	}
	o.text, o.at = texts[0], time.Now().UTC()
	var err error
	if *at != "" {
		if o.at, err = time.Parse(time.RFC3339, *at); err != nil {
			return o, fmt.Errorf("--at %q is not a time such as 2026-05-01T08:00:00Z", *at)
		}
	}
	if *place != "" {
		if o.place, err = cityid.Parse(*place); err != nil {
			return o, fmt.Errorf("--place: %w", err)
		}
	}
	return o, nil
}

// verifyText judges one text. The clock of whoever runs this command is taken as right.
func verifyText(c *cache.Cache, o verifyFlags, text string) (verifyResult, int) {
	begin := time.Now()
	v := trust.Check(text, c.View(), trust.DefaultPolicy(), trust.Moment{Now: o.at, Synced: true, Place: o.place})
	took := time.Since(begin)
	r := verifyResult{
		Accept: v.Accept, Verdict: string(v.Reason), Personal: v.Personal, Log: v.Log,
		TrustAgeS: int64(v.TrustAge / time.Second), VerifyUS: float64(took.Nanoseconds()) / 1000,
	}
	if v.ID != (cityid.ID{}) && !v.Personal { // a person's identifier is not printed
		r.ID = v.ID.String()
	}
	if v.Log != "" {
		r.Index = &v.Index
	}
	switch v.Reason.Class() {
	case trust.Accepted:
		return r, verifyAccepted
	case trust.CannotCheck:
		return r, verifyCannotCheck
	}
	return r, verifyRefused
}

// verifyLines judges each line that is not blank and returns the highest exit code.
func verifyLines(ctx context.Context, r io.Reader, judge func(string) (int, error)) (int, error) {
	in, highest, lines := bufio.NewReaderSize(r, maxLine), verifyAccepted, 0
	for ctx.Err() == nil {
		line, more, err := in.ReadLine()
		if errors.Is(err, io.EOF) {
			if lines == 0 {
				return verifyWrong, errors.New("standard input has no line with a text")
			}
			return highest, nil
		}
		if err != nil {
			return verifyWrong, fmt.Errorf("read standard input: %w", err)
		}
		text := strings.TrimSuffix(string(line), "\r")
		for more && err == nil { // the rest of a line that is too long
			_, more, err = in.ReadLine()
		}
		if strings.TrimSpace(text) == "" {
			continue
		}
		lines++
		code, err := judge(text)
		if err != nil {
			return verifyWrong, err
		}
		highest = max(highest, code)
	}
	return verifyWrong, ctx.Err()
}

func printVerdict(w io.Writer, asJSON bool, r verifyResult) error {
	var err error
	if asJSON {
		err = json.NewEncoder(w).Encode(r)
	} else {
		parts := []string{r.Verdict}
		if r.ID != "" {
			parts = append(parts, r.ID)
		}
		if r.Index != nil {
			parts = append(parts, fmt.Sprintf("%s/%d", r.Log, *r.Index))
		}
		_, err = fmt.Fprintln(w, strings.Join(parts, " "))
	}
	if err != nil {
		return fmt.Errorf("write the answer: %w", err)
	}
	return nil
}
