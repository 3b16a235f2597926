package analytics

import (
	"context"
	"database/sql"

	"github.com/tabi-journeys/tabi/internal/sqldb"
)

// StepCount is the number of open enrollments of a revision at a step.
type StepCount struct {
	Journey, Revision string
	Step              string // empty: after the end of the path, or before the first step
	State             string // StateOpen or StateAwaitingGoal
	Holdout           bool   // the control group, which takes no step
	Enrollments       int64
}

// StepCounts counts open enrollments by journey, revision and step, in that order. An empty journey means all journeys.
func (s *Room) StepCounts(ctx context.Context, journey string) ([]StepCount, error) {
	var out []StepCount
	err := s.db.Read(ctx, func(tx sqldb.Conn) error {
		w := sqldb.Where{}
		w.Raw("state <> 'closed'")
		w.Equals("journey", journey)
		return sqldb.Rows(ctx, tx, func(r *sql.Rows) error {
			var one StepCount
			var holdout int
			err := r.Scan(&one.Journey, &one.Revision, &one.Step, &one.State, &holdout, &one.Enrollments)
			one.Holdout = holdout != 0
			out = append(out, one)
			return err
		}, `select journey, revision, step, state, holdout, count(*) from enrollment_states`+w.SQL()+
			` group by journey, revision, step, state, holdout order by journey, revision, step, state, holdout`, w.Args...)
	})
	return out, err
}
