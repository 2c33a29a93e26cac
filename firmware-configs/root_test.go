package firmwareconfigs_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// This file is what the test of installed packages runs in: a Debian root with a network of its own, where the units'
// own ExecStart lines run as systemd would run them, without systemd.

// debianRoot is a root folder that commands run in.
type debianRoot struct {
	t   *testing.T
	dir string
	net int // process that holds the network namespace; 0: this machine's network
}

// newRoot unpacks the tar of a Debian root that mmdebstrap made.
func newRoot(t *testing.T, tar string) *debianRoot {
	t.Helper()
	r := &debianRoot{t: t, dir: t.TempDir()}
	if out, err := exec.Command("tar", "-C", r.dir, "-xf", tar).CombinedOutput(); err != nil {
		t.Fatalf("unpack %s: %v: %s", tar, err, out)
	}
	if err := os.Chmod(r.dir, 0o755); err != nil { // the services' users pass through it
		t.Fatal(err)
	}
	r.write("/etc/hosts", "127.0.0.1 localhost\n")
	return r
}

// isolate gives the root a network with a loopback and nothing else, so that every unit has its own fixed port.
func (r *debianRoot) isolate() {
	r.t.Helper()
	hold := exec.Command("unshare", "--net", "sh", "-c", "ip link set lo up && echo up && exec sleep infinity")
	out, err := hold.StdoutPipe()
	if err == nil {
		err = hold.Start()
	}
	if err == nil {
		_, err = out.Read(make([]byte, 1))
	}
	if err != nil {
		r.t.Fatalf("make a network namespace: %v", err)
	}
	r.net = hold.Process.Pid
	r.t.Cleanup(func() { hold.Process.Kill(); hold.Wait() })
}

// command is a command inside the root, with /proc and in the root's network.
func (r *debianRoot) command(ctx context.Context, args ...string) *exec.Cmd {
	all := []string{"unshare", "--mount", "sh", "-c", `mount -t proc proc "$0/proc" && exec chroot "$0" "$@"`, r.dir}
	if r.net != 0 {
		all = append([]string{"nsenter", "--net", "--target", strconv.Itoa(r.net)}, all...)
	}
	all = append(all, args...)
	c := exec.CommandContext(ctx, all[0], all[1:]...)
	c.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND=noninteractive", "LC_ALL=C.UTF-8"}
	return c
}

// run runs a command to its end and returns its standard output.
func (r *debianRoot) run(args ...string) string {
	r.t.Helper()
	var out, problems bytes.Buffer
	c := r.command(r.t.Context(), args...)
	c.Stdout, c.Stderr = &out, &problems
	if err := c.Run(); err != nil {
		r.t.Fatalf("%s: %v\n%s%s", strings.Join(args, " "), err, &out, &problems)
	}
	return out.String()
}

// as runs a command as one of the packages' users.
func (r *debianRoot) as(user string, args ...string) string {
	r.t.Helper()
	return r.run(append([]string{"setpriv", "--reuid=" + user, "--regid=" + user, "--init-groups"}, args...)...)
}

// apt runs apt-get with answers for everything; changed conffiles stay as they are.
func (r *debianRoot) apt(args ...string) {
	r.t.Helper()
	r.run(append([]string{"apt-get", "-y", "-q", "--no-install-recommends", "-o", "Dpkg::Options::=--force-confold"}, args...)...)
}

func (r *debianRoot) path(name string) string { return filepath.Join(r.dir, name) }

func (r *debianRoot) has(name string) bool {
	_, err := os.Lstat(r.path(name))
	return err == nil
}

func (r *debianRoot) write(name, text string) {
	r.t.Helper()
	if err := os.WriteFile(r.path(name), []byte(text), 0o644); err != nil {
		r.t.Fatal(err)
	}
}

func (r *debianRoot) read(name string) string {
	r.t.Helper()
	b, err := os.ReadFile(r.path(name))
	if err != nil {
		r.t.Fatal(err)
	}
	return string(b)
}

// service is a running unit.
type service struct {
	t      *testing.T
	name   string
	cmd    *exec.Cmd
	told   chan string // what it told the service manager
	ended  chan struct{}
	stderr string // file of its log
}

// start runs a unit's ExecStart as its user, with the environment that its files give and a service manager's socket.
func (r *debianRoot) start(unit, instance string) *service {
	r.t.Helper()
	file := unit + ".service"
	if instance != "" {
		file = unit + "@.service"
	}
	u := parseUnit(r.t, strings.ReplaceAll(r.read("/usr/lib/systemd/system/"+file), "%i", instance))
	vars := map[string]string{}
	for _, f := range u["EnvironmentFile"] {
		for line := range strings.Lines(r.read(f)) {
			if k, v, ok := strings.Cut(strings.TrimSpace(line), "="); ok && !strings.HasPrefix(k, "#") {
				vars[k] = v
			}
		}
	}
	user := u["User"][0]
	socket := "/run/notify-" + unit
	s := &service{t: r.t, name: unit, told: make(chan string, 1000), ended: make(chan struct{}), stderr: filepath.Join(r.t.TempDir(), unit)}
	listenNotify(r.t, r.path(socket), s.told)
	args := append([]string{"setpriv", "--reuid=" + user, "--regid=" + user, "--init-groups"}, expand(u["ExecStart"][0], vars)...)
	s.cmd = r.command(context.WithoutCancel(r.t.Context()), args...)
	s.cmd.Env = append(s.cmd.Env, "NOTIFY_SOCKET="+socket, "WATCHDOG_USEC=3000000")
	log, err := os.Create(s.stderr)
	if err == nil {
		s.cmd.Stdout, s.cmd.Stderr = log, log
		err = s.cmd.Start()
		log.Close()
	}
	if err != nil {
		r.t.Fatalf("start %s: %v", unit, err)
	}
	go func() { s.cmd.Wait(); close(s.ended) }()
	r.t.Cleanup(func() { s.cmd.Process.Kill(); <-s.ended })
	return s
}

// parseUnit returns the values of every key of a unit file.
func parseUnit(t *testing.T, text string) map[string][]string {
	t.Helper()
	u := map[string][]string{}
	for line := range strings.Lines(text) {
		if k, v, ok := strings.Cut(strings.TrimSpace(line), "="); ok && !strings.HasPrefix(line, "#") {
			u[k] = append(u[k], v)
		}
	}
	if len(u["ExecStart"]) != 1 || len(u["User"]) != 1 {
		t.Fatalf("a unit with %d ExecStart and %d User", len(u["ExecStart"]), len(u["User"]))
	}
	return u
}

// expand splits a command line as systemd does: $X is split at spaces, ${X} is not.
func expand(line string, vars map[string]string) []string {
	var args []string
	for _, f := range strings.Fields(line) {
		if name, ok := strings.CutPrefix(f, "$"); ok && !strings.HasPrefix(name, "{") {
			args = append(args, strings.Fields(vars[name])...)
			continue
		}
		for k, v := range vars {
			f = strings.ReplaceAll(f, "${"+k+"}", v)
		}
		args = append(args, f)
	}
	return args
}

// listenNotify takes what a service tells its manager.
func listenNotify(t *testing.T, path string, told chan<- string) {
	t.Helper()
	os.Remove(path)
	fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_DGRAM|syscall.SOCK_CLOEXEC, 0)
	if err == nil {
		// The test's folders have long names, a socket's address has 107 bytes: bind through the folder's descriptor.
		err = bindShort(fd, path)
	}
	if err == nil {
		err = os.Chmod(path, 0o777)
	}
	if err != nil {
		t.Fatalf("notify socket: %v", err)
	}
	f := os.NewFile(uintptr(fd), path)
	t.Cleanup(func() { syscall.Shutdown(fd, syscall.SHUT_RDWR); f.Close() })
	go func() {
		buf := make([]byte, 4096)
		for {
			n, _, err := syscall.Recvfrom(fd, buf, 0)
			if err != nil || n == 0 {
				return
			}
			for line := range strings.Lines(string(buf[:n])) {
				select {
				case told <- strings.TrimSpace(line):
				default:
				}
			}
		}
	}()
}

func bindShort(fd int, path string) error {
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer dir.Close()
	return syscall.Bind(fd, &syscall.SockaddrUnix{Name: fmt.Sprintf("/proc/self/fd/%d/%s", dir.Fd(), filepath.Base(path))})
}

// expect waits until the service has told its manager a line.
func (s *service) expect(line string) {
	s.t.Helper()
	if rest := s.tells(line); rest != "" {
		s.t.Fatalf("%s told %s%s", s.name, line, rest)
	}
}

// tells waits until the service has told its manager a line that begins so, and returns what follows.
func (s *service) tells(prefix string) string {
	s.t.Helper()
	limit := time.After(time.Minute)
	for {
		select {
		case got := <-s.told:
			if rest, ok := strings.CutPrefix(got, prefix); ok {
				return rest
			}
		case <-s.ended:
			s.t.Fatalf("%s ended before it told %s:\n%s", s.name, prefix, s.log())
		case <-limit:
			s.t.Fatalf("%s did not tell %s in a minute:\n%s", s.name, prefix, s.log())
		}
	}
}

// succeed waits until the service ends by itself, and wants it to end well.
func (s *service) succeed() {
	s.t.Helper()
	select {
	case <-s.ended:
	case <-time.After(2 * time.Minute):
		s.t.Fatalf("%s did not end in two minutes:\n%s", s.name, s.log())
	}
	if code := s.cmd.ProcessState.ExitCode(); code != 0 {
		s.t.Fatalf("%s ended with status %d:\n%s", s.name, code, s.log())
	}
}

// kill ends the service without a chance to say goodbye.
func (s *service) kill() {
	s.cmd.Process.Kill()
	<-s.ended
}

func (s *service) log() string {
	b, _ := os.ReadFile(s.stderr)
	return string(b[max(0, len(b)-4000):])
}

// stop ends the service as the manager does, and wants it to end in order.
func (s *service) stop() {
	s.t.Helper()
	s.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-s.ended:
	case <-time.After(20 * time.Second):
		s.t.Fatalf("%s did not end within 20 s of SIGTERM", s.name)
	}
	if code := s.cmd.ProcessState.ExitCode(); code != 0 {
		s.t.Errorf("%s ended with status %d:\n%s", s.name, code, s.log())
	}
}
