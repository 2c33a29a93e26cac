// Package wire is what gateways and the fleet say to each other over MQTT: the topics of both directions and the
// payloads on them. It does no I/O, keeps no state and reads no clock.
//
// # Payloads
//
// Every payload is one CBOR map with small integer keys (RFC 8949), core deterministic, and carries its own version
// number under key 0. Decoding is canonical: what a Decode function accepts, Encode gives back byte for byte, so a
// payload has one form, one hash and one signature. Tags, indefinite lengths, duplicate keys, unknown keys and
// explicit default values are refused. A payload whose first byte is '{' is read as JSON instead, with the field
// names of the structs' json tags: for people with a terminal and for tests. It is checked like CBOR, except that
// JSON has no canonical form; hashes and signatures are always those of the CBOR form.
//
// # Chain
//
// Events of one epoch are linked: chain(n) = SHA-256(chain(n-1) || SHA-256(event n)), where event n is the event's
// CBOR encoding and chain(0) is [Chain0] of device and epoch. An event's encoding therefore leaves device and epoch
// out; its sequence number is inside. A [Batch] carries the chain before its first event and the device's signature
// on the epoch, the last number and the chain there, so cutting batches anew on a resend changes nothing.
//
// # Names
//
// Devices (the common name of the client certificate), rings, logs and command identifiers match [a-z0-9_-]{1,64}.
package wire
