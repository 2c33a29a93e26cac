package registry_test

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"citygate/trust/registry"
	"golang.org/x/sync/errgroup"
)

// Environment of a process that only issues.
const (
	issuerDir  = "CITYGATE_TEST_ISSUER_DIR"
	issuerFrom = "CITYGATE_TEST_ISSUER_FROM"
	issuerTo   = "CITYGATE_TEST_ISSUER_TO"
)

func TestMain(m *testing.M) {
	registry.RouteTesseraLogs(slog.New(slog.DiscardHandler))
	if dir := os.Getenv(issuerDir); dir != "" {
		if err := issuer(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	if dir := os.Getenv(namesDir); dir != "" {
		if err := lookUp(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	flag.Parse()
	flag.Set("test.parallel", "8") // tests wait for the disk and for checkpoints, not for the processor
	os.Exit(m.Run())
}

// issuer issues lamps in steps of 7 and prints "request index text" for each as soon as it is answered.
func issuer(dir string) error {
	from, err1 := strconv.Atoi(os.Getenv(issuerFrom))
	to, err2 := strconv.Atoi(os.Getenv(issuerTo))
	if err1 != nil || err2 != nil {
		return fmt.Errorf("%v, %v", err1, err2)
	}
	r, err := registry.Open(context.Background(), dir, options())
	if err != nil {
		return err
	}
	for ; from < to; from += 7 {
		issued, err := r.Issue(context.Background(), lamps(from, min(from+7, to)))
		if err != nil {
			return err
		}
		for _, i := range issued {
			fmt.Println(i.Request, i.Index, i.Text)
		}
	}
	return r.Close(context.Background())
}

func issuerCommand(ctx context.Context, dir string, from, to int) *exec.Cmd {
	c := exec.CommandContext(ctx, os.Args[0])
	c.Env = append(os.Environ(), issuerDir+"="+dir, issuerFrom+"="+strconv.Itoa(from), issuerTo+"="+strconv.Itoa(to))
	c.Stderr = os.Stderr
	return c
}

// answered is what processes were told, to be held against each other and against the registry.
type answered map[string]string

func (a answered) add(t *testing.T, line string) {
	t.Helper()
	request, rest, ok := strings.Cut(line, " ")
	if !ok {
		t.Errorf("issuer printed %q", line)
		return
	}
	if old, ok := a[request]; ok && old != rest {
		t.Errorf("%s was answered twice: %.60q and %.60q", request, old, rest)
	}
	a[request] = rest
}

// check compares all answers with the registry, and finds an index that was given twice.
func (a answered) check(t *testing.T, r *registry.Registry) {
	t.Helper()
	owners := make(map[string]string)
	for request, rest := range a {
		index, text, _ := strings.Cut(rest, " ")
		if other, ok := owners[index]; ok {
			t.Errorf("index %s was given to %s and %s", index, other, request)
		}
		owners[index] = request
		i, err := r.Answer(t.Context(), request)
		if err != nil || strconv.FormatUint(i.Index, 10) != index || i.Text != text && !i.Code.Sealed() {
			t.Errorf("%s: now %d, answered %s: %v", request, i.Index, index, err)
		}
	}
}

func TestProcessesThatIssueAtOnce(t *testing.T) {
	w := newWorld(t)
	w.enrolledAndClosed()
	var g errgroup.Group
	outs := make([][]byte, 3)
	for i, r := range [][2]int{{0, 60}, {30, 90}, {0, 90}} { // two of them ask for each
		g.Go(func() (err error) {
			outs[i], err = issuerCommand(t.Context(), w.path("sjz"), r[0], r[1]).Output()
			return err
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	a := make(answered)
	for _, out := range outs {
		for line := range strings.Lines(string(out)) {
			a.add(t, strings.TrimSpace(line))
		}
	}
	if len(a) != 90 {
		t.Errorf("%d requests answered, want 90", len(a))
	}
	city, _ := w.open("sjz", options())
	a.check(t, city)
	if heads, err := city.Await(t.Context()); err != nil || heads[0].Size != 90 {
		t.Errorf("published %+v, %v", heads, err)
	}
}

// An office that is killed again and again in the middle of its work keeps everything that it has answered, at its index.
func TestKilledWhileIssuing(t *testing.T) {
	w := newWorld(t)
	w.enrolledAndClosed()
	a := make(answered)
	for round := range 4 {
		ctx, cancel := context.WithTimeout(t.Context(), timeout)
		c := issuerCommand(ctx, w.path("sjz"), 0, 100_000)
		out, err := c.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		known, lines := len(a), bufio.NewScanner(out)
		for lines.Scan() {
			a.add(t, lines.Text())
			if len(a) == known+20+round*13 {
				c.Process.Kill()
				break
			}
		}
		for lines.Scan() { // what it still printed counts as answered
			if strings.Count(lines.Text(), " ") == 2 && len(lines.Text()) > 300 {
				a.add(t, lines.Text())
			}
		}
		c.Wait()
		cancel()
	}
	if len(a) < 150 {
		t.Errorf("only %d requests were answered", len(a))
	}
	city, _ := w.open("sjz", options())
	a.check(t, city)
	if _, err := city.Seal(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := city.Await(t.Context()); err != nil {
		t.Fatal(err)
	}
	refs, err := registry.LogKeys(w.path("sjz"))
	if err != nil {
		t.Fatal(err)
	}
	w.conforms(w.serve("sjz"), refs[0])
}
