package keyring

import (
	"context"
	"slices"

	"github.com/tabi-journeys/tabi/internal/sqldb"
	"github.com/tabi-journeys/tabi/internal/unit"
)

// idsPerStatement bounds the ids of a customer that one statement of Forget names.
const idsPerStatement = 500

// Forget is an OnForget hook of this room. It deletes the keys of all ids of the customer: what was encrypted by them is unreadable
// from the commit on, and in processes that have just used them after at most CacheLife.
func Forget(ctx context.Context, b *unit.Unit, f *unit.Forgetting) error {
	for ids := range slices.Chunk(sqldb.Sorted(f.IDs), idsPerStatement) {
		args := make([]any, len(ids))
		for i, id := range ids {
			args[i] = id
		}
		if err := f.Erase(ctx, b, "customer_keys", "id", "customer <> '' and customer in ("+sqldb.List(1, len(ids))+")",
			"without its key nothing can read what Temporal, its archives and its backups still have", args...); err != nil {
			return err
		}
	}
	return nil
}
