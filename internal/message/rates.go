package message

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/tabi-journeys/tabi/internal/sqldb"
)

// Pace is a provider's rate limit: one send per Interval in the long run, and Burst at once.
type Pace struct {
	Interval time.Duration // above 0
	Burst    int           // at least 1
}

// TakeTokens takes n tokens from a bucket that all processes share, and returns the time from which they may be used:
// now, or a later time that is then reserved for this caller. Later callers get later times. If that time is more than
// horizon after wall, no token is taken, and at is the earliest time to ask again.
//
// The bucket is a GCRA ("leaky bucket as a meter", ITU-T I.371): one number, the theoretical arrival time of the next
// token. Taking tokens is one statement outside of any transaction.
func (s *Room) TakeTokens(
	ctx context.Context,
	wall time.Time,
	bucket string,
	n int,
	r Pace,
	horizon time.Duration,
) (at time.Time, taken bool, err error) {
	now, need, burst := wall.UnixMicro(), r.micros(n), r.micros(r.Burst)
	var next int64
	err = s.alone(ctx, func(c sqldb.Conn) error {
		return c.QueryRowContext(ctx, `insert into rates (bucket, next_at) values ($1, cast($2 as bigint) + cast($3 as bigint))
			on conflict (bucket) do update set next_at = (case when rates.next_at > cast($2 as bigint) then rates.next_at else cast($2 as
			bigint) end) + cast($3 as bigint)
			where rates.next_at <= cast($4 as bigint) returning next_at`, bucket, now, need,
			now+horizon.Microseconds()+burst-need).Scan(&next)
	})
	taken = err == nil
	if errors.Is(err, sql.ErrNoRows) {
		err = s.db.Reader.QueryRowContext(ctx, `select next_at from rates where bucket = $1`, bucket).Scan(&next)
		next += need
	}
	if err != nil {
		return time.Time{}, false, sqldb.DatabaseError(err)
	}
	return time.UnixMicro(max(now, next-burst)).UTC(), taken, nil
}

// micros returns the time in which n tokens arrive, in microseconds.
func (r Pace) micros(n int) int64 {
	return int64(float64(n) * float64(r.Interval) / float64(time.Microsecond))
}

// oldPause is how long the row of a bucket is kept after its pause has ended.
const oldPause = 24 * time.Hour

// Pause stops every process from using a bucket until a wall time. It never shortens an existing pause.
func (s *Room) Pause(ctx context.Context, wall time.Time, bucket string, until time.Time) error {
	return s.db.Write(ctx, func(tx sqldb.Conn) error {
		old := wall.Add(-oldPause)
		if _, err := tx.ExecContext(ctx, `delete from rates where paused_until < $1 and next_at < $2`, sqldb.Millis(old),
			old.UnixMicro()); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `insert into rates (bucket, paused_until) values ($1, $2)
			on conflict (bucket) do update set paused_until = case when rates.paused_until > excluded.paused_until then
			rates.paused_until else excluded.paused_until end`,
			sqldb.Clean(bucket), sqldb.Millis(until))
		return err
	})
}

// Pauses returns the buckets that are paused at a wall time, each with the end of its pause.
func (s *Room) Pauses(ctx context.Context, wall time.Time) (map[string]time.Time, error) {
	out := map[string]time.Time{}
	err := sqldb.Rows(ctx, s.db.Reader, func(r *sql.Rows) error {
		var bucket string
		var until int64
		err := r.Scan(&bucket, &until)
		out[bucket] = sqldb.Moment(until)
		return err
	}, `select bucket, paused_until from rates where paused_until > $1`, sqldb.Millis(wall))
	return out, sqldb.DatabaseError(err)
}

// alone runs f, a single statement, in a writer's turn but without a transaction. It repeats f if the database reports a
// lost race.
func (s *Room) alone(ctx context.Context, f func(c sqldb.Conn) error) error {
	var err error
	for range sqldb.TxAttempts {
		select {
		case s.db.Turns <- struct{}{}:
		case <-ctx.Done():
			return ctx.Err()
		}
		err = f(s.db.Writer)
		<-s.db.Turns
		if err == nil || !sqldb.LostRace(err) || ctx.Err() != nil {
			break
		}
	}
	return err
}
