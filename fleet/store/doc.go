// Package store is the fleet's database: the enrolment list, every event with
// its chain, findings, and what each gateway last said of itself. It is SQLite
// with write-ahead log and synchronous=FULL, one writing connection and a
// separate read-only pool; or PostgreSQL with synchronous_commit on, which
// several servers may share. Tables and promises are the same in both.
//
// The guarantee that acknowledgements rest on: when Commit returns, every
// batch whose outcome is Committed or Repeated is on disk together with the
// mark that covers it, in one transaction. An acknowledgement sent after that
// may be lost and asked for again, never wrong. A batch is committed only if it
// starts at most one above the mark of its epoch, so redelivery, reordering and
// several workers change nothing:
//
//	starts beyond mark+1              Ahead: nothing is written
//	ends at or below the mark,
//	  same chain                      Repeated: acknowledged again
//	  another chain                   Forked: a finding, no acknowledgement
//	covers mark+1, same chain so far  Committed from mark+1 on
//
// Findings that no batch can carry (a session under a name twice, two roots for
// one size of a log) come from Observe.
package store
