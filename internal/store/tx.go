package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"
)

// conn is a transaction or a connection pool.
type conn interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// errAgain rolls a transaction back and runs it again: what it had resolved has changed before its locks.
var errAgain = errors.New("the customer was changed meanwhile")

// inputError is the caller's mistake, not the database's.
type inputError string

func (e inputError) Error() string { return string(e) }

// attempts of a transaction that lost against another one, or its connection before the commit.
const txAttempts = 12

// write runs f in a transaction. Nothing of it is kept when it fails. It is repeated where the database says it lost a race;
// never after a commit whose answer is unknown.
func (s *Store) write(ctx context.Context, f func(tx conn) error) error {
	var err error
	for try := range txAttempts {
		if try > 0 {
			most := time.Duration(1<<min(try, 7)) * time.Millisecond // half of it by chance, or those who met would meet again
			pause := time.NewTimer(most/2 + rand.N(most))
			select {
			case <-ctx.Done():
				pause.Stop()
				return databaseError(ctx.Err())
			case <-pause.C:
			}
		}
		var again bool
		if again, err = s.once(ctx, f); err == nil || !again {
			break
		}
	}
	return databaseError(err)
}

func (s *Store) once(ctx context.Context, f func(tx conn) error) (again bool, err error) {
	select {
	case s.turns <- struct{}{}:
	case <-ctx.Done():
		return false, ctx.Err()
	}
	defer func() { <-s.turns }()
	tx, err := s.writer.BeginTx(ctx, nil)
	if err != nil {
		return transient(err), err
	}
	if err := f(tx); err != nil {
		_ = tx.Rollback() // the first error is the one to tell
		return transient(err), err
	}
	if err := tx.Commit(); err != nil {
		return lostRace(err), err
	}
	return false, nil
}

// read runs f on one snapshot of the database, or on plain connections where f makes a single query.
func (s *Store) read(ctx context.Context, f func(tx conn) error) error {
	tx, err := s.reader.BeginTx(ctx, &sql.TxOptions{ReadOnly: s.reader != s.writer})
	if err != nil {
		return databaseError(err)
	}
	defer func() { _ = tx.Rollback() }()
	return databaseError(f(tx))
}

// databaseError marks what is the database's fault; the store's own errors stay as they are.
func databaseError(err error) error {
	var dropped *DroppedError
	var input inputError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &dropped), errors.As(err, &input):
		return err
	}
	for _, own := range []error{ErrNotFound, ErrNotMine, ErrClockFixed, ErrTooLate, ErrTaken, ErrBusy} {
		if errors.Is(err, own) {
			return err
		}
	}
	return fmt.Errorf("database: %w", err)
}

// lostRace reports whether the database undid the transaction because of another one.
func lostRace(err error) bool {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return pg.Code == "40001" || pg.Code == "40P01"
	}
	var lite *sqlite.Error
	if errors.As(err, &lite) {
		return lite.Code()&0xff == 5 || lite.Code()&0xff == 6 // SQLITE_BUSY, SQLITE_LOCKED
	}
	return errors.Is(err, errAgain)
}

// transient reports whether a transaction that failed before its commit may be run again.
func transient(err error) bool {
	if lostRace(err) || errors.Is(err, driver.ErrBadConn) {
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

// list gives "$from, $from+1, …" for n parameters.
func list(from, n int) string {
	var b strings.Builder
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteByte('$')
		b.WriteString(strconv.Itoa(from + i))
	}
	return b.String()
}

// chunkSizes, each half of the one before it, keep the number of statement texts small, so that the driver's statement cache holds them all.
var chunkSizes = []int{128, 64, 32, 16, 8, 4, 2, 1}

// chunks cuts n rows into pieces of those sizes.
func chunks(n int, f func(from, to int) error) error {
	for from := 0; from < n; {
		size := 1
		for _, c := range chunkSizes {
			if n-from >= c {
				size = c
				break
			}
		}
		if err := f(from, from+size); err != nil {
			return err
		}
		from += size
	}
	return nil
}

// insert writes rows into table (…columns), many per statement. tail follows the values.
func insert(ctx context.Context, tx conn, into string, rows [][]any, tail string) (int64, error) {
	var done int64
	err := chunks(len(rows), func(from, to int) error {
		var b strings.Builder
		b.WriteString("insert into " + into + " values ")
		var args []any
		for i, row := range rows[from:to] {
			if i > 0 {
				b.WriteByte(',')
			}
			b.WriteString("(" + list(len(args)+1, len(row)) + ")")
			args = append(args, row...)
		}
		result, err := tx.ExecContext(ctx, b.String()+" "+tail, args...)
		if err != nil {
			return err
		}
		n, err := result.RowsAffected()
		done += n
		return err
	})
	return done, err
}

// update sets, in one statement for many rows, columns of table by key; a row holds the key first. set is the set clause over v.column2 and following.
func update(ctx context.Context, tx conn, table, key, set string, kinds []string, rows [][]any) error {
	return chunks(len(rows), func(from, to int) error {
		var b strings.Builder
		b.WriteString("update " + table + " set " + set + " from (values ")
		var args []any
		for i, row := range rows[from:to] {
			if i > 0 {
				b.WriteByte(',')
			}
			b.WriteByte('(')
			for j, v := range row {
				if j > 0 {
					b.WriteByte(',')
				}
				args = append(args, v)
				b.WriteString("cast($" + strconv.Itoa(len(args)) + " as " + kinds[j] + ")")
			}
			b.WriteByte(')')
		}
		b.WriteString(") as v where " + table + "." + key + " = v.column1")
		_, err := tx.ExecContext(ctx, b.String(), args...)
		return err
	})
}

// within runs a query whose text holds %s for a list of ids, in pieces, and scans every row. The parameters of first come before the ids.
func within(ctx context.Context, tx conn, query string, ids []string, scan func(*sql.Rows) error, first ...any) error {
	for piece := range slices.Chunk(ids, chunkSizes[0]) {
		args := slices.Clone(first)
		for _, id := range piece {
			args = append(args, id)
		}
		size := 1
		for size < len(piece) {
			size *= 2
		}
		for range size - len(piece) {
			args = append(args, piece[0]) // to be in the list twice changes nothing
		}
		if err := rows(ctx, tx, scan, fmt.Sprintf(query, list(len(first)+1, size)), args...); err != nil {
			return err
		}
	}
	return nil
}

// rows scans every row of a query.
func rows(ctx context.Context, tx conn, scan func(*sql.Rows) error, query string, args ...any) error {
	r, err := tx.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer r.Close()
	for r.Next() {
		if err := scan(r); err != nil {
			return err
		}
	}
	return r.Err()
}

// affected runs a statement and counts its rows.
func affected(ctx context.Context, tx conn, query string, args ...any) (int64, error) {
	result, err := tx.ExecContext(ctx, query, args...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// exists reports whether a query has a row.
func exists(ctx context.Context, tx conn, query string, args ...any) (bool, error) {
	found := false
	err := rows(ctx, tx, func(*sql.Rows) error { found = true; return nil }, query, args...)
	return found, err
}

// sorted gives the distinct strings in order, without the empty one.
func sorted(ids []string) []string {
	out := slices.Clone(ids)
	slices.Sort(out)
	out = slices.Compact(out)
	if len(out) > 0 && out[0] == "" {
		out = out[1:]
	}
	return out
}
