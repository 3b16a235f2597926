package retention

import (
	"context"
	"slices"
	"time"

	"github.com/tabi-journeys/tabi/internal/sqldb"
)

// turnSetting has whose turn it is to delete, and how far it has come.
const turnSetting = "retention_turn"

// TurnFor is how long a process has the turn after it was last seen (wall time). Two that both believe to have it do no harm: each page
// deletes what is old, once.
const TurnFor = time.Minute

// A Turn says which process deletes, with what policy, and how far it has come. One at a time does, so that gateways and workers neither
// look through the same customers nor wait for each other's rows. Times are of the wall clock.
type Turn struct {
	Holder string    `json:"holder"` // random, for each process
	Seen   time.Time `json:"seen"`   // when it renewed the turn last
	Policy string    `json:"policy"`
	// After is the last customer of the pass through all customers that is in progress, so that a process that is restarted, or another
	// one, continues it: passes of large installations take longer than processes run.
	After     string           `json:"after,omitempty"`
	Began     time.Time        `json:"began,omitzero"`  // the pass in progress
	Customers int64            `json:"customers"`       // that it has looked through
	Passed    time.Time        `json:"passed,omitzero"` // when the last pass ended
	Rows      map[string]int64 `json:"rows,omitempty"`  // that were deleted, by kind, ever
}

// ReadTurn reads it; the zero Turn: nothing has run yet.
func ReadTurn(ctx context.Context, tx sqldb.Conn) (Turn, error) {
	return readSetting[Turn](ctx, tx, turnSetting)
}

// TakeTurn takes or renews the turn of a process, and changes what it has done. It returns false, and changes nothing, if another process
// has it.
func TakeTurn(ctx context.Context, db *sqldb.Database, holder string, wall time.Time, change func(*Turn)) (now Turn, mine bool, err error) {
	free := func(t Turn) bool { return t.Holder == holder || wall.Sub(t.Seen) >= TurnFor }
	if now, err = ReadTurn(ctx, db.Reader); err != nil || !free(now) {
		return now, false, sqldb.DatabaseError(err)
	}
	err = db.Write(ctx, func(tx sqldb.Conn) error {
		return changeSetting(ctx, tx, turnSetting, func(t *Turn) {
			if mine = free(*t); mine {
				t.Holder, t.Seen = holder, wall.UTC()
				change(t)
			}
			now = *t
		})
	})
	return now, mine, err
}

// ForgetTurn takes the ids of a customer who is forgotten out of the position of the pass: it begins again.
func ForgetTurn(ctx context.Context, tx sqldb.Conn, ids []string) error {
	t, err := ReadTurn(ctx, tx)
	if err != nil || !slices.Contains(ids, t.After) {
		return err
	}
	return changeSetting(ctx, tx, turnSetting, func(t *Turn) {
		if slices.Contains(ids, t.After) {
			t.After = ""
		}
	})
}
