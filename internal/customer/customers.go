package customer

import (
	"cmp"
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/sqldb"
	"github.com/tabi-journeys/tabi/internal/unit"
)

// Table is the part of this room that a unit uses.
type Table struct{}

var _ unit.Customers = Table{}

// Lock implements unit.Customers.
func (Table) Lock(ctx context.Context, tx sqldb.Conn, now time.Time, salt []byte, ids []string) ([]*unit.LockedCustomer, error) {
	return Lock(ctx, tx, now, salt, ids)
}

// Read implements unit.Customers.
func (Table) Read(ctx context.Context, tx sqldb.Conn, id string) (*unit.LockedCustomer, error) {
	return Read(ctx, tx, id)
}

const customerColumns = `id, version, traits, merged_into, created_at, draw_id, seed`

func scanCustomer(r sqldb.Scanner) (*unit.LockedCustomer, error) {
	var p unit.LockedCustomer
	var traits string
	if err := r.Scan(&p.ID, &p.Version, &traits, &p.Merged, &p.Created, &p.Draw, &p.Seed); err != nil {
		return nil, err
	}
	var err error
	p.Draw = cmp.Or(p.Draw, p.ID)
	p.Traits, err = sqldb.Object(traits)
	p.Stored = p.Traits
	return &p, err
}

// Lock locks customers in the order of their ids, by incrementing their versions, and creates the missing ones. ids are
// distinct and sorted. It leaves out those that were forgotten. The same statement decides that, so that no call, however late
// and by whichever door, creates them again. The count keeps the order of the ids, which a join would not.
func Lock(ctx context.Context, tx sqldb.Conn, now time.Time, salt []byte, ids []string) ([]*unit.LockedCustomer, error) {
	var found []*unit.LockedCustomer
	var values [][]any
	for _, id := range ids {
		values = append(values, []any{id, 1, "{}", sqldb.Millis(now), unit.Digest(salt, unit.DigestCustomer, id), rand.Text()})
	}
	kinds := []string{"text", "bigint", "text", "bigint", "text", "text"}
	err := sqldb.Pieces(tx, kinds, values, func(source, as string, args []any) error {
		return sqldb.Rows(ctx, tx, func(r *sql.Rows) error {
			p, err := scanCustomer(r)
			found = append(found, p)
			return err
		}, `insert into customers (id, version, traits, created_at, seed)
			select column1, column2, column3, column4, column6 from (`+source+`) as `+as+`
			where (select count(*) from forgotten where digest = column5) = 0
			on conflict (id) do update set version = customers.version + 1 returning `+customerColumns, args...)
	})
	return found, err
}

// LockOwner locks the customer whose id a query selects, or returns ErrNotFound. With it another room locks the customer
// of one of its own rows in one statement; its query selects the column customer of that row. See docs/decisions/0014.
func LockOwner(ctx context.Context, tx sqldb.Conn, query string, args ...any) (*unit.LockedCustomer, error) {
	p, err := scanCustomer(tx.QueryRowContext(ctx, `update customers set version = version + 1 where id = (`+query+`) returning `+
		customerColumns, args...))
	if errors.Is(err, sql.ErrNoRows) {
		return nil, sqldb.ErrNotFound
	}
	return p, err
}

// Read returns a customer without locking it. It returns sql.ErrNoRows if there is none.
func Read(ctx context.Context, tx sqldb.Conn, id string) (*unit.LockedCustomer, error) {
	return scanCustomer(tx.QueryRowContext(ctx, `select `+customerColumns+` from customers where id = $1`, id))
}

// Canonical returns the id of the customer that id was merged into, or id itself; ErrNotFound if there is no such
// customer, or if it is being forgotten. One step is enough: a merge also redirects the customers that were merged into the
// removed one before.
func Canonical(ctx context.Context, tx sqldb.Conn, id string) (string, error) {
	found := ""
	err := sqldb.Rows(ctx, tx, func(r *sql.Rows) error {
		var own, merged string
		err := r.Scan(&own, &merged)
		if merged != "" {
			own = merged
		}
		found = own
		return err
	}, `select id, merged_into from customers where id = $1`, sqldb.Clean(id))
	if err == nil && (found == "" || unit.IsPseudonym(found)) {
		found, err = "", sqldb.ErrNotFound
	}
	return found, err
}

// WorkflowIDs returns the workflow ids that somebody may mean by one that names the customer by an id of it: the id as it is, and with
// the pseudonyms of all ids of the customer.
func WorkflowIDs(ctx context.Context, tx sqldb.Conn, given string) ([]string, error) {
	given = sqldb.Clean(given)
	out := []string{journey.FitWorkflowID(given)}
	name, id, key, n, ok := journey.ParseWorkflowID(given)
	if !ok {
		return out, nil
	}
	err := sqldb.Rows(ctx, tx, func(r *sql.Rows) error {
		var seed string
		err := r.Scan(&seed)
		if seed != "" {
			out = append(out, journey.WorkflowID(name, journey.Pseudonym(seed), journey.PseudonymousKey(seed, key), n))
		}
		return err
	}, `select seed from customers where id = $1
		or merged_into <> '' and merged_into = (select case when merged_into = '' then id else merged_into end from customers where id = $1)
		or id = (select merged_into from customers where id = $1)`, id)
	return out, err
}

// Any reports whether there is any customer.
func Any(ctx context.Context, tx sqldb.Conn) (bool, error) {
	return sqldb.Exists(ctx, tx, `select 1 from customers limit 1`)
}

// IDs returns the ids of at most limit customers whose id is greater than after, in the database's order. Customers that
// were merged into others are left out.
func IDs(ctx context.Context, tx sqldb.Conn, after string, limit int) ([]string, error) {
	var out []string
	err := sqldb.Rows(ctx, tx, func(r *sql.Rows) error {
		var id string
		err := r.Scan(&id)
		out = append(out, id)
		return err
	}, `select id from customers where merged_into = '' and id > $1 order by id limit $2`, after, limit)
	return out, err
}

// FlushTraits is a Flush hook of this room: it writes the traits that changed.
func FlushTraits(ctx context.Context, b *unit.Unit) error {
	var traits [][]any
	for _, id := range slices.Sorted(maps.Keys(b.Customers)) {
		p := b.Customers[id]
		if !p.Dirty {
			continue
		}
		raw, err := sqldb.Text(p.Traits)
		if err != nil {
			return err
		}
		traits = append(traits, []any{id, raw})
		p.Dirty, p.Stored = false, p.Traits
	}
	return sqldb.Update(ctx, b.Tx, "customers", "id", "traits = v.column2", []string{"text", "text"}, traits)
}
