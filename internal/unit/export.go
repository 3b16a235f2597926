package unit

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/tabi-journeys/tabi/internal/number"
	"github.com/tabi-journeys/tabi/internal/sqldb"
)

// An Export says which rows of a table are a customer's, for a copy of all that is known of it. Each room has a list for its tables.
type Export struct {
	Table string
	Title string // for the customer, in plain words
	// Where is the condition of the customer's rows; $1 is its own id.
	Where string
	Key   string   // columns that order the rows; no two rows have the same
	Hide  []string // columns that say nothing of the customer: leases, counters
	// Read reads a page of the rows instead, as Page does, where no condition finds them; nil: it does not.
	Read func(ctx context.Context, b *Units, tx sqldb.Conn, customer string, after []any, limit int) (
		rows []map[string]any, next []any, err error)
}

// Page reads at most limit rows after a position, which is what the page before has returned; nil is the first one. next is nil
// after the last page.
func (e Export) Page(ctx context.Context, b *Units, tx sqldb.Conn, customer string, after []any, limit int) (
	rows []map[string]any, next []any, err error) {
	if e.Read != nil {
		return e.Read(ctx, b, tx, customer, after, limit)
	}
	args, where := []any{customer}, "("+e.Where+")"
	keys := strings.Split(e.Key, ", ")
	if len(after) == len(keys) {
		args = append(args, after...)
		where += " and (" + e.Key + ") > (" + sqldb.List(2, len(keys)) + ")"
	}
	err = sqldb.Rows(ctx, tx, func(r *sql.Rows) error {
		names, err := r.Columns()
		if err != nil {
			return err
		}
		values, into := make([]any, len(names)), make([]any, len(names))
		for n := range values {
			into[n] = &values[n]
		}
		if err := r.Scan(into...); err != nil {
			return err
		}
		row := map[string]any{}
		next = nil
		for n, name := range names {
			if slices.Contains(keys, name) {
				next = append(next, nil)
			}
			if v, ok := shown(name, values[n]); ok && !slices.Contains(e.Hide, name) {
				row[name] = v
			}
		}
		for n, key := range keys {
			next[n] = values[slices.Index(names, key)]
		}
		rows = append(rows, row)
		return nil
	}, "select * from "+e.Table+" where "+where+" order by "+e.Key+" limit $"+strconv.Itoa(len(args)+1), append(args, limit)...)
	if len(rows) < limit {
		next = nil
	}
	return rows, next, err
}

// shown returns a value as people and programs read it: a time as a time, JSON as JSON. ok is false for what is empty.
func shown(name string, v any) (any, bool) {
	switch v := v.(type) {
	case nil:
		return nil, false
	case []byte:
		return shown(name, string(v))
	case int64:
		if name == "at" || strings.HasSuffix(name, "_at") || strings.HasSuffix(name, "_created") {
			return sqldb.Moment(v), v != 0
		}
		return v, true
	case string:
		if strings.HasPrefix(v, "{") || strings.HasPrefix(v, "[") {
			var decoded any
			if number.Decode([]byte(v), &decoded) == nil {
				return decoded, true
			}
		}
		return v, v != ""
	}
	return v, true
}

// ExportPosition is where an export goes on: in which list, and after which row.
type ExportPosition struct {
	List  int   `json:"l"`
	After []any `json:"a,omitempty"`
}

// Read reads a position from JSON.
func (p *ExportPosition) Read(text string) error {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	if err := d.Decode(p); err != nil {
		return err
	}
	for n, v := range p.After {
		switch v := v.(type) {
		case string:
		case json.Number:
			i, err := v.Int64()
			if err != nil {
				return err
			}
			p.After[n] = i
		default:
			return fmt.Errorf("a position has a %T", v)
		}
	}
	return nil
}
