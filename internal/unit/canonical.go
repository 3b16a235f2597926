package unit

import (
	"context"
	"database/sql"

	"github.com/tabi-journeys/tabi/internal/sqldb"
)

// Canonical returns the id of the customer that id was merged into, or id itself; ErrNotFound if there is no such
// customer. One step is enough: a merge also redirects the customers that were merged into the removed one before.
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
