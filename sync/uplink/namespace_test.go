package uplink_test

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"citygate/sync/uplink"
)

// A long run, which waits for the growing pauses between connections, is asked for with
//
//	go test ./sync/uplink -run 'NetworkOfItsOwn|WeekWithout' -long -timeout 1h
var long = flag.Bool("long", false, "every fault of the network namespace, and the whole week without a network")

// namespaceVar marks the process of TestNetworkOfItsOwn that lives in a network namespace.
const namespaceVar = "CITYGATE_UPLINK_TEST_NAMESPACE"

// TestNetworkOfItsOwn runs TestInNamespace in a network namespace of its own, where links and routes can be taken away
// without harm to anybody.
func TestNetworkOfItsOwn(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("a network namespace needs root")
	}
	if _, err := exec.LookPath("ip"); err != nil {
		t.Skip("no ip here (package iproute2)")
	}
	t.Parallel()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe, "-test.run=^TestInNamespace$", "-test.v", fmt.Sprintf("-long=%v", *long))
	cmd.Env = append(os.Environ(), namespaceVar+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
	out, err := cmd.CombinedOutput()
	if cmd.Process == nil {
		t.Skipf("no network namespace can be made here: %v", err)
	}
	if err != nil || !strings.Contains(string(out), "--- PASS: TestInNamespace") {
		t.Errorf("%v\n%s", err, out)
	}
}

// ip changes the namespace's network.
func ip(t *testing.T, format string, args ...any) {
	t.Helper()
	if out, err := exec.Command("ip", strings.Fields(fmt.Sprintf(format, args...))...).CombinedOutput(); err != nil {
		t.Fatalf("ip %s: %v: %s", fmt.Sprintf(format, args...), err, out)
	}
}

// TestInNamespace: the gateway and its broker are two ends of a pair of links, as the kernel has them. A link that
// goes down, a route that swallows everything and one that is gone cost no event, and the gateway notices each.
func TestInNamespace(t *testing.T) {
	if os.Getenv(namespaceVar) == "" {
		t.Skip("runs in the namespace that TestNetworkOfItsOwn makes")
	}
	far := exec.Command("sleep", "600") // holds the namespace of the broker's end
	far.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
	if err := far.Start(); err != nil {
		t.Skipf("no second network namespace can be made here: %v", err)
	}
	t.Cleanup(func() { far.Process.Kill(); far.Wait() })
	const here, there, farAway = "10.77.0.1", "10.77.0.2", "10.78.0.1"
	ip(t, "link set lo up")
	ip(t, "link add near type veth peer name far netns %d", far.Process.Pid)
	ip(t, "addr add %s/24 dev near", here)
	ip(t, "link set near up")
	inFar := func(args string) {
		t.Helper()
		full := append([]string{"-t", fmt.Sprint(far.Process.Pid), "-n", "ip"}, strings.Fields(args)...)
		if out, err := exec.Command("nsenter", full...).CombinedOutput(); err != nil {
			t.Fatalf("ip %s at the far end: %v: %s", args, err, out)
		}
	}
	for _, args := range []string{"link set lo up", "addr add " + there + "/24 dev far", "addr add " + farAway + "/32 dev lo", "link set far up"} {
		inFar(args)
	}
	ip(t, "route add %s via %s", farAway, there)

	// The broker listens in this process; the far end sends what comes for it back here, so that every byte crosses
	// the pair twice.
	b := newBrokerAt(t, here+":1883", nil)
	f := newFleet(t)
	b.answer(t, f)
	inFar("route add default via " + here)
	relay := exec.Command("nsenter", "-t", fmt.Sprint(far.Process.Pid), "-n", os.Args[0], "-test.run=^$")
	relay.Env = append(os.Environ(), relayVar+"="+farAway+":1883 "+here+":1883")
	relay.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := relay.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { relay.Process.Kill(); relay.Wait() })

	g := startGateway(t, "", uplink.Config{Brokers: []string{"tcp://" + farAway + ":1883"}, AckTimeout: 500 * time.Millisecond, KeepAlive: time.Second, Timeout: time.Second})
	total := 1
	settle := func(n int) {
		t.Helper()
		g.append(t, n)
		total += n
		waitLong(t, func() bool { _, done := f.count(total); return done })
		waitLong(t, func() bool { return g.box.Stats(t.Context()).Depth == 0 })
	}
	settle(20)
	for i, c := range []struct {
		name        string
		spoil, mend func()
	}{
		{"link down", func() { ip(t, "link set near down") }, func() { ip(t, "link set near up"); ip(t, "route replace %s via %s", farAway, there) }},
		{"blackhole", func() { ip(t, "route replace blackhole %s", farAway) }, func() { ip(t, "route replace %s via %s", farAway, there) }},
		{"far link down", func() { inFar("link set far down") }, func() { inFar("link set far up"); inFar("route replace default via " + here) }},
		{"no way back", func() { inFar("route add blackhole " + here) }, func() { inFar("route del blackhole " + here) }},
		{"no route", func() { ip(t, "route del %s", farAway) }, func() { ip(t, "route replace %s via %s", farAway, there) }},
	} {
		if i >= 2 && !*long {
			break
		}
		c.spoil()
		g.append(t, 50)
		total += 50
		waitLong(t, func() bool { return !g.Status().Connected })
		c.mend()
		settle(20)
		t.Logf("%s: everything came", c.name)
	}
}
