package sqldb

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"
)

// Conn is a transaction or a connection pool.
type Conn interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// ErrAgain rolls a transaction back and runs it again: what it had resolved has changed before its locks.
var ErrAgain = errors.New("the customer was changed meanwhile")

// InputError is the caller's mistake, not the database's.
type InputError string

func (e InputError) Error() string { return string(e) }

// TxAttempts bounds the attempts of a transaction that lost a race, or its connection before the commit.
const TxAttempts = 12

// Write runs f in a transaction. If f fails, nothing of it is stored. A transaction that lost a race is repeated, but
// never after a commit whose outcome is unknown. The pauses double from 2 ms to 128 ms; each is 50–150% of that, at
// random, since transactions that met would otherwise meet again.
func (s *Database) Write(ctx context.Context, f func(tx Conn) error) error {
	attempt := func() (struct{}, error) {
		again, err := s.once(ctx, f)
		if err != nil && !again {
			return struct{}{}, backoff.Permanent(err)
		}
		return struct{}{}, err
	}
	pauses := &backoff.ExponentialBackOff{
		InitialInterval: 2 * time.Millisecond, RandomizationFactor: 0.5, Multiplier: 2, MaxInterval: 128 * time.Millisecond,
	}
	_, err := backoff.Retry(ctx, attempt, backoff.WithBackOff(pauses), backoff.WithMaxTries(TxAttempts), backoff.WithMaxElapsedTime(0))
	return DatabaseError(err)
}

func (s *Database) once(ctx context.Context, f func(tx Conn) error) (again bool, err error) {
	select {
	case s.Turns <- struct{}{}:
	case <-ctx.Done():
		return false, ctx.Err()
	}
	defer func() { <-s.Turns }()
	tx, err := s.Writer.BeginTx(ctx, nil)
	if err != nil {
		return Transient(err), err
	}
	last := LastOf(ctx)
	err = f(s.engine(tx))
	if err == nil {
		err = last.Write(ctx, s.engine(tx))
	}
	if err != nil {
		_ = tx.Rollback() // the first error is the one to tell
		return Transient(err), err
	}
	if err := tx.Commit(); err != nil {
		return LostRace(err), err
	}
	last.Committed()
	return false, nil
}

// A Last writes the last rows of transactions: those that belong to what was done, and that no statement may wait for.
type Last interface {
	// Write runs before the commit. It may run again if the transaction is repeated.
	Write(ctx context.Context, tx Conn) error
	// Committed runs after the commit.
	Committed()
}

type lastKey struct{}

// WithLast returns a context whose transactions end with what l writes.
func WithLast(ctx context.Context, l Last) context.Context {
	return context.WithValue(ctx, lastKey{}, l)
}

// WithoutLast returns a context whose transactions are not part of what the caller does: they end without its last rows.
func WithoutLast(ctx context.Context) context.Context { return WithLast(ctx, nothing{}) }

// LastOf returns what ends the transactions of a context.
func LastOf(ctx context.Context) Last {
	if l, ok := ctx.Value(lastKey{}).(Last); ok {
		return l
	}
	return nothing{}
}

type nothing struct{}

func (nothing) Write(context.Context, Conn) error { return nil }
func (nothing) Committed()                        {}

// Read runs f on one snapshot of the database, or on plain connections where f makes a single query.
func (s *Database) Read(ctx context.Context, f func(tx Conn) error) error {
	tx, err := s.Reader.BeginTx(ctx, &sql.TxOptions{ReadOnly: s.Reader != s.Writer})
	if err != nil {
		return DatabaseError(err)
	}
	defer func() { _ = tx.Rollback() }()
	return DatabaseError(f(s.engine(tx)))
}

// Refusal is an error for the caller: the database works.
type Refusal string

func (r Refusal) Error() string { return string(r) }

// Refusal marks the error; see DatabaseError.
func (r Refusal) Refusal() {}

// Refusal marks the error; see DatabaseError.
func (e InputError) Refusal() {}

// ErrNotFound is returned where there is no such row.
var ErrNotFound error = Refusal("not found")

// DatabaseError marks errors of the database. Errors with a method Refusal are the caller's and stay as they are.
func DatabaseError(err error) error {
	if err == nil {
		return nil
	}
	if Refused(err) {
		return err
	}
	return fmt.Errorf("database: %w", err)
}

// Refused reports whether an error is the caller's: nothing is broken.
func Refused(err error) bool {
	var own interface{ Refusal() }
	return errors.As(err, &own)
}

// LostRace reports whether the database undid the transaction because of another one.
func LostRace(err error) bool {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return pg.Code == "40001" || pg.Code == "40P01"
	}
	var lite *sqlite.Error
	if errors.As(err, &lite) {
		return lite.Code()&0xff == 5 || lite.Code()&0xff == 6 // SQLITE_BUSY, SQLITE_LOCKED
	}
	return errors.Is(err, ErrAgain)
}

// Transient reports whether a transaction that failed before its commit may be run again.
func Transient(err error) bool {
	if LostRace(err) || errors.Is(err, driver.ErrBadConn) {
		return true
	}
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return strings.HasPrefix(pg.Code, "08") || strings.HasPrefix(pg.Code, "57P")
	}
	var connect *pgconn.ConnectError
	if errors.As(err, &connect) {
		return false // the server is not there: say so at once
	}
	return pgconn.SafeToRetry(err)
}
