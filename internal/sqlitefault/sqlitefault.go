// Package sqlitefault puts itself between SQLite and the disk, for tests: it lets the n-th write, sync or truncation of
// a process fail, and records what was written and what was synced, so that a test can build every state that a power
// cut may leave.
//
// It changes the default VFS of the SQLite that is linked into the program, for the whole process and for good. So a
// test that uses it runs in a process of its own. It needs a package beside it that links SQLite.
package sqlitefault

// #cgo LDFLAGS: -Wl,--unresolved-symbols=ignore-all
// #include "shim.h"
import "C"

import (
	"errors"
	"unsafe"
)

// Kind is one kind of call that reaches the disk.
type Kind int

// The kinds.
const (
	Write    Kind = 1
	Sync     Kind = 2
	Truncate Kind = 3
)

// Install puts the shim in place. It must be called before the first database is opened.
func Install() error {
	if C.shim_install() != 0 {
		return errors.New("sqlitefault: SQLite has no default VFS")
	}
	return nil
}

// Fault says which call fails.
type Fault struct {
	Kind      Kind
	Nth       int  // counted from the call of [Set], the first is 1
	Persisted bool // it does its work all the same, and only says that it failed
	Sticky    bool // every later one of the kind fails too
}

// Set makes a call fail, instead of the one set before. The zero Fault is none.
func Set(f Fault) {
	flag := func(b bool) C.int {
		if b {
			return 1
		}
		return 0
	}
	C.shim_fail(C.int(f.Kind), C.int(f.Nth), flag(f.Persisted), flag(f.Sticky))
}

// Failed is how many calls have failed since [Set].
func Failed() int { return int(C.shim_failed()) }

// Op is one call that reached the disk.
type Op struct {
	Kind   Kind
	File   string
	Offset int64 // of a write; of a truncation the new size
	Data   []byte
}

// Record begins to record, and forgets what was recorded before.
func Record() { C.shim_record(1) }

// Count is how many calls are recorded.
func Count() int { return int(C.shim_count()) }

// Recorded ends the recording and returns it.
func Recorded() []Op {
	C.shim_record(0)
	ops := make([]Op, Count())
	for i := range ops {
		op := C.shim_at(C.int(i))
		ops[i] = Op{Kind: Kind(op.kind), File: C.GoString(op.name), Offset: int64(op.offset)}
		if op.size > 0 {
			ops[i].Data = C.GoBytes(unsafe.Pointer(op.data), op.size)
		}
	}
	return ops
}
