// Package enrolment is how a new gateway comes into a fleet: formats, the gateway's client and the fleet's endpoint.
//
// The gateway makes its two keys itself, the TLS client key and the event key, and sends what is public of them in a
// [Request], by HTTPS to one address, again and again, until an operator has decided. Nothing has to be secret for
// this, so a device needs nothing of its own from the factory; two things keep strangers out:
//
//   - The device knows its fleet by a [Pin], the SHA-256 of a public key in the server's certificate chain. It talks
//     to nobody else, so a man in the middle can neither read a request nor answer it.
//   - The operator knows the device by its claim code ([Identity.Code]), which the device shows on its own screen. The
//     code is 80 bits of a hash over the device's two public keys and the pin, and a request is accepted only by
//     typing that code. Whoever puts other keys in place of the device's has another code, and to find keys with the
//     same one takes about 2^80 tries.
//
// The decision is stored before it is sent, and the same request gets the same answer for ever, so either side may be
// killed at any moment. The answer, a [Grant], holds all that a gateway needs: its name and place, its certificate,
// the brokers with their authority, the fleet's and the operations' keys to pin, and the root policy.
//
// Formats: docs/formats/enrolment.md. What the operator does: cityfleet enrol.
package enrolment
