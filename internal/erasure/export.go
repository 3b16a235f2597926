package erasure

import (
	"context"
	"encoding/json"

	"github.com/tabi-journeys/tabi/internal/customer"
	"github.com/tabi-journeys/tabi/internal/sqldb"
	"github.com/tabi-journeys/tabi/internal/unit"
)

// exportPage is how many rows a page of an export has at most.
const exportPage = 500

// An ExportedPage is a page of the copy of all that is known of a customer.
type ExportedPage struct {
	Customer string // its own id
	Table    string
	Title    string // of the list, for the customer
	Rows     []map[string]any
	Next     string // where the next page begins; empty after the last one
}

// Export returns a page of the copy of all that is known of a customer; after is Next of the page before, "" for the first. It returns
// sqldb.ErrNotFound for an unknown customer. The pages are not one snapshot: what happens meanwhile may be in it or not.
func (s *Room) Export(ctx context.Context, id, after string) (ExportedPage, error) {
	var at unit.ExportPosition
	if after != "" {
		if err := at.Read(after); err != nil || at.List < 0 || at.List >= len(s.exports) {
			return ExportedPage{}, sqldb.InputError("after must be next of the previous page")
		}
	}
	own := ""
	if err := s.db.Read(ctx, func(tx sqldb.Conn) (err error) {
		own, err = customer.Whom(ctx, tx, sqldb.Clean(id))
		return err
	}); err != nil {
		return ExportedPage{}, err
	}
	list := s.exports[at.List]
	out := ExportedPage{Customer: own, Table: list.Table, Title: list.Title}
	rows, next, err := list.Page(ctx, s.db, s.db.Reader, own, at.After, exportPage)
	if err != nil {
		return ExportedPage{}, sqldb.DatabaseError(err)
	}
	out.Rows = rows
	switch {
	case next != nil:
		at.After = next
	case at.List+1 < len(s.exports):
		at = unit.ExportPosition{List: at.List + 1}
	default:
		return out, nil
	}
	position, err := json.Marshal(at)
	out.Next = string(position)
	return out, err
}
