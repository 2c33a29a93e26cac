package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// childEnv tells the test's own binary to be the command.
const childEnv = "CITYGATE_TEST_COMMAND"

func TestMain(m *testing.M) {
	if os.Getenv(childEnv) != "" {
		main()
	}
	os.Exit(m.Run())
}

// process is a real `citygate run`, which can be measured from outside and killed.
type process struct {
	site
	cmd   *exec.Cmd
	began time.Time
	done  chan error
	said  *bytes.Buffer // of the process until done
}

// spawn starts the gateway of a site as a process of its own. It is killed when the test ends, if it still runs.
func (s site) spawn(t *testing.T, args ...string) *process {
	t.Helper()
	p := &process{site: s, done: make(chan error, 1), said: new(bytes.Buffer)}
	p.cmd = exec.Command(os.Args[0], append([]string{"run", "--config", filepath.Join(s.dir, "citygate.toml")}, args...)...)
	p.cmd.Env = append(os.Environ(), childEnv+"=1")
	p.cmd.Stderr = p.said
	p.began = time.Now()
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { p.done <- p.cmd.Wait() }()
	t.Cleanup(func() {
		if p.cmd.ProcessState == nil {
			_ = p.cmd.Process.Kill()
		}
	})
	return p
}

// kill ends the process without a chance to say goodbye.
func (p *process) kill(t *testing.T) {
	t.Helper()
	if err := p.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-p.done
}

// end stops the process in order.
func (p *process) end(t *testing.T) {
	t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := <-p.done; err != nil {
		t.Errorf("the gateway ended with %v: %s", err, p.said)
	}
}

// metric reads one line of /metrics; false while the gateway does not listen or has no such line.
func (p *process) metric(name string) (float64, bool) {
	res, err := http.Get("http://" + p.address + "/metrics")
	if err != nil {
		return 0, false
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		return 0, false
	}
	for line := range strings.Lines(string(b)) {
		if value, ok := strings.CutPrefix(line, name+" "); ok {
			f, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
			return f, err == nil
		}
	}
	return 0, false
}

// ready waits until the first frame was looked at, and returns how long that took from the start of the process.
func (p *process) ready(t *testing.T) time.Duration {
	t.Helper()
	pause := time.NewTicker(2 * time.Millisecond)
	defer pause.Stop()
	for time.Since(p.began) < 30*time.Second {
		if n, ok := p.metric("citygate_frames_total"); ok && n > 0 {
			return time.Since(p.began)
		}
		select {
		case err := <-p.done:
			t.Fatalf("the gateway ended with %v: %s", err, p.said)
		case <-pause.C:
		}
	}
	t.Fatal("no frame within 30 s")
	return 0
}

// footing is what a process holds.
type footing struct {
	rss                     float64 // MB
	descriptors, goroutines int
}

func (f footing) String() string {
	return fmt.Sprintf("%.1f MB, %d descriptors, %d goroutines", f.rss, f.descriptors, f.goroutines)
}

func (p *process) footing(t *testing.T) (f footing) {
	t.Helper()
	proc := fmt.Sprintf("/proc/%d/", p.cmd.Process.Pid)
	status, err := os.ReadFile(proc + "status")
	if err != nil {
		t.Skipf("the memory of another process cannot be read: %v", err)
	}
	kb := regexp.MustCompile(`VmRSS:\s+(\d+) kB`).FindSubmatch(status)
	if kb == nil {
		t.Skip("/proc has no VmRSS")
	}
	n, err := strconv.Atoi(string(kb[1]))
	if err != nil {
		t.Fatal(err)
	}
	f.rss = float64(n) / 1024
	fds, err := os.ReadDir(proc + "fd")
	if err != nil {
		t.Fatal(err)
	}
	goroutines, _ := p.metric("go_goroutines")
	f.descriptors, f.goroutines = len(fds), int(goroutines)
	return f
}

// configure changes one key of the site's configuration; value is TOML.
func (s site) configure(t *testing.T, key, value string) {
	t.Helper()
	path := filepath.Join(s.dir, "citygate.toml")
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	line := regexp.MustCompile(`(?m)^` + key + ` = .*$`)
	b = append(line.ReplaceAll(b, nil), fmt.Sprintf("%s = %s\n", key, value)...)
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}
