// Package rejection keeps Segment calls and reports that were refused: their senders often cannot say so, and nobody may be looking at
// the answer. The table is bounded, so that a broken or hostile sender costs a few megabytes and no more.
package rejection

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/tabi-journeys/tabi/internal/clock"
	"github.com/tabi-journeys/tabi/internal/customer"
	"github.com/tabi-journeys/tabi/internal/event"
	"github.com/tabi-journeys/tabi/internal/number"
	"github.com/tabi-journeys/tabi/internal/sqldb"
	"github.com/tabi-journeys/tabi/internal/unit"
)

// Bounds of the table.
const (
	MaxRows    = 10_000  // the oldest are dropped
	MaxPayload = 4 << 10 // bytes of a call; the rest is cut off
	perRequest = 20      // kept of one request
	perMinute  = 600     // kept by one process, wall time
	trimEvery  = 200     // rows between two looks at the bounds
)

// A Call is a refused call.
type Call struct {
	ID      string
	At      time.Time // virtual
	Door    string    // where it came in: http, mail, track, signal, entry
	Code    string    // the reason; see docs/http.md
	Field   string    // what is wrong with it: batch[3].event
	Message string
	Payload string // JSON as it arrived, at most MaxPayload bytes
	Bytes   int    // of the whole call
}

// Filter selects refused calls, newest first.
type Filter struct {
	Door, Code string // "": any
	After      string // id of the last one of the page before
	Limit      int    // default 100, at most 1000
}

// Room keeps refused calls.
type Room struct {
	db *unit.Units

	mu     sync.Mutex
	minute time.Time // wall
	kept   int       // in this minute
	since  int       // rows since the bounds were looked at
}

// New returns the room.
func New(db *unit.Units) *Room { return &Room{db: db, since: trimEvery} }

// admit returns how many of n calls may be kept, and whether it is time to look at the bounds.
func (s *Room) admit(n int) (int, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if wall := clock.Wall(); wall.Sub(s.minute) >= time.Minute {
		s.minute, s.kept = wall, 0
	}
	n = max(min(n, perRequest, perMinute-s.kept), 0)
	s.kept += n
	s.since += n
	trim := s.since >= trimEvery
	if trim {
		s.since = 0
	}
	return n, trim
}

// Columns of a row that may have words of a customer.
const (
	fieldColumn   = 4
	messageColumn = 5
	payloadColumn = 6
)

// leftOut is the message of a refused call that names a customer who was forgotten.
const leftOut = "it names a customer who was forgotten: what was in it is not kept"

// texts returns the texts and numbers of a call, at every depth, which may be ids or addresses.
func texts(c Call) (out []string) {
	var v any
	if number.Decode([]byte(c.Payload), &v) != nil {
		return nil
	}
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case string:
			if len(v) <= event.MaxID {
				out = append(out, v)
			}
		case []any:
			for _, one := range v {
				walk(one)
			}
		case map[string]any:
			for _, name := range slices.Sorted(maps.Keys(v)) {
				walk(v[name])
			}
		case bool, nil:
		default:
			out = append(out, fmt.Sprint(v))
		}
	}
	walk(v)
	return out
}

// Keep stores the first of some refused calls. It returns how many it left out because too many come; they are counted elsewhere.
func (s *Room) Keep(ctx context.Context, now time.Time, calls []Call) (left int, err error) {
	n, trim := s.admit(len(calls))
	if n == 0 {
		return len(calls), nil
	}
	rows := make([][]any, n)
	for i, c := range calls[:n] {
		id, err := uuid.NewV7()
		if err != nil {
			return len(calls), err
		}
		payload := c.Payload
		if len(payload) > MaxPayload {
			payload = strings.ToValidUTF8(payload[:MaxPayload], "") + "…"
		}
		rows[i] = []any{id.String(), sqldb.Millis(now), c.Door, c.Code, sqldb.Clean(c.Field), sqldb.Clean(c.Message),
			sqldb.Clean(payload), c.Bytes}
	}
	return len(calls) - n, s.db.Write(ctx, func(tx sqldb.Conn) error {
		for i := range rows {
			is, err := customer.Forgotten(ctx, tx, s.db.Salt, s.db.Channels, texts(calls[i]))
			if err != nil {
				return err
			}
			if is {
				rows[i][fieldColumn], rows[i][messageColumn], rows[i][payloadColumn] = place(calls[i].Field), leftOut, "{}"
			}
		}
		if _, err := sqldb.Insert(ctx, tx, "rejected_calls (id, at, door, code, field, message, payload, bytes)", rows, ""); err != nil {
			return err
		}
		if !trim {
			return nil
		}
		_, err := tx.ExecContext(ctx, `delete from rejected_calls where id <=
			(select id from rejected_calls order by id desc limit 1 offset $1)`,
			MaxRows)
		return err
	})
}

// List returns refused calls, newest first.
func (s *Room) List(ctx context.Context, f Filter) ([]Call, error) {
	limit := f.Limit
	if limit <= 0 {
		limit = 100
	}
	var out []Call
	err := sqldb.Rows(ctx, s.db.Reader, func(r *sql.Rows) error {
		c, err := scan(r)
		out = append(out, c)
		return err
	}, `select id, at, door, code, field, message, payload, bytes from rejected_calls
		where (cast($1 as text) = '' or door = $1) and (cast($2 as text) = '' or code = $2) and (cast($3 as text) = '' or id < $3)
		order by id desc limit $4`, sqldb.Clean(f.Door), sqldb.Clean(f.Code), sqldb.Clean(f.After), min(limit, 1000))
	return out, sqldb.DatabaseError(err)
}

// Get returns a refused call, or ErrNotFound.
func (s *Room) Get(ctx context.Context, id string) (Call, error) {
	c, err := scan(s.db.Reader.QueryRowContext(ctx,
		`select id, at, door, code, field, message, payload, bytes from rejected_calls where id = $1`, sqldb.Clean(id)))
	if errors.Is(err, sql.ErrNoRows) {
		return c, sqldb.ErrNotFound
	}
	return c, sqldb.DatabaseError(err)
}

// Drop deletes all refused calls and returns how many there were.
func (s *Room) Drop(ctx context.Context) (n int64, err error) {
	err = s.db.Write(ctx, func(tx sqldb.Conn) error {
		gone, err := tx.ExecContext(ctx, `delete from rejected_calls`)
		if err == nil {
			n, err = gone.RowsAffected()
		}
		return err
	})
	return n, err
}

func scan(r sqldb.Scanner) (c Call, err error) {
	var at int64
	err = r.Scan(&c.ID, &at, &c.Door, &c.Code, &c.Field, &c.Message, &c.Payload, &c.Bytes)
	c.At = sqldb.Moment(at)
	return c, err
}
