package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"strings"
	"time"

	"citygate/internal/brokerconf"
)

// This file implements what `citygate doctor` finds out about a broker's settings: from the broker's own file, where it
// is on this box, and from how the broker takes a stranger.

// brokerFiles are where a broker's configuration may be on this box.
func brokerFiles() []string {
	return []string{"/etc/citygate/mosquitto/citygate.conf", "/etc/citygate/nats/citygate.conf", "/etc/mosquitto/mosquitto.conf"}
}

// mqttConnect is a CONNECT packet of MQTT 3.1.1: clean session, client id "doctor", no user name.
const mqttConnect = "\x10\x12\x00\x04MQTT\x04\x02\x00\x0a\x00\x06doctor"

func checkBrokerSettings(ctx context.Context, e *examination) finding {
	if len(e.config.Brokers) == 0 {
		return good("no broker is configured")
	}
	var open, slow, looked []string
	files := brokerFiles()
	if e.brokerConf != "" {
		files = []string{e.brokerConf}
	}
	for _, file := range files {
		dangers, err := brokerconf.Check(file)
		switch {
		case errors.Is(err, os.ErrNotExist) && e.brokerConf == "":
			continue
		case err != nil:
			slow = append(slow, err.Error())
			continue
		}
		looked = append(looked, file)
		for _, d := range dangers {
			text := fmt.Sprintf("%s is %s: %s (%s)", d.Setting, d.Found, d.Why, d.Want)
			if d.Open {
				open = append(open, text)
			} else {
				slow = append(slow, text)
			}
		}
	}
	for _, b := range e.config.Brokers {
		o, s, asked := strangersAt(ctx, b)
		open, slow = append(open, o...), append(slow, s...)
		if asked {
			looked = append(looked, b)
		}
	}
	const hint = "set it in the broker's configuration; firmware-configs/mosquitto and nats hold checked ones"
	all := strings.Join(append(open, slow...), "; ")
	switch {
	case len(open) > 0:
		return fail(all, hint)
	case len(slow) > 0:
		return warn(all, hint)
	case len(looked) == 0:
		return good("no broker could be asked")
	}
	return good("nothing dangerous seen of " + strings.Join(looked, ", "))
}

// strangersAt tries a broker as one who has no certificate, and with an older TLS.
func strangersAt(ctx context.Context, broker string) (open, slow []string, asked bool) {
	u, err := url.Parse(broker)
	if err != nil {
		return nil, nil, false
	}
	if u.Scheme == "tcp" {
		slow = append(slow, broker+" is not encrypted: events and orders can be read on the way")
	}
	taken, err := takesStranger(ctx, u)
	if err != nil && !taken {
		return open, slow, !errors.Is(err, errNoBroker)
	}
	if taken {
		open = append(open, broker+" lets in a client without a certificate (require_certificate true)")
	}
	return open, slow, true
}

var errNoBroker = errors.New("no broker there")

// takesStranger connects without a certificate. Any TLS is taken and no certificate of the broker's is checked: nothing
// is told to it that is not public.
func takesStranger(ctx context.Context, u *url.URL) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, dialLimit)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", u.Host)
	if err != nil {
		return false, fmt.Errorf("%w: %w", errNoBroker, err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(dialLimit)); err != nil {
		return false, err
	}
	if u.Scheme != "tcp" {
		t := tls.Client(conn, &tls.Config{InsecureSkipVerify: true, ServerName: u.Hostname()})
		if err := t.HandshakeContext(ctx); err != nil {
			return false, err
		}
		conn = t
	}
	if _, err := io.WriteString(conn, mqttConnect); err != nil {
		return false, err
	}
	answer := make([]byte, 4)
	if _, err := io.ReadFull(conn, answer); err != nil {
		return false, err
	}
	return answer[0] == 0x20 && answer[3] == 0, nil
}
