package analytics

import (
	"context"
	"database/sql"

	"github.com/tabi-journeys/tabi/internal/retention"
	"github.com/tabi-journeys/tabi/internal/sqldb"
)

// Counts reads Live and Totals.
func (s *Room) Counts(ctx context.Context) (c Counts, err error) {
	if c.Live, err = s.Live(ctx); err == nil {
		c.Totals, err = s.Totals(ctx)
	}
	return c, err
}

// Live reads what happens now.
func (s *Room) Live(ctx context.Context) (Live, error) {
	l := Live{Open: map[string]int64{}}
	err := s.db.Read(ctx, func(tx sqldb.Conn) error {
		var oldest int64
		if err := tx.QueryRowContext(ctx, `select
			(select coalesce(sum(last_seq - next_seq + 1), 0) from enrollment_queues where next_seq <= last_seq),
			(select coalesce(min(queued_at), 0) from enrollment_queues where next_seq <= last_seq),
			(select count(*) from enrollment_queues where next_seq <= last_seq and attempts >= 5),
			(select count(*) from handoff_log where state in ('open', 'claimed')),
			(select count(*) from dead_letter_log a join enrollment_states e on e.id = a.enrollment where e.state <> 'closed'),
			(select count(*) from rejected_call_log)`).
			Scan(&l.Pending, &oldest, &l.Failing, &l.Handoffs, &l.DeadLetters, &l.Rejected); err != nil {
			return err
		}
		l.OldestPending = sqldb.Moment(oldest)
		if err := sqldb.Rows(ctx, tx, func(r *sql.Rows) error {
			var journey string
			var n int64
			err := r.Scan(&journey, &n)
			l.Open[journey] = n
			return err
		}, `select journey, count(*) from enrollment_states where state <> 'closed' group by journey`); err != nil {
			return err
		}
		return sqldb.Rows(ctx, tx, func(r *sql.Rows) error {
			var name string
			err := r.Scan(&name)
			l.PausedJourneys = append(l.PausedJourneys, name)
			return err
		}, `select journey from journeys_on_hold order by journey`)
	})
	return l, err
}

// Totals counts everything, also what retention has deleted.
func (s *Room) Totals(ctx context.Context) (Totals, error) {
	t := Totals{Outcomes: map[string]map[string]int64{}, Sends: map[string]int64{}}
	err := s.db.Read(ctx, func(tx sqldb.Conn) error {
		if err := tx.QueryRowContext(ctx, `select (select count(*) from event_log),
			(select count(*) from customer_profiles where merged_into = '')`).
			Scan(&t.Events, &t.Customers); err != nil {
			return err
		}
		if err := sqldb.Rows(ctx, tx, func(r *sql.Rows) error {
			var journey, outcome string
			var n int64
			err := r.Scan(&journey, &outcome, &n)
			if t.Outcomes[journey] == nil {
				t.Outcomes[journey] = map[string]int64{}
			}
			t.Outcomes[journey][outcome] = n
			return err
		}, `select journey, outcome, count(*) from enrollment_states where state = 'closed' group by journey, outcome`); err != nil {
			return err
		}
		if err := sqldb.Rows(ctx, tx, func(r *sql.Rows) error {
			var channel, status string
			var n int64
			err := r.Scan(&channel, &status, &n)
			t.Sends[channel+"/"+status] = n
			return err
		}, `select channel, status, count(*) from send_log where category <> 'test' group by channel, status`); err != nil {
			return err
		}
		gone, err := retention.ReadDeleted(ctx, tx)
		t.Events += gone.Events
		for kind, n := range gone.Sends {
			t.Sends[kind] += n
		}
		for journey, outcomes := range gone.Outcomes {
			for outcome, n := range outcomes {
				if t.Outcomes[journey] == nil {
					t.Outcomes[journey] = map[string]int64{}
				}
				t.Outcomes[journey][outcome] += n
			}
		}
		return err
	})
	return t, err
}
