package handoff

import (
	"context"
	"database/sql"
	"time"

	"github.com/tabi-journeys/tabi/internal/sqldb"
)

// A Notice is a hand-off whose state the staff has not been told of, in Slack.
type Notice struct {
	Handoff
	Told string // the state that was told; empty: none
	Ref  string // the message that told it; empty: none
}

// Unnoticed returns hand-offs whose state was not told, oldest first: those that are open since a time at most, and those of which
// something was told before.
func (s *Room) Unnoticed(ctx context.Context, since time.Time, limit int) (out []Notice, err error) {
	var ids []string
	told := map[string]Notice{}
	err = s.db.Read(ctx, func(tx sqldb.Conn) error {
		ids, out = nil, nil
		err := sqldb.Rows(ctx, tx, func(r *sql.Rows) error {
			var id string
			var n Notice
			err := r.Scan(&id, &n.Told, &n.Ref)
			ids, told[id] = append(ids, id), n
			return err
		}, `select id, noticed, notice from handoffs where noticed <> state and (notice <> '' or state = 'open' and opened_at >= $1)
			order by opened_at, id limit $2`, sqldb.Millis(since), limit)
		if err != nil {
			return err
		}
		for _, id := range ids {
			h, err := handoff(ctx, tx, id)
			if err != nil {
				return err
			}
			n := told[id]
			n.Handoff = h
			out = append(out, n)
		}
		return nil
	})
	return out, err
}

// Noticed stores that the staff was told of a state, by a message. It returns false, and stores nothing, if another process has told
// something else than before meanwhile.
func (s *Room) Noticed(ctx context.Context, id, before, state, ref string) (done bool, err error) {
	err = s.db.Write(ctx, func(tx sqldb.Conn) error {
		n, err := sqldb.Affected(ctx, tx,
			`update handoffs set noticed = $3, notice = $4 where id = $1 and noticed = $2`, id, before, state, ref)
		done = n > 0
		return err
	})
	return done, err
}
