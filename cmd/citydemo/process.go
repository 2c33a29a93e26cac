package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Limits of waiting for a part to come up or to go down.
const (
	startLimit = 60 * time.Second
	stopLimit  = 8 * time.Second
	pollEvery  = 50 * time.Millisecond
)

// process is one part of the demo, running as a command of its own, as it would on its own machine. Its output goes
// to a log file in the state folder. It dies with the demo, however the demo ends.
type process struct {
	name string
	log  string
	argv []string

	mu     sync.Mutex // guards cmd and done, which restart replaces
	cmd    *exec.Cmd
	done   chan struct{}
	wanted bool // the demo wants it to run; its end is news
}

func newProcess(name, logDir string, argv ...string) *process {
	return &process{name: name, log: filepath.Join(logDir, name+".log"), argv: argv}
}

// start runs the command. failed is called once, from another goroutine, if it ends while it is wanted.
func (p *process) start(failed func(error)) error {
	out, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("start %s: %w", p.name, err)
	}
	defer out.Close()
	cmd := exec.Command(p.argv[0], p.argv[1:]...)
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", p.name, err)
	}
	done := make(chan struct{})
	p.mu.Lock()
	p.cmd, p.done, p.wanted = cmd, done, true
	p.mu.Unlock()
	go func() {
		err := cmd.Wait()
		close(done)
		p.mu.Lock()
		news := p.wanted && p.cmd == cmd
		p.mu.Unlock()
		if news {
			failed(fmt.Errorf("%s ended by itself (%v); the end of %s:\n%s", p.name, err, p.log, tail(p.log, 12)))
		}
	}()
	return nil
}

// stop ends the command with sig and waits until it is gone; one that does not obey in time is killed.
func (p *process) stop(sig syscall.Signal) {
	p.mu.Lock()
	cmd, done := p.cmd, p.done
	p.wanted = false
	p.mu.Unlock()
	if cmd == nil {
		return
	}
	_ = cmd.Process.Signal(sig)
	select {
	case <-done:
	case <-time.After(stopLimit):
		_ = cmd.Process.Kill()
		<-done
	}
}

// tail returns the last n lines of a file, for an error message.
func tail(file string, n int) string {
	f, err := os.Open(file)
	if err != nil {
		return ""
	}
	defer f.Close()
	if end, err := f.Seek(0, io.SeekEnd); err == nil {
		_, _ = f.Seek(max(0, end-16<<10), io.SeekStart)
	}
	var lines []string
	for sc := bufio.NewScanner(f); sc.Scan(); {
		lines = append(lines, "  "+sc.Text())
	}
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

// waitHTTP waits until url answers 200.
func waitHTTP(ctx context.Context, url string) error {
	return poll(ctx, startLimit, "answer of "+url, func() error {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			return err
		}
		defer res.Body.Close()
		body, _ := io.ReadAll(io.LimitReader(res.Body, 512))
		if res.StatusCode != http.StatusOK {
			return fmt.Errorf("%s: %s", res.Status, strings.TrimSpace(string(body)))
		}
		return nil
	})
}

// waitTCP waits until something listens at addr.
func waitTCP(ctx context.Context, addr string) error {
	return poll(ctx, startLimit, "listener at "+addr, func() error {
		c, err := net.DialTimeout("tcp", addr, time.Second)
		if err != nil {
			return err
		}
		return c.Close()
	})
}

// poll asks again and again until try succeeds, and says at the limit what it waited for and what the last answer was.
func poll(ctx context.Context, limit time.Duration, what string, try func() error) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		err := try()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			if errors.Is(ctx.Err(), context.DeadlineExceeded) {
				return fmt.Errorf("no %s within %v: %w", what, limit, err)
			}
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// listenAddresses fills in where the parts listen: each its preferred port, counted up from first, where it is free, and
// any free port of the loopback interface otherwise; 0 takes any for all. No port is given back before all are taken.
func listenAddresses(first int, parts ...*string) error {
	for i, part := range parts {
		preferred := "127.0.0.1:0"
		if first != 0 {
			preferred = fmt.Sprintf("127.0.0.1:%d", first+i)
		}
		l, err := net.Listen("tcp", preferred)
		if err != nil {
			l, err = net.Listen("tcp", "127.0.0.1:0")
		}
		if err != nil {
			return fmt.Errorf("no free port on 127.0.0.1: %w", err)
		}
		defer l.Close()
		*part = l.Addr().String()
	}
	return nil
}
