package main

import (
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"

	firmwareconfigs "citygate/firmware-configs"
)

// broker is the MQTT broker of the demo: mosquitto with the configuration of firmware-configs, or, where mosquitto
// cannot be had, the embedded one with the same certificates and the same access list.
type broker struct {
	addr     string
	process  *process        // mosquitto, or nil
	embedded *embeddedBroker // or nil
}

// brokerFiles names the certificates that the broker shows and demands.
type brokerFiles struct{ ca, cert, key string }

// newBroker writes the broker's files into dir; start starts it.
func newBroker(dir, logDir, addr string, files brokerFiles, embed bool) (*broker, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	acl, err := firmwareconfigs.Files.ReadFile(firmwareconfigs.BrokerACL)
	if err != nil {
		return nil, err
	}
	mosquitto, found := findMosquitto()
	if embed || !found {
		e, err := newEmbeddedBroker(addr, files, acl)
		return &broker{addr: addr, embedded: e}, err
	}
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	aclFile := filepath.Join(dir, "citygate.acl")
	if err := os.WriteFile(aclFile, acl, 0o600); err != nil {
		return nil, err
	}
	// Started by root, mosquitto would become its own user and then could not read the state folder.
	conf, err := firmwareconfigs.Fill(firmwareconfigs.BrokerConf, map[string]string{
		"user":                 currentUser(),
		"listener":             port + " " + host,
		"cafile":               files.ca,
		"certfile":             files.cert,
		"keyfile":              files.key,
		"acl_file":             aclFile,
		"persistence_location": dir + "/",
	})
	if err != nil {
		return nil, err
	}
	confFile := filepath.Join(dir, "citygate.conf")
	if err := os.WriteFile(confFile, conf, 0o644); err != nil {
		return nil, err
	}
	return &broker{addr: addr, process: newProcess("broker", logDir, mosquitto, "-c", confFile)}, nil
}

func (b *broker) name() string {
	if b.embedded != nil {
		return "embedded broker"
	}
	return "mosquitto"
}

func (b *broker) start(ctx context.Context, failed func(error)) error {
	if b.embedded != nil {
		return b.embedded.start()
	}
	if err := b.process.start(failed); err != nil {
		return err
	}
	return waitTCP(ctx, b.addr)
}

func (b *broker) stop() {
	if b.embedded != nil {
		b.embedded.stop()
		return
	}
	b.process.stop(syscall.SIGTERM)
}

// findMosquitto looks where Debian puts it too, since sbin is not on everyone's path.
func findMosquitto() (string, bool) {
	for _, name := range []string{"mosquitto", "/usr/sbin/mosquitto"} {
		if p, err := exec.LookPath(name); err == nil {
			return p, true
		}
	}
	return "", false
}

func currentUser() string {
	if os.Geteuid() == 0 {
		return "root"
	}
	if u := os.Getenv("USER"); u != "" {
		return u
	}
	return strconv.Itoa(os.Geteuid())
}
