package keyring

import (
	"context"
	"database/sql"
	"fmt"
	"slices"

	"github.com/tabi-journeys/tabi/internal/sqldb"
)

// Usage says how many data keys each master key wraps.
type Usage struct {
	Master string `json:"master"` // its id
	Keys   int    `json:"keys"`
	Listed bool   `json:"listed"` // TABI_MASTER_KEYS has it
	Wraps  bool   `json:"wraps"`  // it is the first
}

// Usage returns the master keys that are listed or in use, the wrapping one first.
func (s *Room) Usage(ctx context.Context) ([]Usage, error) {
	var out []Usage
	if m := s.Masters(); m != nil {
		for n, id := range m.IDs() {
			out = append(out, Usage{Master: id, Listed: true, Wraps: n == 0})
		}
	}
	err := sqldb.Rows(ctx, s.db.Reader, func(r *sql.Rows) error {
		var u Usage
		if err := r.Scan(&u.Master, &u.Keys); err != nil {
			return err
		}
		i := slices.IndexFunc(out, func(have Usage) bool { return have.Master == u.Master })
		if i < 0 {
			out = append(out, u)
			return nil
		}
		out[i].Keys = u.Keys
		return nil
	}, `select master, count(*) from customer_keys group by master order by master`)
	return out, sqldb.DatabaseError(err)
}

// MastersInUse returns the ids of the master keys that wrap at least one key. It reads one row of an index for each.
func (s *Room) MastersInUse(ctx context.Context) ([]string, error) {
	var out []string
	for last := ""; ; {
		var next sql.NullString
		row := s.db.Reader.QueryRowContext(ctx, `select min(master) from customer_keys where master > $1`, last)
		if err := row.Scan(&next); err != nil {
			return nil, sqldb.DatabaseError(err)
		}
		if !next.Valid {
			return out, nil
		}
		last = next.String
		out = append(out, last)
	}
}

// rewrapPage is the number of data keys that one transaction of Rewrap changes.
const rewrapPage = 500

// Rewrap wraps the data keys of other master keys by the first one, and returns their number. It may be repeated, and run while
// processes encrypt: a data key stays the same.
func (s *Room) Rewrap(ctx context.Context) (int, error) {
	m := s.Masters()
	if m == nil {
		return 0, errNoMasters
	}
	type row struct{ id, wrapped, master string }
	total, first := 0, m.IDs()[0]
	for {
		var page []row
		if err := s.db.Write(ctx, func(tx sqldb.Conn) error {
			page = page[:0]
			if err := sqldb.Rows(ctx, tx, func(r *sql.Rows) error {
				var k row
				err := r.Scan(&k.id, &k.wrapped, &k.master)
				page = append(page, k)
				return err
			}, `select id, wrapped, master from customer_keys where master <> $1 order by id limit $2`, first, rewrapPage); err != nil {
				return err
			}
			for _, k := range page {
				raw, err := m.unwrap(k.id, k.wrapped, k.master)
				if err != nil {
					return sqldb.Refusal(fmt.Sprintf("%s; add it to the list to rewrap its keys", err))
				}
				wrapped, master := m.wrap(k.id, raw)
				if _, err := tx.ExecContext(ctx, `update customer_keys set wrapped = $2, master = $3 where id = $1`, k.id, wrapped,
					master); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			return total, err
		}
		total += len(page)
		if len(page) < rewrapPage {
			return total, nil
		}
	}
}
