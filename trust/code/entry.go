package code

import "crypto/sha256"

// This file implements what a record is in the ledger: its entry and its leaf
// hash (RFC 9162, 2.1.1).

const commitContext = "cityid/v1 commit\x00"

// Padding is the log entry that fills a batch up to a full subtree. No code
// carries it.
const Padding = "\x00"

// EntryOf returns the log entry of a body: the body itself for a public
// record, and for a personal one 02 || SHA-256("cityid/v1 commit" || 00 ||
// body), which says nothing to those who do not know the body and its salt.
func EntryOf(body []byte) []byte {
	if len(body) == 0 || body[0] != TypePersonal {
		return body
	}
	entry := commitment(body)
	return entry[:]
}

func commitment(body []byte) [1 + HashSize]byte {
	var buf [len(commitContext) + MaxBody]byte
	sum := sha256.Sum256(append(append(buf[:0], commitContext...), body...))
	entry := [1 + HashSize]byte{TypePersonal}
	copy(entry[1:], sum[:])
	return entry
}

// Entry returns the log entry of the code.
func (c Code) Entry() []byte { return EntryOf(c.Body) }

// LeafHash returns SHA-256(00 || entry).
func (c Code) LeafHash() [HashSize]byte {
	var buf [1 + MaxBody]byte
	if c.Personal() {
		entry := commitment(c.Body)
		return sha256.Sum256(append(buf[:1], entry[:]...))
	}
	return sha256.Sum256(append(buf[:1], c.Body...))
}

// BodyHash returns SHA-256 of the body, by which repeated sightings of one
// record are told apart.
func (c Code) BodyHash() [HashSize]byte { return sha256.Sum256(c.Body) }
