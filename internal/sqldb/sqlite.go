package sqldb

import (
	recent "container/list"
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"sync/atomic"

	"modernc.org/sqlite"
)

// maxStatements is how many prepared statements a connection to SQLite keeps. The store has about two hundred texts.
const maxStatements = 400

// openLite opens a pool of connections to SQLite, each of which keeps the statements it has prepared: to
// prepare one costs more than to run it. pgx does the same for PostgreSQL by itself.
func openLite(name string, count *atomic.Int64) *sql.DB {
	return sql.OpenDB(liteConnector{name, count})
}

type liteConnector struct {
	name  string
	count *atomic.Int64 // of statements; may be nil
}

func (c liteConnector) Driver() driver.Driver { return &sqlite.Driver{} }

func (c liteConnector) Connect(context.Context) (driver.Conn, error) {
	opened, err := (&sqlite.Driver{}).Open(c.name)
	if err != nil {
		return nil, err
	}
	inner, ok := opened.(plainLite)
	if !ok {
		return nil, fmt.Errorf("the SQLite driver's connection is a %T, which lacks what tabi needs of it", opened)
	}
	return &liteConn{plainLite: inner, count: c.count, kept: map[string]*recent.Element{}, order: recent.New()}, nil
}

// plainLite is the driver's connection.
type plainLite interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ConnPrepareContext
	driver.ExecerContext
	driver.QueryerContext
	driver.Pinger
	driver.SessionResetter
	driver.Validator
	sqliteConn
}

// liteConn is the driver's connection with the statements it has prepared, the latest used first. database/sql
// uses it from one goroutine at a time.
type liteConn struct {
	plainLite
	count *atomic.Int64
	kept  map[string]*recent.Element
	order *recent.List // of *liteStmt
}

// plainStmt is the driver's statement.
type plainStmt interface {
	driver.StmtExecContext
	driver.StmtQueryContext
	Close() error
}

type liteStmt struct {
	plainStmt
	text string
	busy bool // its rows are being read: it cannot run a second time meanwhile
}

// statement returns the prepared statement of a text, or nil if it is in use.
func (c *liteConn) statement(ctx context.Context, text string) (*liteStmt, error) {
	if e := c.kept[text]; e != nil {
		s := e.Value.(*liteStmt)
		if s.busy {
			return nil, nil
		}
		c.order.MoveToFront(e)
		return s, nil
	}
	prepared, err := c.PrepareContext(ctx, text)
	if err != nil {
		return nil, err
	}
	plain, ok := prepared.(plainStmt)
	if !ok {
		return nil, fmt.Errorf("the SQLite driver's statement is a %T, which lacks what tabi needs of it", prepared)
	}
	s := &liteStmt{plainStmt: plain, text: text}
	c.kept[text] = c.order.PushFront(s)
	return s, c.trim()
}

// trim drops the statement that was used longest ago, where there are too many.
func (c *liteConn) trim() error {
	last := c.order.Back()
	if c.order.Len() <= maxStatements || last.Value.(*liteStmt).busy {
		return nil
	}
	s := c.order.Remove(last).(*liteStmt)
	delete(c.kept, s.text)
	return s.Close()
}

func (c *liteConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	counted(c.count)
	if len(args) == 0 {
		return c.plainLite.ExecContext(ctx, query, args) // may be a script, as migrations are
	}
	s, err := c.statement(ctx, query)
	if err != nil {
		return nil, err
	}
	if s == nil {
		return c.plainLite.ExecContext(ctx, query, args)
	}
	return s.ExecContext(ctx, args)
}

func (c *liteConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	counted(c.count)
	s, err := c.statement(ctx, query)
	if err != nil {
		return nil, err
	}
	if s == nil {
		return c.plainLite.QueryContext(ctx, query, args)
	}
	rows, err := s.QueryContext(ctx, args)
	if err != nil {
		return nil, err
	}
	s.busy = true
	return &liteRows{Rows: rows, of: s}, nil
}

// Close drops the statements before the connection.
func (c *liteConn) Close() error {
	for _, e := range c.kept {
		_ = e.Value.(*liteStmt).Close() // the connection's own error is the one to tell
	}
	clear(c.kept)
	return c.plainLite.Close()
}

type liteRows struct {
	driver.Rows
	of *liteStmt
}

func (r *liteRows) Close() error {
	r.of.busy = false
	return r.Rows.Close()
}
