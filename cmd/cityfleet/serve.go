package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"

	"golang.org/x/sync/errgroup"

	"citygate/fleet/feed"
	"citygate/fleet/ingest"
	"citygate/fleet/store"
	"citygate/fleet/web"
	"citygate/internal/keyfile"
	"citygate/sync/wire"
	"citygate/trust/mirror"
)

type serveCommand struct {
	Config string `required:"" type:"path" help:"fleet.toml."`
}

// Run serves until it is told to stop.
func (cmd serveCommand) Run(s *streams) error {
	c, err := loadConfig(cmd.Config)
	if err != nil {
		return err
	}
	key, err := keyfile.ReadSeed(c.AckKey)
	if err != nil {
		return fmt.Errorf("ack_key: %w", err)
	}
	tlsConfig, err := clientTLS(c)
	if err != nil {
		return err
	}
	db, err := store.Open(c.Database, store.Options{Logger: s.log})
	if err != nil {
		return err
	}
	defer db.Close()
	var f *feed.Feed
	in, err := ingest.New(ingest.Config{
		Brokers: c.Brokers, ClientID: c.ClientID, TLS: tlsConfig, Key: key, Share: c.Share, Workers: c.Workers, Logger: s.log, Control: db,
		OnNeed: func(n wire.Need) { f.Need(n) }, OnConnect: func() { f.Again() },
	}, db)
	if err != nil {
		return err
	}
	f = feed.New(feed.Config{Logs: c.Logs, Logger: s.log}, sources(c.Mirrors), in)
	pages, err := newPages(c, s, db, in, f)
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", c.Listen)
	if err != nil {
		return fmt.Errorf("listen (is another server running there?): %w", err)
	}
	s.log.Info("fleet server started", "pages", "http://"+l.Addr().String()+"/")
	tasks := []func(context.Context) error{db.Run, in.Run, func(ctx context.Context) error { return pages.Run(ctx, l) }}
	if len(c.Mirrors) > 0 {
		tasks = append(tasks, f.Run)
	}
	if c.Enrol.Listen != "" {
		run, err := enrolEndpoint(c, db, s.log)
		if err != nil {
			return err
		}
		tasks = append(tasks, run)
	}
	return runAll(s.ctx, tasks)
}

// runAll runs all tasks until ctx ends or one of them fails.
func runAll(ctx context.Context, tasks []func(context.Context) error) error {
	g, ctx := errgroup.WithContext(ctx)
	for _, task := range tasks {
		g.Go(func() error { return task(ctx) })
	}
	if err := g.Wait(); err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

func newPages(c *config, s *streams, db *store.Store, in *ingest.Ingest, f *feed.Feed) (*web.Server, error) {
	o := web.Options{
		Store: db, Title: c.Title, Zone: c.zone, Language: c.Language, Limits: c.fleetLimits(), Hosts: c.Hosts, PersonHeader: c.Person,
		Version: "cityfleet " + version(), Logger: s.log, Places: f.Places,
		Ingest: func() web.Ingest {
			st := in.Status()
			return web.Ingest{Connected: st.Connected, Since: st.Since, StoreFails: st.StoreFails, Events: st.Events,
				Batches: st.Batches, Repeated: st.Repeated, Acks: st.Acks, Dropped: st.Dropped}
		},
	}
	if len(c.Mirrors) > 0 {
		o.Logs = func() []web.Log {
			var out []web.Log
			for _, l := range f.Status() {
				out = append(out, web.Log{Name: l.Log, Size: l.Size, Checked: l.Checked, Failing: l.Err != nil})
			}
			return out
		}
	}
	return web.New(o)
}

// sources reads logs from the configured mirrors, in their order.
func sources(mirrors []string) mirror.Multi {
	var m mirror.Multi
	for _, at := range mirrors {
		if strings.Contains(at, "://") {
			m = append(m, mirror.HTTP{Base: at})
		} else {
			m = append(m, mirror.Dir{Path: at})
		}
	}
	return m
}

// clientTLS reads the certificate anew at each connect, so that a renewed one
// is used without a restart. It is nil where no broker needs it.
func clientTLS(c *config) (*tls.Config, error) {
	if c.CA == "" {
		return nil, nil
	}
	pem, err := os.ReadFile(c.CA)
	if err != nil {
		return nil, fmt.Errorf("read ca: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("ca %s holds no certificate", c.CA)
	}
	load := func() (*tls.Certificate, error) {
		cert, err := tls.LoadX509KeyPair(c.Cert, c.Key)
		if err != nil {
			return nil, fmt.Errorf("client certificate: %w", err)
		}
		return &cert, nil
	}
	if _, err := load(); err != nil {
		return nil, err
	}
	return &tls.Config{
		MinVersion: tls.VersionTLS13, RootCAs: pool,
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return load() },
	}, nil
}
