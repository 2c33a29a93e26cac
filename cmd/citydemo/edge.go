package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	firmwareconfigs "citygate/firmware-configs"
	"citygate/internal/pki"
)

// fleetConfig is the fleet server's configuration for the demo; its other keys keep their defaults.
const fleetConfig = `listen = %q
title = { zh-CN = "石家庄网关", en = "Shijiazhuang gateways" }
time_zone = "Asia/Shanghai"
database = %q
brokers = [%q]
client_id = %q
ca = %q
cert = %q
key = %q
ack_key = %q
ops_key = %q
mirrors = [%q]
`

// startFleet makes the fleet server's certificate, key and configuration, enrols the gateway and starts the server.
func (d *demo) startFleet(ctx context.Context) error {
	cert, key, err := d.pki.Issue(fleetName)
	if err != nil {
		return err
	}
	ack, err := d.keyPair(ctx, "fleet-ack")
	if err != nil {
		return err
	}
	ops, err := d.keyPair(ctx, "fleet-ops")
	if err != nil {
		return err
	}
	if err := d.pin(ack, ops); err != nil {
		return err
	}
	event, err := d.keyPair(ctx, "gateway-event")
	if err != nil {
		return err
	}
	conf := d.path("fleet", "fleet.toml")
	text := fmt.Sprintf(fleetConfig, d.addr.Fleet, d.path("fleet", "fleet.db"), "ssl://"+d.addr.Broker, fleetName,
		d.path("pki", pki.RootCert), cert, key, ack.seed, ops.seed, "http://"+d.addr.Ledger)
	if err := os.WriteFile(conf, []byte(text), 0o644); err != nil {
		return err
	}
	if err := d.do(ctx, "cityfleet", "device", "add", "--config", conf, "--name", device, "--key", event.vkey,
		"--place", cityPrefix+".02", "--title", "中山路口 3 号终端"); err != nil {
		return err
	}
	d.fleet = newProcess("fleet", d.path("log"), d.command("cityfleet"), "serve", "--config", conf)
	if err := d.fleet.start(d.fail); err != nil {
		return err
	}
	d.say("fleet server: ingest, trust data over MQTT, operations page")
	return waitHTTP(ctx, "http://"+d.addr.Fleet+"/healthz")
}

// keyFiles are the two files of a key pair.
type keyFiles struct{ seed, vkey string }

// keyPair makes an Ed25519 key pair with the fleet's own command, unless an earlier start has.
func (d *demo) keyPair(ctx context.Context, name string) (keyFiles, error) {
	k := keyFiles{d.path("keys", name+".key"), d.path("keys", name+".vkey")}
	if _, err := os.Stat(k.vkey); !errors.Is(err, fs.ErrNotExist) {
		return k, err
	}
	return k, d.do(ctx, "cityfleet", "keygen", "--name", demoOrigin+"/"+name, "--key", k.seed, "--vkey", k.vkey)
}

// pinsFile holds the verifier keys that the gateway pins: whose acknowledgements it believes and whose orders it obeys.
const pinsFile = "fleet.vkey"

func (d *demo) pin(ack, ops keyFiles) error {
	var pins []byte
	for _, k := range []keyFiles{ack, ops} {
		b, err := os.ReadFile(k.vkey)
		if err != nil {
			return err
		}
		pins = append(pins, b...)
	}
	return os.WriteFile(d.path("keys", pinsFile), pins, 0o644)
}

// do runs one of the commands to its end.
func (d *demo) do(ctx context.Context, name string, args ...string) error {
	out, err := exec.CommandContext(ctx, d.command(name), args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s %s: %w: %s", name, args[0], err, strings.TrimSpace(string(out)))
	}
	return nil
}

// startEdge starts the gateway and waits until it holds the ledgers' newest checkpoints; only then does its camera get
// to see the film, so every code of it can be judged, the newest too.
func (d *demo) startEdge(ctx context.Context, exhibits []exhibit) error {
	old, err := d.epochs(ctx)
	if err != nil {
		return err
	}
	for _, e := range old {
		d.oldEpochs[e] = true
	}
	film := d.path("gateway", "scene.avi")
	if err := os.Remove(film); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	camera, loop := film, !d.once
	if d.camera != "" {
		camera = d.camera
	}
	conf, err := d.gatewayConfig(camera, loop)
	if err != nil {
		return err
	}
	d.gateway = newProcess("gateway", d.path("log"), d.command("citygate"), "run", "--config", conf)
	if err := d.gateway.start(d.fail); err != nil {
		return err
	}
	connected := make(chan struct{}, 1)
	go d.journal.follow(ctx, "http://"+d.addr.Kiosk+"/events", func() {
		select {
		case connected <- struct{}{}:
		default:
		}
	})
	next := d.path("film.avi")
	if d.camera == "" {
		err := writeFilm(next, d.path("reels"), exhibits, d.hold, func(done, of int) {
			if done == of {
				d.say("film: %d codes for the gateway's camera", of)
			}
		})
		if err != nil {
			return err
		}
	}
	if err := d.awaitTrust(ctx); err != nil {
		return err
	}
	d.say("gateway: holds the newest checkpoints of all ledgers")
	select {
	case <-connected:
	case err := <-d.failed:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
	if d.camera == "" {
		return os.Rename(next, film)
	}
	return nil
}

// startGateway starts the gateway again after a kill.
func (d *demo) startGateway(ctx context.Context) error {
	if err := d.gateway.start(d.fail); err != nil {
		return err
	}
	return waitHTTP(ctx, "http://"+d.addr.Kiosk+"/healthz")
}

// gatewayConfig fills the gateway's file of firmware-configs in and returns its name.
func (d *demo) gatewayConfig(camera string, loop bool) (string, error) {
	cert, key, err := d.pki.Issue(device)
	if err != nil {
		return "", err
	}
	state, err := makeFolder(d.path("gateway", "state"))
	if err != nil {
		return "", err
	}
	conf, err := firmwareconfigs.Fill(firmwareconfigs.Gateway, map[string]string{
		"device":      strconv.Quote(device),
		"root_policy": strconv.Quote(d.path("registries", "cn", "public", "root.json")),
		"state_dir":   strconv.Quote(state),
		"camera":      strconv.Quote(camera),
		"camera_loop": strconv.FormatBool(loop),
		"brokers":     fmt.Sprintf("[%q]", "ssl://"+d.addr.Broker),
		"ca":          strconv.Quote(d.path("pki", pki.RootCert)),
		"cert":        strconv.Quote(cert),
		"key":         strconv.Quote(key),
		"event_key":   strconv.Quote(d.path("keys", "gateway-event.key")),
		"fleet_key":   strconv.Quote(d.path("keys", pinsFile)),
		"listen":      strconv.Quote(d.addr.Kiosk),
	})
	if err != nil {
		return "", err
	}
	file := d.path("gateway", "citygate.toml")
	return file, os.WriteFile(file, conf, 0o644)
}

// awaitTrust waits until the gateway holds every log at least as large as it is published.
func (d *demo) awaitTrust(ctx context.Context) error {
	want := map[string]uint64{}
	for _, r := range d.land.all() {
		heads, err := r.Published(ctx)
		if err != nil {
			return err
		}
		for _, h := range heads {
			want[h.Log] = h.Size
		}
	}
	return poll(ctx, startLimit, "newest checkpoints at the gateway", func() error {
		have, err := d.metrics(ctx)
		if err != nil {
			return err
		}
		for log, size := range want {
			if got := have[fmt.Sprintf(`citygate_trust_size{log=%q}`, log)]; uint64(got) < size {
				return fmt.Errorf("%s has %v of %d entries", log, got, size)
			}
		}
		return nil
	})
}

// metrics reads the gateway's own figures, by name and labels.
func (d *demo) metrics(ctx context.Context) (map[string]float64, error) {
	figures := map[string]float64{}
	err := d.lines(ctx, "http://"+d.addr.Kiosk+"/metrics", func(line string) error {
		if at := strings.LastIndexByte(line, ' '); at > 0 && line[0] != '#' {
			if v, err := strconv.ParseFloat(line[at+1:], 64); err == nil {
				figures[line[:at]] = v
			}
		}
		return nil
	})
	return figures, err
}

// lines reads a text resource line by line.
func (d *demo) lines(ctx context.Context, url string, each func(string) error) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", url, res.Status)
	}
	sc := bufio.NewScanner(res.Body)
	sc.Buffer(nil, 1<<20)
	for sc.Scan() {
		if err := each(sc.Text()); err != nil {
			return err
		}
	}
	return sc.Err()
}

// settle waits until the gateway holds nothing that the fleet has not acknowledged and the fleet has stored what the
// journal has seen, and compares the two. What has not come at the limit is lost, and the summary says so.
func (d *demo) settle(ctx context.Context) (summary, error) {
	var s summary
	err := poll(ctx, fleetLimit, "acknowledgement of everything", func() error {
		m, err := d.metrics(ctx)
		if err != nil {
			return err
		}
		waiting, ok := m["citygate_outbox_depth"]
		if !ok {
			return errors.New("the gateway does not say how many events wait")
		}
		stored, err := d.storedEvents(ctx)
		if err != nil {
			return err
		}
		all, now := d.journal.answers()
		s = compare(all, now, stored, d.oldEpochs, int(waiting))
		if s.Events != s.Acknowledged || s.Lost > 0 {
			return fmt.Errorf("%v events wait in the gateway, %d are not with the fleet", waiting, s.Lost)
		}
		return nil
	})
	if s.Scans > 0 && ctx.Err() == nil {
		return s, nil // the summary itself says what is missing
	}
	return s, err
}

// epochs asks the fleet which epochs of the gateway it knows.
func (d *demo) epochs(ctx context.Context) (list []string, err error) {
	var gateways []struct {
		Device string
		Epochs []struct{ Epoch string }
	}
	var text strings.Builder
	url := "http://" + d.addr.Fleet + "/api/gateways"
	if err := d.lines(ctx, url, func(l string) error { text.WriteString(l); return nil }); err != nil {
		return nil, err
	}
	if err := json.Unmarshal([]byte(text.String()), &gateways); err != nil {
		return nil, fmt.Errorf("%s: %w", url, err)
	}
	for _, g := range gateways {
		for _, e := range g.Epochs {
			if g.Device == device {
				list = append(list, e.Epoch)
			}
		}
	}
	return list, nil
}

// storedEvents asks the fleet for every event of the gateway, of all epochs.
func (d *demo) storedEvents(ctx context.Context) (list []storedEvent, err error) {
	epochs, err := d.epochs(ctx)
	if err != nil {
		return nil, err
	}
	for _, epoch := range epochs {
		for after, more := uint64(0), true; more; {
			more = false
			url := fmt.Sprintf("http://%s/api/events?device=%s&epoch=%s&after=%d", d.addr.Fleet, device, epoch, after)
			err := d.lines(ctx, url, func(l string) error {
				var s storedEvent
				if err := json.Unmarshal([]byte(l), &s); err != nil {
					return fmt.Errorf("%s: %w", url, err)
				}
				list = append(list, s)
				more, after = true, max(after, s.Seq, s.Last)
				return nil
			})
			if err != nil {
				return nil, err
			}
		}
	}
	return list, nil
}
