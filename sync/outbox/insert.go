package outbox

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"strings"

	"github.com/mattn/go-sqlite3"
)

const (
	insertItem = "INSERT INTO item (id, span, prio, at, chain, body) VALUES (?, ?, ?, ?, ?, ?)"
	eventRow   = "(?, 1, ?, ?, ?, ?)"
	rowArgs    = 5
	manyRows   = 16
)

// inserter stores events, many rows with one statement. It speaks to the driver itself: database/sql would look at
// each argument again, and between two fsyncs there is little time.
type inserter struct {
	single *sql.Stmt              // one row of any span
	many   driver.StmtExecContext // manyRows events
	closer func() error
	args   []driver.NamedValue // of the rows that wait for company
}

// newInserter prepares the statements on the writer's connection.
func newInserter(ctx context.Context, conn *sql.Conn) (*inserter, error) {
	single, err := conn.PrepareContext(ctx, insertItem)
	if err != nil {
		return nil, err
	}
	in := &inserter{single: single, args: make([]driver.NamedValue, 0, manyRows*rowArgs)}
	err = conn.Raw(func(dc any) error {
		c, ok := dc.(*sqlite3.SQLiteConn)
		if !ok {
			return fmt.Errorf("driver's connection is a %T", dc)
		}
		q := "INSERT INTO item (id, span, prio, at, chain, body) VALUES " + strings.Repeat(eventRow+", ", manyRows-1) + eventRow
		stmt, err := c.PrepareContext(ctx, q)
		if err != nil {
			return err
		}
		in.closer = stmt.Close
		if in.many, ok = stmt.(driver.StmtExecContext); !ok {
			return fmt.Errorf("driver's statement is a %T", stmt)
		}
		return nil
	})
	return in, err
}

// reset forgets rows that wait, after a transaction that failed.
func (in *inserter) reset() { in.args = in.args[:0] }

// event takes one event. It may be stored only with [inserter.flush].
func (in *inserter) event(ctx context.Context, id int64, prio uint8, at int64, chain, body []byte) error {
	for _, v := range [rowArgs]driver.Value{id, int64(prio), at, chain, body} {
		in.args = append(in.args, driver.NamedValue{Ordinal: len(in.args) + 1, Value: v})
	}
	if len(in.args) < manyRows*rowArgs {
		return nil
	}
	_, err := in.many.ExecContext(ctx, in.args)
	in.reset()
	return err
}

// flush stores the events that still wait.
func (in *inserter) flush(ctx context.Context) error {
	defer in.reset()
	for a := in.args; len(a) > 0; a = a[rowArgs:] {
		if _, err := in.single.ExecContext(ctx, a[0].Value, 1, a[1].Value, a[2].Value, a[3].Value, a[4].Value); err != nil {
			return err
		}
	}
	return nil
}

// span stores one row that stands for several events.
func (in *inserter) span(ctx context.Context, id, n int64, prio int, at int64, chain, body []byte) error {
	_, err := in.single.ExecContext(ctx, id, n, prio, at, chain, body)
	return err
}

// close ends the statements.
func (in *inserter) close() error {
	err := in.single.Close()
	if in.closer != nil {
		if cerr := in.closer(); err == nil {
			err = cerr
		}
	}
	return err
}
