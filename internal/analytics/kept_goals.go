package analytics

import (
	"context"
	"database/sql"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/tabi-journeys/tabi/internal/catalog"
	"github.com/tabi-journeys/tabi/internal/sqldb"
	"github.com/tabi-journeys/tabi/internal/unit"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// A KeptGoal is a goal that the event log has, and that its enrollment did not see.
type KeptGoal struct {
	Enrollment string
	At         time.Time
	Value      float64
}

// entriesOf are all entries of a customer, as latest are those of a journey: $1 is the customer, $2 how many.
const entriesOf = `with latest as (select id, customer, revision, entered_at, closed_at, state, outcome, value, holdout, entry_event,
goal_at, goal_value from enrollment_states where customer = $1 order by id desc limit $2) `

// GoalsOf returns the goals of a customer that only its events know, until now: those that the funnel would no longer count once the
// events are erased. It returns them in the order of the enrollments, for the latest NumbersLimit of them.
func (s *Room) GoalsOf(ctx context.Context, tx sqldb.Conn, now time.Time, customer string) ([]KeptGoal, error) {
	c := count{ctx: ctx, tx: tx, s: s, n: &Numbers{Journey: customer, At: now}, limit: NumbersLimit,
		programs: map[string]*catalog.PackedProgram{}}
	members, revisions := map[string]*cohortMember{}, map[string]bool{}
	if err := c.rows(func(r *sql.Rows) error {
		var m cohortMember
		var id, outcome, state string
		var kept int64
		if err := r.Scan(&id, &m.revision, &outcome, &state, &kept); err != nil {
			return err
		}
		m.closed = state == unit.StateClosed
		m.converted = kept != 0 || m.closed && outcome == contract.Goal
		members[id], revisions[m.revision] = &m, true
		return nil
	}, entriesOf+`select id, revision, outcome, state, goal_at from latest`); err != nil {
		return nil, err
	}
	for _, revision := range slices.Sorted(maps.Keys(revisions)) {
		p, err := s.db.Load(ctx, tx, revision)
		if errors.Is(err, sql.ErrNoRows) { // a definition that is gone has no funnel
			continue
		}
		if err != nil {
			return nil, err
		}
		if p.Goal == nil {
			continue
		}
		if err := c.late(revision, p, members, entriesOf, ``); err != nil {
			return nil, err
		}
	}
	var out []KeptGoal
	for _, id := range slices.Sorted(maps.Keys(members)) {
		if m := members[id]; m.goal != 0 {
			out = append(out, KeptGoal{Enrollment: id, At: sqldb.Moment(m.goal), Value: m.value})
		}
	}
	return out, nil
}
