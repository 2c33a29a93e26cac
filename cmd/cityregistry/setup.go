package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"citygate/internal/durable"
	"citygate/internal/pkcs11key"
	"citygate/trust/registry"
	"citygate/trust/registry/witness"
	"golang.org/x/mod/sumdb/note"
)

// This file implements the commands that set up registries and witnesses.

type initCmd struct {
	Dir      string            `required:"" type:"path" help:"${dir}"`
	National bool              `help:"Make the national registry, which runs the directory."`
	Prefix   string            `help:"What the registry holds, such as MA.156.1301. The national registry has MA.156 unless told otherwise."`
	Short    string            `help:"Begins the logs' short names: a-z 0-9 _ -."`
	Name     map[string]string `mapsep:"," placeholder:"LANG=NAME" help:"Its name in each language, such as zh=石家庄,en=Shijiazhuang."`
	Host     []string          `help:"Host in its codes' texts, such as ID.SJZ.EXAMPLE. Repeat for more; new codes get the first."`
	Origin   string            `help:"Begins the logs' origins, such as citygate.example. By default the first host in small letters."`
	Witness  []string          `sep:"none" placeholder:"VKEY=URL" help:"A witness: verifier key, =, URL. Repeat for each."`
	Quorum   int               `help:"How many of them must cosign. By default more than half."`
	Token    string            `placeholder:"PKCS11-URI" help:"Make the keys on this token instead of in files: pkcs11:token=NAME?module-path=/lib.so&pin-source=file:/path. Without pin-source the PIN is asked for."`
	Notes    bool              `name:"notes-in-files" help:"With --token, keep all keys but the issuer's in files: for a token without Ed25519."`
	Alg      string            `name:"issuer-alg" enum:"ed25519,es256,sm2" default:"ed25519" help:"Algorithm of the issuer key: ed25519, es256 or sm2."`
	Mirror   []string          `help:"Base URL where the logs are served, for the directory. Repeat for more."`
}

// Run makes the folder and prints the enrolment request.
func (c *initCmd) Run(o *office) error {
	cfg := registry.Config{National: c.National, Prefix: c.Prefix, Short: c.Short, Names: c.Name, Hosts: c.Host, Origin: c.Origin,
		Quorum: c.Quorum, Mirrors: c.Mirror, Token: c.Token, NotesInFiles: c.Notes}
	if c.Alg != "ed25519" {
		cfg.IssuerAlg = c.Alg
	}
	if c.National && c.Prefix == "" {
		cfg.Prefix = "MA.156"
	}
	if c.National && c.Short == "" {
		cfg.Short = "national"
	}
	if c.Origin == "" && len(c.Host) > 0 {
		cfg.Origin = strings.ToLower(c.Host[0])
	}
	if c.National && len(c.Host) == 0 && c.Origin != "" {
		cfg.Hosts = []string{strings.ToUpper(c.Origin)}
	}
	var err error
	if cfg.Witnesses, err = parseWitnesses(c.Witness); err != nil {
		return err
	}
	if cfg.Quorum == 0 {
		cfg.Quorum = len(cfg.Witnesses)/2 + 1
	}
	if err := registry.Create(c.Dir, cfg); hint(err) != "" {
		return err
	} else if err != nil {
		return hinted{err, "cityregistry init --help names what a registry needs"}
	}
	if c.National {
		fmt.Fprintf(o.err, "root policy for gateways: %s\nnext: start the witnesses with its logs (cityregistry logs), then cityregistry allocate --dir %s --self\n",
			registry.RootPolicyFile(c.Dir), c.Dir)
	}
	return printEnrolment(o, c.Dir)
}

func printEnrolment(o *office, dir string) error {
	e, err := registry.Enrol(dir)
	if err != nil {
		return err
	}
	return o.printJSON(e, e.Marshal())
}

// printJSON prints what is JSON in any case: indented for people, on one line with --json.
func (o *office) printJSON(v any, indented []byte) error {
	if o.json {
		return o.answer(v, "")
	}
	_, err := o.out.Write(indented)
	return err
}

type enrolCmd struct {
	Dir string `required:"" type:"path" help:"${dir}"`
}

// Run prints the enrolment request.
func (c *enrolCmd) Run(o *office) error { return printEnrolment(o, c.Dir) }

type allocateCmd struct {
	Dir     string `required:"" type:"path" help:"The national registry's folder."`
	Request string `type:"path" help:"The enrolment request that init printed; - for standard input."`
	Signed  string `type:"path" help:"Below a city instead: what the city's sign-allocation printed; - for standard input."`
	Self    bool   `help:"Enter the national registry itself, for what lies directly below its prefix."`
	Into    string `type:"path" help:"Folder of the registry that asked, if it is on this machine: it accepts at once."`
}

// Run puts rows into the directory and prints where they are.
func (c *allocateCmd) Run(o *office) error {
	allocate, err := c.what(o)
	if err != nil {
		return err
	}
	return o.with(c.Dir, func(r *registry.Registry) error {
		a, err := allocate(r)
		if err != nil {
			return err
		}
		into := c.Into
		if c.Self {
			into = c.Dir
		}
		if into != "" {
			if err := registry.Accept(into, a); err != nil {
				return err
			}
		}
		return o.printJSON(a, a.Marshal())
	})
}

// what reads what is to be allocated.
func (c *allocateCmd) what(o *office) (func(*registry.Registry) (registry.Allocation, error), error) {
	switch {
	case c.Self && c.Request == "" && c.Signed == "":
		e, err := registry.Enrol(c.Dir)
		return func(r *registry.Registry) (registry.Allocation, error) { return r.Allocate(o.ctx, e) }, err
	case !c.Self && c.Request != "" && c.Signed == "":
		b, err := o.read(c.Request)
		if err != nil {
			return nil, err
		}
		e, err := registry.ParseEnrolment(b)
		return func(r *registry.Registry) (registry.Allocation, error) { return r.Allocate(o.ctx, e) }, err
	case !c.Self && c.Request == "" && c.Signed != "":
		b, err := o.read(c.Signed)
		if err != nil {
			return nil, err
		}
		s, err := registry.ParseSignedAllocation(b)
		return func(r *registry.Registry) (registry.Allocation, error) { return r.AllocateBelow(o.ctx, s) }, err
	}
	return nil, usageError{errors.New("allocate needs one of --request FILE, --signed FILE and --self")}
}

type acceptCmd struct {
	Dir        string `required:"" type:"path" help:"${dir}"`
	Allocation string `required:"" type:"path" help:"What allocate printed; - for standard input."`
}

// Run notes the allocation.
func (c *acceptCmd) Run(o *office) error {
	b, err := o.read(c.Allocation)
	if err != nil {
		return err
	}
	a, err := registry.ParseAllocation(b)
	if err != nil {
		return err
	}
	return registry.Accept(c.Dir, a)
}

type logsCmd struct {
	Dir []string `required:"" type:"path" help:"${dir} Repeat for more."`
}

// Run prints verifier keys, one on each line.
func (c *logsCmd) Run(o *office) error {
	for _, dir := range c.Dir {
		refs, err := registry.LogKeys(dir)
		if err != nil {
			return err
		}
		for _, ref := range refs {
			v := map[string]any{"log": ref.Short, "origin": ref.Origin, "keys": ref.Keys}
			if err := o.answer(v, strings.Join(ref.Keys, "\n")); err != nil {
				return err
			}
		}
	}
	return nil
}

type keygenCmd struct {
	Key       string `required:"" type:"path" help:"File for the secret key; it must not exist."`
	Name      string `help:"A witness's name, such as witness.example/w1."`
	Holder    bool   `help:"Make the key of a person or machine that presents codes, instead of a witness's."`
	Token     string `placeholder:"PKCS11-URI" help:"Make it on this token; the file then holds its URI."`
	Directory bool   `help:"Make an institute's directory key, instead of a witness's."`
}

// Run makes a key and prints the public half: a verifier key for a witness, hex for a holder.
func (c *keygenCmd) Run(o *office) error {
	if c.Holder == (c.Name != "") || c.Holder && c.Directory {
		return usageError{errors.New("keygen needs either --name or --holder")}
	}
	if c.Token != "" {
		return c.onToken(o)
	}
	if c.Holder {
		pub, priv, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			return err
		}
		if err := durable.WriteNew(c.Key, []byte(hex.EncodeToString(priv.Seed())+"\n"), 0o600); err != nil {
			return err
		}
		return o.answer(map[string]string{"holder": hex.EncodeToString(pub)}, hex.EncodeToString(pub))
	}
	generate := witness.GenerateKey
	if c.Directory {
		generate = func(name string) (string, string, error) { return note.GenerateKey(rand.Reader, name) }
	}
	skey, vkey, err := generate(c.Name)
	if err != nil {
		return hinted{err, "a name has no space and no plus, such as witness.example/w1"}
	}
	if err := durable.WriteNew(c.Key, []byte(skey+"\n"), 0o600); err != nil {
		return err
	}
	return o.answer(map[string]string{"vkey": vkey}, vkey)
}

// onToken makes the key on a token. Its label there is the name, and "holder" for a holder, who has none.
func (c *keygenCmd) onToken(o *office) error {
	if _, err := os.Stat(c.Key); !errors.Is(err, fs.ErrNotExist) {
		return errors.Join(fmt.Errorf("make key: %s: %w", c.Key, fs.ErrExist), err)
	}
	u, err := pkcs11key.ParseURI(c.Token)
	if err != nil {
		return usageError{err}
	}
	label := c.Name
	if c.Holder {
		label = "holder"
	} else if _, _, err := witness.GenerateKey(label); err != nil { // is it a name?
		return hinted{err, "a name has no space and no plus, such as witness.example/w1"}
	}
	if u, err = pkcs11key.Generate(u, label, pkcs11key.Ed25519); err != nil {
		return err
	}
	key, err := pkcs11key.Open(u)
	if err != nil {
		return err
	}
	public := key.Public().(ed25519.PublicKey)
	if err := durable.WriteNew(c.Key, []byte(u.String()+"\n"), 0o600); err != nil {
		return err
	}
	if c.Holder {
		return o.answer(map[string]string{"holder": hex.EncodeToString(public)}, hex.EncodeToString(public))
	}
	vkey, err := note.NewEd25519VerifierKey(label, public)
	if err == nil && !c.Directory {
		vkey, err = witness.VerifierKey(u.String())
	}
	if err != nil {
		return err
	}
	return o.answer(map[string]string{"vkey": vkey}, vkey)
}

// maxInput is the longest JSON file that is read.
const maxInput = 1 << 20

func (o *office) read(path string) ([]byte, error) {
	r := o.in
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		r = f
	}
	b, err := io.ReadAll(io.LimitReader(r, maxInput+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	if len(b) > maxInput || !json.Valid(bytes.TrimSpace(b)) {
		return nil, fmt.Errorf("%s is not a JSON file", path)
	}
	return b, nil
}
