package sqldb

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// List returns "$from,$from+1,…" for n parameters.
func List(from, n int) string {
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

// chunkSizes, each half of the one before it, keep the number of statement texts small, so that the driver's
// statement cache holds them all.
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

// postgresTx marks a transaction on PostgreSQL, where many rows go as one array for each column: one text and
// one round trip for any number. SQLite has no arrays; it gets lists of values, in pieces.
type postgresTx struct{ Conn }

// engine marks tx.
func (s *Database) engine(tx *sql.Tx) Conn {
	if s.postgres {
		return postgresTx{tx}
	}
	return tx
}

// Pieces calls f with rows as the source of a statement, in as many pieces as the engine needs: the source's text (values,
// or a select from arrays), its alias with column names, and its parameters. kinds are the SQL types of the columns if the
// engine cannot infer them.
func Pieces(tx Conn, kinds []string, rows [][]any, f func(source, as string, args []any) error) error {
	if _, arrays := tx.(postgresTx); arrays && len(rows) > 1 {
		if args, types, ok := columns(rows); ok {
			var params, names []string
			for i, t := range types {
				if kinds != nil {
					t = kinds[i]
				}
				params = append(params, "$"+strconv.Itoa(i+1)+"::"+t+"[]")
				names = append(names, "column"+strconv.Itoa(i+1))
			}
			return f("select * from unnest("+strings.Join(params, ", ")+")", "v("+strings.Join(names, ", ")+")", args)
		}
	}
	return chunks(len(rows), func(from, to int) error {
		var b strings.Builder
		b.WriteString("values ")
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
				param := "$" + strconv.Itoa(len(args))
				if kinds != nil {
					param = "cast(" + param + " as " + kinds[j] + ")"
				}
				b.WriteString(param)
			}
			b.WriteByte(')')
		}
		return f(b.String(), "v", args)
	})
}

// columns turns rows into one typed slice for each column, with the types' names in SQL. ok is false for values
// that are neither text nor numbers.
func columns(rows [][]any) (args []any, types []string, ok bool) {
	for i := range rows[0] {
		switch rows[0][i].(type) {
		case string:
			column := make([]string, len(rows))
			for n, row := range rows {
				if column[n], ok = row[i].(string); !ok {
					return nil, nil, false
				}
			}
			args, types = append(args, column), append(types, "text")
		case int, int64:
			column := make([]int64, len(rows))
			for n, row := range rows {
				switch v := row[i].(type) {
				case int:
					column[n] = int64(v)
				case int64:
					column[n] = v
				default:
					return nil, nil, false
				}
			}
			args, types = append(args, column), append(types, "bigint")
		case float64:
			column := make([]float64, len(rows))
			for n, row := range rows {
				if column[n], ok = row[i].(float64); !ok {
					return nil, nil, false
				}
			}
			args, types = append(args, column), append(types, "double precision")
		default:
			return nil, nil, false
		}
	}
	return args, types, true
}

// Insert writes rows into table (…columns), many per statement. tail follows the values.
func Insert(ctx context.Context, tx Conn, into string, rows [][]any, tail string) (int64, error) {
	var done int64
	err := Pieces(tx, nil, rows, func(source, _ string, args []any) error {
		n, err := Affected(ctx, tx, "insert into "+into+" "+source+" "+tail, args...)
		done += n
		return err
	})
	return done, err
}

// Update sets, in one statement for many rows, columns of table by key; a row holds the key first. set is the
// set clause over v.column2 and following.
func Update(ctx context.Context, tx Conn, table, key, set string, kinds []string, rows [][]any) error {
	return Pieces(tx, kinds, rows, func(source, as string, args []any) error {
		_, err := tx.ExecContext(
			ctx,
			"update "+table+" set "+set+" from ("+source+") as "+as+" where "+table+"."+key+" = v.column1",
			args...)
		return err
	})
}

// Within runs a query that contains "in (%s)" for a list of ids, in pieces, and scans every row. The parameters in first
// come before the ids.
func Within(ctx context.Context, tx Conn, query string, ids []string, scan func(*sql.Rows) error, first ...any) error {
	if _, arrays := tx.(postgresTx); arrays && len(ids) > 1 {
		text := fmt.Sprintf(strings.Replace(query, "in (%s)", "= any(%s::text[])", 1), List(len(first)+1, 1))
		return Rows(ctx, tx, scan, text, append(slices.Clone(first), ids)...)
	}
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
		if err := Rows(ctx, tx, scan, fmt.Sprintf(query, List(len(first)+1, size)), args...); err != nil {
			return err
		}
	}
	return nil
}

// Rows scans every row of a query.
func Rows(ctx context.Context, tx Conn, scan func(*sql.Rows) error, query string, args ...any) error {
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

// Affected runs a statement and counts its rows.
func Affected(ctx context.Context, tx Conn, query string, args ...any) (int64, error) {
	result, err := tx.ExecContext(ctx, query, args...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// Exists reports whether a query has a row.
func Exists(ctx context.Context, tx Conn, query string, args ...any) (bool, error) {
	found := false
	err := Rows(ctx, tx, func(*sql.Rows) error { found = true; return nil }, query, args...)
	return found, err
}

// Sorted returns the distinct strings in order, without the empty one.
func Sorted(ids []string) []string {
	out := slices.Clone(ids)
	slices.Sort(out)
	out = slices.Compact(out)
	if len(out) > 0 && out[0] == "" {
		out = out[1:]
	}
	return out
}
