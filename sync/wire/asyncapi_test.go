package wire_test

import (
	"bytes"
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"citygate/sync/wire"
)

const asyncapiFile = "../../docs/asyncapi.yaml"

// channel is one row of the table of topics.
type channel struct {
	name    string
	topic   wire.Topic
	send    bool // by the gateway
	message string
	summary string
}

func channels() []channel {
	dev := wire.Topic{Device: "{dev}", Command: "{id}", Ring: "{ring}", Log: "{log}", Resource: "{resource}"}
	of := func(k wire.Kind) wire.Topic {
		t := dev
		if t.Kind = k; k != wire.KindResult && k != wire.KindCommand {
			t.Command = ""
		}
		return t
	}
	return []channel{
		{"state", of(wire.KindState), true, "Birth", "Birth, and the will with the same connection number."},
		{"events", of(wire.KindEvents), true, "Batch", "Event batches, at most 64 in flight."},
		{"health", of(wire.KindHealth), true, "Health", "Health, about once a minute."},
		{"report", of(wire.KindReport), true, "Report", "Reported state."},
		{"result", of(wire.KindResult), true, "CommandResult", "Progress of one command."},
		{"need", of(wire.KindNeed), true, "Need", "Files of a log that the gateway misses."},
		{"acknowledgement", of(wire.KindAck), false, "Ack", "Signed, cumulative; sent after the fleet's commit."},
		{"desired", of(wire.KindDesired), false, "Desired", "Desired state of one device, signed by operations."},
		{"command", of(wire.KindCommand), false, "Command", "One command, signed by operations."},
		{"ring", of(wire.KindRing), false, "Desired", "Desired state of a rollout ring, signed by operations."},
		{"trust", of(wire.KindTrust), false, "File", "One file of a log, exactly as tlog-tiles serves it."},
		{"ingest", of(wire.KindIngest), false, "Ingest", "Whether the fleet takes events."},
	}
}

// payloads are the structs behind the messages and what they contain, by the name of their schema. limits are in bytes.
func payloads() (types map[string]reflect.Type, limits map[string]int) {
	types = map[string]reflect.Type{
		"Ack": reflect.TypeFor[wire.Ack](), "Batch": reflect.TypeFor[wire.BatchJSON](), "Before": reflect.TypeFor[wire.Before](),
		"Birth": reflect.TypeFor[wire.Birth](), "Command": reflect.TypeFor[wire.Command](), "CommandResult": reflect.TypeFor[wire.CommandResult](),
		"Desired": reflect.TypeFor[wire.Desired](), "Event": reflect.TypeFor[wire.Event](), "Evicted": reflect.TypeFor[wire.Evicted](),
		"Head": reflect.TypeFor[wire.Head](), "Health": reflect.TypeFor[wire.Health](), "Ingest": reflect.TypeFor[wire.Ingest](),
		"Item": reflect.TypeFor[wire.ItemJSON](), "Need": reflect.TypeFor[wire.Need](), "Range": reflect.TypeFor[wire.Range](),
		"Report": reflect.TypeFor[wire.Report](),
	}
	limits = map[string]int{"Ack": wire.MaxAck, "Batch": wire.MaxBatch, "Birth": wire.MaxState, "Command": wire.MaxCommand,
		"CommandResult": wire.MaxResult, "Desired": wire.MaxDesired, "Health": wire.MaxHealth, "Ingest": wire.MaxState,
		"Need": wire.MaxNeed, "Report": wire.MaxReport, "Event": wire.MaxEvent}
	return types, limits
}

// TestAsyncAPI holds docs/asyncapi.yaml to the structs, their tags, their comments and the table of topics.
func TestAsyncAPI(t *testing.T) {
	want := document(t)
	if *update {
		if err := os.WriteFile(asyncapiFile, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(asyncapiFile)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("docs/asyncapi.yaml is not what the structs say: go test ./sync/wire -run AsyncAPI -update")
	}
}

// TestSchemas holds the schemas to what encoding/json makes of the samples, and the batch's JSON form to its CBOR form.
func TestSchemas(t *testing.T) {
	types, _ := payloads()
	for _, v := range []any{startEvent(), scanEvent(), personalEvent(), wire.Birth{}, wire.Ack{}, wire.Health{}, wire.Report{}, wire.Need{},
		wire.Desired{}, wire.Command{}, wire.CommandResult{}, wire.Ingest{}, wire.Evicted{}, wire.Head{}, wire.Range{}, wire.Before{}} {
		typ := reflect.TypeOf(v)
		if types[typ.Name()] != typ {
			t.Errorf("%s has no schema", typ.Name())
			continue
		}
		var have map[string]any
		if err := json.Unmarshal(must[[]byte](t)(json.Marshal(v)), &have); err != nil {
			t.Fatal(err)
		}
		known := map[string]bool{}
		for _, f := range fields(typ, nil) {
			known[f.name] = true
			if _, ok := have[f.name]; f.required && !ok {
				t.Errorf("%s: %s is required and not written", typ.Name(), f.name)
			}
		}
		for k := range have {
			if !known[k] {
				t.Errorf("%s: %s is written and has no schema", typ.Name(), k)
			}
		}
	}
	j, c := reflect.TypeFor[wire.BatchJSON](), reflect.TypeFor[wire.BatchFrame]()
	for i := range j.NumField() {
		if j.NumField() != c.NumField() || j.Field(i).Name != c.Field(i).Name {
			t.Fatal("the JSON and the CBOR form of a batch have different fields")
		}
	}
}

// field is one property of a schema.
type field struct {
	name, key, doc string
	typ            reflect.Type
	text           bool // a number that JSON writes as a string
	required       bool
}

// fields lists a struct's properties in the order of their CBOR keys. docs are the comments by field name.
func fields(typ reflect.Type, docs map[string]string) []field {
	var fs []field
	for i := range typ.NumField() {
		sf := typ.Field(i)
		name, opts, _ := strings.Cut(sf.Tag.Get("json"), ",")
		if sf.Name == "_" || name == "-" {
			continue
		}
		tag := sf.Tag.Get("cbor")
		if typ == reflect.TypeFor[wire.BatchJSON]() {
			tag = reflect.TypeFor[wire.BatchFrame]().Field(i).Tag.Get("cbor")
		}
		key, _, _ := strings.Cut(tag, ",")
		fs = append(fs, field{name: name, key: key, doc: docs[sf.Name], typ: sf.Type,
			text: strings.Contains(opts, "string"), required: !strings.Contains(opts, "omitempty")})
	}
	return fs
}

// comments reads the comments of all structs of the package from its source: by type, then by field, "" for the
// type's own.
func comments(t *testing.T) map[string]map[string]string {
	t.Helper()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]map[string]string{}
	set := token.NewFileSet()
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(set, name, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range f.Decls {
			g, ok := d.(*ast.GenDecl)
			if !ok || g.Tok != token.TYPE {
				continue
			}
			for _, s := range g.Specs {
				ts := s.(*ast.TypeSpec)
				st, ok := ts.Type.(*ast.StructType)
				if !ok {
					continue
				}
				docs := map[string]string{"": oneLine(g.Doc.Text())}
				for _, fl := range st.Fields.List {
					for _, n := range fl.Names {
						docs[n.Name] = oneLine(fl.Comment.Text())
					}
				}
				all[ts.Name.Name] = docs
			}
		}
	}
	return all
}

// oneLine makes one line of a comment, without the brackets of its links.
func oneLine(s string) string {
	first, _, _ := strings.Cut(s, "\n\n")
	return strings.NewReplacer("[", "", "]", "").Replace(strings.Join(strings.Fields(first), " "))
}
