// Package pgtest starts a PostgreSQL server of its own for a test, on a Unix socket in a new folder, and ends it with
// the test. It needs the server's programs, not a running service, and skips the test with the reason where they are
// not there.
package pgtest

import (
	"database/sql"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
)

// startLimit bounds the wait for a server that starts or recovers.
const startLimit = time.Minute

// Server is one running server.
type Server struct {
	tb   testing.TB
	bin  string
	dir  string
	args []string
	cred *syscall.Credential // nil: as the test itself

	cmd   *exec.Cmd     // nil: killed
	ended chan struct{} // closed when cmd has ended
}

// Start makes a database cluster and starts its server. Settings such as "fsync=off" are the server's.
func Start(tb testing.TB, settings ...string) *Server {
	tb.Helper()
	s := &Server{tb: tb, bin: programs(tb)}
	dir, err := os.MkdirTemp("", "pgtest")
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { os.RemoveAll(dir) })
	s.dir = dir
	if os.Getuid() == 0 { // the server refuses to be root
		s.cred = nobody(tb)
		if err := os.Chown(dir, int(s.cred.Uid), int(s.cred.Gid)); err != nil {
			tb.Fatal(err)
		}
	}
	initdb := s.command("initdb", "--no-sync", "--auth=trust", "--username=fleet", "--encoding=UTF8", "--locale=C", "-D", s.data())
	if out, err := initdb.CombinedOutput(); err != nil {
		tb.Fatalf("initdb: %v\n%s", err, out)
	}
	s.args = []string{"-D", s.data(), "-k", dir, "-c", "listen_addresses=", "-c", "max_connections=100"}
	for _, v := range settings {
		s.args = append(s.args, "-c", v)
	}
	tb.Cleanup(s.Kill)
	s.Restart()
	return s
}

// URL is the address of the server's database, with further parameters such as "search_path=x".
func (s *Server) URL(params string) string {
	return fmt.Sprintf("postgres://fleet@/postgres?host=%s&%s", url.QueryEscape(s.dir), params)
}

// Kill ends the server with SIGKILL. Its children see that it is gone and end soon after.
func (s *Server) Kill() {
	if s.cmd == nil {
		return
	}
	s.cmd.Process.Kill()
	<-s.ended
	s.cmd = nil
}

// Restart starts a server that was killed, and returns when it answers. It must be called from the test's goroutine.
func (s *Server) Restart() {
	s.tb.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(startLimit)
	for s.start(); !s.ready(); {
		select {
		case <-tick.C:
		case <-s.ended: // the children of the killed one still held its memory
			s.start()
		case <-deadline:
			text, _ := os.ReadFile(filepath.Join(s.dir, "log"))
			s.tb.Fatalf("postgres did not start: %s", text)
		}
	}
}

func (s *Server) start() {
	s.tb.Helper()
	// A lock file of a killed server names a process that may be another one by now.
	os.Remove(filepath.Join(s.data(), "postmaster.pid"))
	log, err := os.OpenFile(filepath.Join(s.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		s.tb.Fatal(err)
	}
	defer log.Close()
	s.cmd = s.command("postgres", s.args...)
	s.cmd.Stderr = log
	if err := s.cmd.Start(); err != nil {
		s.tb.Fatalf("start postgres: %v", err)
	}
	cmd, ended := s.cmd, make(chan struct{})
	s.ended = ended
	go func() {
		cmd.Wait()
		close(ended)
	}()
}

func (s *Server) ready() bool {
	db, err := sql.Open("pgx", s.URL(""))
	if err != nil {
		s.tb.Fatal(err)
	}
	defer db.Close()
	return db.Ping() == nil
}

func (s *Server) data() string { return filepath.Join(s.dir, "data") }

func (s *Server) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(s.bin, name), args...)
	cmd.Dir = s.dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: s.cred}
	return cmd
}

// programs finds the folder of the newest server.
func programs(tb testing.TB) string {
	tb.Helper()
	if path, err := exec.LookPath("initdb"); err == nil {
		return filepath.Dir(path)
	}
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if len(found) == 0 {
		tb.Skip("no PostgreSQL server here (package postgresql)")
	}
	return filepath.Dir(found[len(found)-1])
}

func nobody(tb testing.TB) *syscall.Credential {
	tb.Helper()
	u, err := user.Lookup("nobody")
	if err != nil {
		tb.Skipf("no user for PostgreSQL: %v", err)
	}
	uid, err1 := strconv.ParseUint(u.Uid, 10, 32)
	gid, err2 := strconv.ParseUint(u.Gid, 10, 32)
	if err1 != nil || err2 != nil {
		tb.Skipf("user nobody has the numbers %s and %s", u.Uid, u.Gid)
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
}
