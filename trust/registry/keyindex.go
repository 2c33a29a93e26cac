package registry

import (
	"fmt"
	"hash/maphash"
)

// keyIndex finds the newest row of a book that has a key, such as a request id. It keeps hashes instead of keys, about 30 bytes for each row, so
// that eleven million records fit into the memory of an office's machine; what a hash leads to is compared with the row itself.
type keyIndex struct {
	seed  maphash.Seed      // drawn anew for each opened registry
	at    map[uint64]uint64 // hash of a key -> index of the newest row with the key
	twins map[string]uint64 // keys whose hash was another key's first
	hash  func(key string) uint64

	book func() *book
	key  func(w row) (string, error) // of a row that has one
}

func newKeyIndex(book func() *book, key func(row) (string, error)) *keyIndex {
	x := &keyIndex{seed: maphash.MakeSeed(), at: make(map[uint64]uint64), twins: make(map[string]uint64), book: book, key: key}
	x.hash = func(key string) uint64 { return maphash.String(x.seed, key) }
	return x
}

// put notes that row i has the key. Rows come in their order.
func (x *keyIndex) put(key string, i uint64) error {
	h := x.hash(key)
	old, taken := x.at[h]
	if taken {
		same, err := x.has(old, key)
		if err != nil {
			return err
		}
		if !same {
			x.twins[key] = i
			return nil
		}
	}
	x.at[h] = i
	return nil
}

// get gives the index of the newest row with the key.
func (x *keyIndex) get(key string) (i uint64, ok bool, err error) {
	if i, ok = x.twins[key]; ok {
		return i, true, nil
	}
	if i, ok = x.at[x.hash(key)]; !ok {
		return 0, false, nil
	}
	ok, err = x.has(i, key)
	return i, ok, err
}

// has says whether row i has the key.
func (x *keyIndex) has(i uint64, key string) (bool, error) {
	w, err := x.book().row(i)
	if err != nil {
		return false, err
	}
	got, err := x.key(w)
	if err != nil {
		return false, fmt.Errorf("row %d: %w", i, err)
	}
	return got == key, nil
}
