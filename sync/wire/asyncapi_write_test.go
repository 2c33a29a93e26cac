package wire_test

import (
	"bytes"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"citygate/sync/wire"
)

// schema says what JSON a Go type is.
func schema(y *yaml, f field) {
	typ := f.typ
	if typ.Kind() == reflect.Pointer {
		typ = typ.Elem()
	}
	switch {
	case f.text:
		y.line("type: string")
		y.line("pattern: '^[0-9]{1,20}$'")
	case typ == reflect.TypeFor[wire.Hash]():
		y.line("type: string")
		y.line("pattern: '^[0-9a-f]{64}$'")
	case typ == reflect.TypeFor[[]byte]():
		y.line("type: string")
		y.line("contentEncoding: base64")
	case typ.Kind() == reflect.Uint64, typ.Kind() == reflect.Uint8:
		y.line("type: integer")
		y.line("minimum: 0")
	case typ.Kind() == reflect.Int64:
		y.line("type: integer")
	case typ.Kind() == reflect.String:
		y.line("type: string")
	case typ.Kind() == reflect.Map:
		y.line("type: object")
		y.in("additionalProperties:", func() { schema(y, field{typ: typ.Elem()}) })
	case typ.Kind() == reflect.Slice:
		y.line("type: array")
		y.in("items:", func() { schema(y, field{typ: typ.Elem()}) })
	case typ.Kind() == reflect.Struct:
		y.line("$ref: '#/components/schemas/%s'", schemaName(typ))
	default:
		panic("no schema for " + typ.String())
	}
}

func schemaName(typ reflect.Type) string {
	types, _ := payloads()
	for name, t := range types {
		if t == typ {
			return name
		}
	}
	panic("no schema for " + typ.String())
}

// yaml writes lines at a depth.
type yaml struct {
	bytes.Buffer
	depth int
}

func (y *yaml) line(format string, args ...any) {
	fmt.Fprintf(y, "%s%s\n", strings.Repeat("  ", y.depth), fmt.Sprintf(format, args...))
}

func (y *yaml) in(head string, f func()) {
	y.line("%s", head)
	y.depth++
	f()
	y.depth--
}

func document(t *testing.T) []byte {
	y := new(yaml)
	y.line("# Written by go test ./sync/wire -run AsyncAPI -update from the structs of package wire. CDDL: formats/sync.md.")
	y.line("asyncapi: 3.0.0")
	y.in("info:", func() {
		y.line("title: Citygate, gateways and fleet")
		y.line("version: '%d'", wire.Version)
		y.line("description: Payloads are deterministic CBOR with the keys given as x-cbor-key; JSON as in the schemas is accepted for debugging.")
	})
	y.line("defaultContentType: application/cbor")
	y.in("servers:", func() {
		y.in("broker:", func() {
			y.line("host: broker.example:8883")
			y.line("protocol: mqtts")
			y.line("protocolVersion: 3.1.1")
			y.in("security:", func() { y.line("- type: X509") })
			y.in("bindings:", func() { y.in("mqtt:", func() { y.line("cleanSession: true"); y.line("keepAlive: 45") }) })
		})
	})
	y.in("channels:", func() {
		for _, c := range channels() {
			y.in(c.name+":", func() { channelDocument(y, c) })
		}
	})
	y.in("operations:", func() {
		for _, c := range channels() {
			y.in(c.name+":", func() {
				y.line("action: %s", map[bool]string{true: "send", false: "receive"}[c.send])
				y.in("channel:", func() { y.line("$ref: '#/channels/%s'", c.name) })
				y.line("summary: %q", c.summary)
				y.in("bindings:", func() {
					y.in("mqtt:", func() { y.line("qos: %d", c.topic.Kind.QoS()); y.line("retain: %t", c.topic.Kind.Retained()) })
				})
			})
		}
	})
	y.in("components:", func() { components(t, y) })
	return y.Bytes()
}

func channelDocument(y *yaml, c channel) {
	address := c.topic.String()
	y.line("address: '%s'", address)
	if strings.Contains(address, "{") {
		y.in("parameters:", func() {
			for _, p := range []string{"dev", "id", "ring", "log", "resource"} {
				if !strings.Contains(address, "{"+p+"}") {
					continue
				}
				y.in(p+":", func() {
					if p == "resource" {
						y.line("description: 'checkpoint, tile/<level>/<n>, tile/entries/<n> or rotation/<n>'")
						return
					}
					y.line("description: 'a name of [a-z0-9_-]{1,64}'")
				})
			}
		})
	}
	y.in("messages:", func() {
		y.in(c.message+":", func() { y.line("$ref: '#/components/messages/%s'", c.message) })
	})
}

func components(t *testing.T, y *yaml) {
	types, limits := payloads()
	docs := comments(t)
	var messages []string
	for _, c := range channels() {
		messages = append(messages, c.message)
	}
	slices.Sort(messages)
	y.in("messages:", func() {
		for _, m := range slices.Compact(messages) {
			y.in(m+":", func() {
				if m == "File" {
					y.line("contentType: application/octet-stream")
					y.line("description: A checkpoint (C2SP tlog-checkpoint with cosignatures), a tile or an entry bundle (C2SP tlog-tiles).")
					return
				}
				y.line("x-max-bytes: %d", limits[m])
				y.in("payload:", func() { y.line("$ref: '#/components/schemas/%s'", m) })
			})
		}
	})
	y.in("schemas:", func() {
		for _, name := range slices.Sorted(maps.Keys(types)) {
			y.in(name+":", func() { schemaDocument(y, types[name], docs[types[name].Name()], docs[name]) })
		}
	})
}

// schemaDocument writes one schema. outer are the comments of the exported type of that name, where the JSON form is
// another.
func schemaDocument(y *yaml, typ reflect.Type, docs, outer map[string]string) {
	y.line("type: object")
	text := docs[""]
	if outer != nil {
		text = outer[""]
	}
	y.line("description: %q", text)
	y.line("additionalProperties: false")
	var required []string
	array := false
	for i := range typ.NumField() {
		array = array || strings.Contains(typ.Field(i).Tag.Get("cbor"), "toarray")
	}
	if array {
		y.line("x-cbor-array: true")
	}
	y.in("properties:", func() {
		for _, f := range fields(typ, docs) {
			if f.required {
				required = append(required, f.name)
			}
			y.in(f.name+":", func() {
				schema(y, f)
				if f.key != "" {
					y.line("x-cbor-key: %s", f.key)
				}
				if f.doc != "" {
					y.line("description: %q", f.doc)
				}
			})
		}
	})
	if len(required) > 0 {
		y.line("required: [%s]", strings.Join(required, ", "))
	}
}
