package wire

import (
	"crypto/sha256"
	"encoding/binary"
)

// Chain0 returns the chain before the first event of an epoch:
// SHA-256("citygate/v1 chain" || 00 || device || 00 || epoch), the epoch as 8 bytes, big-endian.
func Chain0(device string, epoch uint64) Hash {
	b := make([]byte, 0, 64+MaxName)
	b = append(b, "citygate/v1 chain\x00"...)
	b = append(b, device...)
	b = append(b, 0)
	b = binary.BigEndian.AppendUint64(b, epoch)
	return sha256.Sum256(b)
}

// ChainNext returns the chain after an event: SHA-256(prev || SHA-256(event)), event being its CBOR encoding.
func ChainNext(prev Hash, event []byte) Hash {
	var b [64]byte
	copy(b[:32], prev[:])
	h := sha256.Sum256(event)
	copy(b[32:], h[:])
	return sha256.Sum256(b[:])
}

// signed returns the bytes under a signature on a place in a device's chain:
// context || 00 || device || 00 || epoch || seq || chain, both numbers as 8 bytes, big-endian.
func signed(context, device string, epoch, seq uint64, chain Hash) []byte {
	b := make([]byte, 0, len(context)+len(device)+2+8+8+32)
	b = append(b, context...)
	b = append(b, 0)
	b = append(b, device...)
	b = append(b, 0)
	b = binary.BigEndian.AppendUint64(b, epoch)
	b = binary.BigEndian.AppendUint64(b, seq)
	return append(b, chain[:]...)
}
