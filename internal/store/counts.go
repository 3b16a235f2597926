package store

import (
	"context"
	"database/sql"
)

// Counts reads them. Open counts what is not closed.
func (s *Store) Counts(ctx context.Context) (Counts, error) {
	c := Counts{Open: map[string]int64{}, Outcomes: map[string]map[string]int64{}, Contacts: map[string]int64{}}
	err := s.read(ctx, func(tx conn) error {
		var oldest int64
		if err := tx.QueryRowContext(ctx, `select (select count(*) from events), (select count(*) from customers where merged_into = ''),
			(select coalesce(sum(tail - head + 1), 0) from enrolments where head <= tail), (select coalesce(min(queued_at), 0) from enrolments where head <= tail),
			(select count(*) from enrolments where head <= tail and attempts >= 5), (select count(*) from handoffs where state in ('open', 'claimed')),
			(select count(*) from set_aside a join enrolments e on e.id = a.enrolment where e.state <> 'closed')`).
			Scan(&c.Events, &c.Customers, &c.Pending, &oldest, &c.Stuck, &c.Handoffs, &c.SetAside); err != nil {
			return err
		}
		c.OldestPending = moment(oldest)
		if err := rows(ctx, tx, func(r *sql.Rows) error {
			var journey, state, outcome string
			var n int64
			err := r.Scan(&journey, &state, &outcome, &n)
			switch {
			case state != StateClosed:
				c.Open[journey] += n
			case c.Outcomes[journey] == nil:
				c.Outcomes[journey] = map[string]int64{outcome: n}
			default:
				c.Outcomes[journey][outcome] += n
			}
			return err
		}, `select journey, state, outcome, count(*) from enrolments group by journey, state, outcome`); err != nil {
			return err
		}
		if err := rows(ctx, tx, func(r *sql.Rows) error {
			var channel, status string
			var n int64
			err := r.Scan(&channel, &status, &n)
			c.Contacts[channel+"/"+status] = n
			return err
		}, `select channel, status, count(*) from contacts group by channel, status`); err != nil {
			return err
		}
		return rows(ctx, tx, func(r *sql.Rows) error {
			var name string
			err := r.Scan(&name)
			c.PausedJourneys = append(c.PausedJourneys, name)
			return err
		}, `select journey from controls where paused = 1 order by journey`)
	})
	return c, err
}
