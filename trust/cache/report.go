package cache

import (
	"slices"
	"time"

	"citygate/trust/ledger"
)

// This file implements what the cache has to say about the logs, as data.

// Alarm is something that an operator must know.
type Alarm struct {
	Log    string
	Kind   string // AlarmFork or AlarmDamage
	Detail string
	At     time.Time
	// Held and Found are the two notes of a fork: the one that the view stands
	// on and the one that contradicts it.
	Held, Found []byte
}

// The kinds of alarms.
const (
	AlarmFork   = "fork"   // the log has shown two histories
	AlarmDamage = "damage" // rows of the database were damaged
)

// maxAlarms bounds how many alarms of one log are kept.
const maxAlarms = 16

// LogReport says how the synchronisation of one log went.
type LogReport struct {
	Log string
	// Size, Root and Time are what is held now.
	Size uint64
	Root ledger.Hash
	Time time.Time
	// Grown is the number of new entries.
	Grown uint64
	// Err says why the log could not be brought up to date, nil if it was.
	Err error
}

// Report says how a synchronisation went, log by log, the directory first.
type Report struct {
	Logs []LogReport
}

// Alarms returns the alarms of this and earlier runs, oldest first.
func (c *Cache) Alarms() []Alarm {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.alarms)
}

// raise keeps an alarm, once, and says so.
func (c *Cache) raise(a Alarm) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.raiseLocked(a)
}

// raiseLocked is raise for a caller that holds c.mu.
func (c *Cache) raiseLocked(a Alarm) error {
	a.At = c.opts.Now().UTC().Truncate(time.Second)
	same := 0
	for _, old := range c.alarms {
		if old.Log != a.Log || old.Kind != a.Kind {
			continue
		}
		if same++; same >= maxAlarms || old.Detail == a.Detail {
			return nil
		}
	}
	c.opts.Logger.Error("trust alarm", "log", a.Log, "kind", a.Kind, "detail", a.Detail)
	c.alarms = append(c.alarms, a)
	return c.transact(func(q querier) error { return putAlarm(q, a) })
}
