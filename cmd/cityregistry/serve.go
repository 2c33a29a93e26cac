package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"citygate/trust/registry"
	"citygate/trust/registry/mirrored"
	"citygate/trust/registry/web"
	"citygate/trust/registry/witness"
)

// This file implements the commands that keep running: serve, witness and publish --every.

// Limits of our HTTP servers. Their answers are small files.
const (
	headerTimeout = 10 * time.Second
	requestLimit  = 30 * time.Second
	idleTimeout   = 2 * time.Minute
	shutdownLimit = 5 * time.Second
	headerBytes   = 16 << 10
)

type serveCmd struct {
	Dir    []string `required:"" type:"path" help:"A registry's folder. Repeat to serve several."`
	Listen string   `required:"" help:"Address, such as localhost:8080."`
	pages
}

// Run serves until it is told to stop.
func (c *serveCmd) Run(o *office) error {
	for _, dir := range c.Dir {
		if st, err := os.Stat(dir); err != nil {
			return err
		} else if !st.IsDir() {
			return fmt.Errorf("%s is no folder", dir)
		}
	}
	mux := http.NewServeMux()
	mux.Handle("/", registry.NewHandler(c.Dir...))
	resolver := mirrored.NewResolver(c.Dir...)
	resolver.Logger = o.logger
	defer resolver.Close()
	mux.Handle("/resolve/", resolver)
	site, err := web.New(c.pages.options(), mux)
	if err != nil {
		return usageError{err}
	}
	return o.listen(c.Listen, site)
}

type witnessCmd struct {
	State  string   `required:"" type:"path" help:"Folder of the witness's state. It must never be restored from an old copy."`
	Key    string   `required:"" type:"path" help:"File of its signing key, from keygen."`
	Listen string   `required:"" help:"Address, such as localhost:8101."`
	Log    []string `sep:"none" placeholder:"VKEY" help:"Verifier key of a log to cosign, from logs. Repeat for each."`
}

// Run cosigns until it is told to stop.
func (c *witnessCmd) Run(o *office) error {
	st, err := os.Stat(c.Key)
	if err != nil {
		return err
	}
	if st.Mode().Perm()&0o077 != 0 {
		return hinted{fmt.Errorf("key %s is open to other users (mode %04o)", c.Key, st.Mode().Perm()), "chmod 600 " + c.Key}
	}
	key, err := os.ReadFile(c.Key)
	if err != nil {
		return err
	}
	w, err := witness.New(witness.Options{Dir: c.State, Key: strings.TrimSpace(string(key)), Logs: c.Log, Logger: o.logger})
	if err != nil {
		return err
	}
	defer w.Close()
	return o.listen(c.Listen, w)
}

// listen prints the address that it got, and serves until ctx ends.
func (o *office) listen(addr string, h http.Handler) error {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return hinted{err, "is the address free? --listen localhost:0 takes any port"}
	}
	url := "http://" + l.Addr().String()
	if err := o.answer(map[string]string{"listening": url}, url); err != nil {
		return err
	}
	s := &http.Server{Handler: h, ReadHeaderTimeout: headerTimeout, ReadTimeout: requestLimit, WriteTimeout: requestLimit,
		IdleTimeout: idleTimeout, MaxHeaderBytes: headerBytes}
	done := make(chan error, 1)
	go func() { done <- s.Serve(l) }()
	select {
	case err := <-done:
		return fmt.Errorf("serve: %w", err)
	case <-o.ctx.Done():
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(o.ctx), shutdownLimit)
	defer cancel()
	if err := s.Shutdown(ctx); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("stop serving: %w", err)
	}
	return nil
}

type publishCmd struct {
	Dir   string        `required:"" type:"path" help:"${dir}"`
	Every time.Duration `help:"Publish again and again, such as 5m. Gateways reckon with 10m at most."`
}

// Run prints the head of each log.
func (c *publishCmd) Run(o *office) error {
	if c.Every < 0 || c.Every > 0 && c.Every < time.Second {
		return usageError{fmt.Errorf("--every %v is shorter than 1s", c.Every)}
	}
	return o.repeat(c.Every, func() error { return o.publish(c.Dir) })
}

func (o *office) publish(dir string) error {
	return o.with(dir, func(r *registry.Registry) error {
		ctx, cancel := context.WithTimeout(o.ctx, publishLimit)
		defer cancel()
		heads, err := r.Publish(ctx)
		if err != nil {
			return err
		}
		for _, h := range heads {
			v := map[string]any{"log": h.Log, "size": h.Size, "root": h.Root.String(), "time": h.Time.UTC()}
			if err := o.answer(v, fmt.Sprintf("%s\t%d\t%s\t%s", h.Log, h.Size, h.Root, h.Time.UTC().Format(time.RFC3339))); err != nil {
				return err
			}
		}
		return nil
	})
}

// publishLimit bounds the wait for witnesses, also when a command ends.
const publishLimit = 20 * time.Second

// with opens a registry for f and waits at the end until what f did is published.
func (o *office) with(dir string, f func(*registry.Registry) error) error {
	r, err := registry.Open(o.ctx, dir, o.opts)
	if err != nil {
		return err
	}
	err = f(r)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(o.ctx), publishLimit)
	defer cancel()
	return errors.Join(err, r.Close(ctx))
}
