package store

import (
	"context"
	"database/sql"
)

// canonical follows merges; ErrNotFound. Chains are one link long, since a merge moves what pointed at the one
// that goes.
func canonical(ctx context.Context, tx conn, id string) (string, error) {
	found := ""
	err := rows(ctx, tx, func(r *sql.Rows) error {
		var own, merged string
		err := r.Scan(&own, &merged)
		if merged != "" {
			own = merged
		}
		found = own
		return err
	}, `select id, merged_into from customers where id = $1`, clean(id))
	if err == nil && found == "" {
		err = ErrNotFound
	}
	return found, err
}
