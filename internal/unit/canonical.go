package unit

import (
	"context"
	"database/sql"

	"github.com/tabi-journeys/tabi/internal/sqldb"
)

// Canonical follows merges; ErrNotFound. Chains are one link long, since a merge moves what pointed at the one
// that goes.
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
	if err == nil && found == "" {
		err = sqldb.ErrNotFound
	}
	return found, err
}
