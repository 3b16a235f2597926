package audit

import (
	"context"
	"database/sql"
	"time"

	"github.com/tabi-journeys/tabi/internal/sqldb"
)

// Filter selects entries. Empty fields select all.
type Filter struct {
	Customers   []string // ids of one customer: its own, and those that were merged into it
	Journey     string
	Who         string
	What        string // one act, or all of a kind: handoff.claim, handoff.*
	Result      string
	Since       time.Time // wall
	After       int64     // the last one of the page before; 0: the first page
	OldestFirst bool
	Limit       int // default 100, at most 1000
}

// List returns entries, newest first unless asked otherwise.
func (s *Room) List(ctx context.Context, f Filter) ([]Entry, error) {
	var w sqldb.Where
	if f.Customers != nil {
		clean := make([]string, len(f.Customers))
		for i, id := range f.Customers {
			clean[i] = sqldb.Clean(id)
		}
		w.In("customer", clean)
		w.Raw("customer <> ''")
	}
	if f.Journey != "" {
		w.Equals("journey", sqldb.Clean(f.Journey))
		w.Raw("journey <> ''")
	}
	w.Equals("who", visible(sqldb.Clean(f.Who)))
	w.Equals("result", f.Result)
	if kind, all := cutAll(f.What); all {
		w.And("what >= ", kind+".")
		w.And("what < ", kind+"/") // the character after the dot
	} else {
		w.Equals("what", sqldb.Clean(f.What))
	}
	if !f.Since.IsZero() {
		w.And("at >= ", sqldb.Millis(f.Since))
	}
	order := " order by seq desc limit "
	if f.OldestFirst {
		order = " order by seq limit "
		w.And("seq > ", f.After)
	} else if f.After > 0 {
		w.And("seq < ", f.After)
	}
	query := `select ` + columns + ` from audit_log` + w.SQL() + order + w.Param(sqldb.Bounded(f.Limit))
	var out []Entry
	err := sqldb.Rows(ctx, s.db.Reader, func(r *sql.Rows) error {
		one, err := scan(r)
		out = append(out, one.Entry)
		return err
	}, query, w.Args...)
	return out, sqldb.DatabaseError(err)
}

// cutAll returns the kind in "kind.*".
func cutAll(what string) (string, bool) {
	if n := len(what) - 2; n > 0 && what[n:] == ".*" {
		return sqldb.Clean(what[:n]), true
	}
	return "", false
}
