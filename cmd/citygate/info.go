package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"

	"citygate/edge/config"
)

// This file implements `citygate config` and `citygate version`.

const configUsage = `usage: citygate config [--config FILE]

Prints every key of citygate.toml with its unit, default and meaning; with a
file, checks it and prints the values that it sets. Exit status: 0, or 3 if
the file is wrong or cannot be read.
`

func runConfig(_ context.Context, args []string, _ io.Reader, stdout, stderr io.Writer) int {
	set := flag.NewFlagSet("config", flag.ContinueOnError)
	set.SetOutput(io.Discard)
	file := set.String("config", "", "")
	err := set.Parse(args)
	if errors.Is(err, flag.ErrHelp) {
		fmt.Fprint(stdout, configUsage)
		return exitOK
	}
	if err == nil && set.NArg() > 0 {
		err = fmt.Errorf("unexpected %q", set.Arg(0))
	}
	if err != nil {
		fmt.Fprintf(stderr, "citygate config: %v (citygate config --help shows the usage)\n", err)
		return exitUsage
	}
	var c *config.Config
	if *file != "" {
		loaded, err := config.Load(*file)
		if err != nil {
			fmt.Fprintf(stderr, "citygate config: %v\n", err)
			return exitUsage
		}
		c = &loaded
	}
	if err := config.Print(stdout, c); err != nil {
		fmt.Fprintf(stderr, "citygate config: %v\n", err)
		return exitFailed
	}
	return exitOK
}

func runVersion(_ context.Context, args []string, _ io.Reader, stdout, stderr io.Writer) int {
	if len(args) > 0 {
		fmt.Fprintln(stderr, "citygate version: takes no arguments")
		return exitUsage
	}
	fmt.Fprintf(stdout, "citygate %s %s %s/%s\n", version(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return exitOK
}

// version is the module's version, or for a build from the tree its revision, with a + for changes on top of it.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	revision, changed := "", ""
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			revision = s.Value[:min(12, len(s.Value))]
		case s.Key == "vcs.modified" && s.Value == "true":
			changed = "+"
		}
	}
	if v := info.Main.Version; v != "" && v != "(devel)" && len(v) <= 40 {
		return v
	}
	if revision == "" {
		return "devel"
	}
	return revision + changed
}
