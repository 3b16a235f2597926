package audit

import (
	"context"
	"errors"

	"github.com/tabi-journeys/tabi/internal/sqldb"
)

// With returns a context whose next transaction also stores the entries that f returns, which runs before its commit. Entries of what is
// already being done under ctx stay as they are.
func With(ctx context.Context, f func(ctx context.Context, tx sqldb.Conn) ([]Entry, error)) context.Context {
	return sqldb.WithLast(ctx, &also{before: sqldb.LastOf(ctx), entries: f})
}

// also stores entries that a room makes of what its transaction has done.
type also struct {
	before  sqldb.Last
	entries func(ctx context.Context, tx sqldb.Conn) ([]Entry, error)
}

// Write implements sqldb.Last.
func (a *also) Write(ctx context.Context, tx sqldb.Conn) error {
	list, err := a.entries(ctx, tx)
	for _, e := range list {
		err = errors.Join(err, Add(ctx, tx, e))
	}
	if err != nil {
		return err
	}
	return a.before.Write(ctx, tx)
}

// Committed implements sqldb.Last.
func (a *also) Committed() { a.before.Committed() }
