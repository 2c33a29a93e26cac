package main

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"

	mqtt "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/hooks/auth"
	"github.com/mochi-mqtt/server/v2/listeners"
	"github.com/mochi-mqtt/server/v2/packets"
)

// embeddedBroker runs mochi inside the demo, for machines where mosquitto cannot be had. It demands the same
// certificates and keeps to the same access list. It keeps nothing on disk, and nothing in the demo needs it to.
type embeddedBroker struct {
	addr   string
	tls    *tls.Config
	access *accessList
	server *mqtt.Server
}

func newEmbeddedBroker(addr string, files brokerFiles, acl []byte) (*embeddedBroker, error) {
	pair, err := tls.LoadX509KeyPair(files.cert, files.key)
	if err != nil {
		return nil, fmt.Errorf("embedded broker: %w", err)
	}
	pem, err := os.ReadFile(files.ca)
	if err != nil {
		return nil, fmt.Errorf("embedded broker: %w", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("embedded broker: no certificate in %s", files.ca)
	}
	access, err := parseAccessList(acl)
	if err != nil {
		return nil, err
	}
	return &embeddedBroker{addr: addr, access: access, tls: &tls.Config{
		Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS13,
		ClientCAs: roots, ClientAuth: tls.RequireAndVerifyClientCert,
	}}, nil
}

func (b *embeddedBroker) start() error {
	b.server = mqtt.New(&mqtt.Options{Logger: slog.New(slog.NewTextHandler(io.Discard, nil))})
	if err := b.server.AddHook(&nameHook{access: b.access}, nil); err != nil {
		return fmt.Errorf("embedded broker: %w", err)
	}
	l := listeners.NewTCP(listeners.Config{Type: "tcp", ID: "mqtts", Address: b.addr, TLSConfig: b.tls})
	if err := b.server.AddListener(l); err != nil {
		return fmt.Errorf("embedded broker: %w", err)
	}
	return b.server.Serve()
}

func (b *embeddedBroker) stop() {
	if b.server != nil {
		_ = b.server.Close()
		b.server = nil
	}
}

// nameHook lets a client in under its certificate's name alone, and holds it to the access list.
type nameHook struct {
	mqtt.HookBase
	access *accessList
}

// ID is the hook's name in the broker's log.
func (h *nameHook) ID() string { return "certificate-name" }

// Provides says which of the broker's questions this hook answers.
func (h *nameHook) Provides(b byte) bool {
	return b == mqtt.OnConnectAuthenticate || b == mqtt.OnACLCheck
}

// OnConnectAuthenticate admits a client whose id is its certificate's common name.
func (h *nameHook) OnConnectAuthenticate(cl *mqtt.Client, _ packets.Packet) bool {
	name := certificateName(cl)
	return name != "" && name == cl.ID
}

// OnACLCheck is asked for each topic written and each filter subscribed.
func (h *nameHook) OnACLCheck(cl *mqtt.Client, topic string, write bool) bool {
	return h.access.allows(certificateName(cl), topic, write)
}

func certificateName(cl *mqtt.Client) string {
	conn, ok := cl.Net.Conn.(*tls.Conn)
	if !ok {
		return ""
	}
	certs := conn.ConnectionState().PeerCertificates
	if len(certs) == 0 {
		return ""
	}
	return certs[0].Subject.CommonName
}

// accessList is mosquitto's ACL file: topic lines after "user NAME" for that user, pattern lines for everyone, with %u
// for the user's name.
type accessList struct{ rules []accessRule }

type accessRule struct {
	user        string // empty for everyone
	read, write bool
	filter      string
}

var errAccessList = errors.New("access list")

func parseAccessList(b []byte) (*accessList, error) {
	a, user := &accessList{}, ""
	for sc := bufio.NewScanner(bytes.NewReader(b)); sc.Scan(); {
		f := strings.Fields(sc.Text())
		if len(f) == 0 || strings.HasPrefix(f[0], "#") {
			continue
		}
		switch {
		case f[0] == "user" && len(f) == 2:
			user = f[1]
		case (f[0] == "topic" || f[0] == "pattern") && len(f) == 3 && strings.Contains("read write readwrite", f[1]):
			r := accessRule{read: f[1] != "write", write: f[1] != "read", filter: f[2]}
			if f[0] == "topic" {
				r.user = user
			}
			a.rules = append(a.rules, r)
		default:
			return nil, fmt.Errorf("%w: %q", errAccessList, sc.Text())
		}
	}
	return a, nil
}

func (a *accessList) allows(user, topic string, write bool) bool {
	if user == "" || strings.ContainsAny(user, "+#/") {
		return false
	}
	if rest, ok := strings.CutPrefix(topic, "$share/"); ok {
		_, topic, _ = strings.Cut(rest, "/")
	}
	for _, r := range a.rules {
		if r.user != "" && r.user != user || write && !r.write || !write && !r.read {
			continue
		}
		if _, ok := auth.MatchTopic(strings.ReplaceAll(r.filter, "%u", user), topic); ok {
			return true
		}
	}
	return false
}
