package enrollment_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/tabi-journeys/tabi/internal/engine/enginetest"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// stepVisits returns the step visits of an enrollment, in order.
func (s *suite) stepVisits(enrollmentID string) []string {
	s.T.Helper()
	var out []string
	r, err := s.Database.Writer.QueryContext(
		s.Ctx,
		`select step, visit, arm, outcome from step_visits where enrollment = $1 order by seq, position`,
		enrollmentID,
	)
	s.Must(err)
	defer r.Close()
	for r.Next() {
		var step, arm, outcome string
		var visit int
		s.Must(r.Scan(&step, &visit, &arm, &outcome))
		out = append(out, fmt.Sprintf("%s/%d %s%s", step, visit, arm, outcome))
	}
	s.Must(r.Err())
	return out
}

// If the answer to a report is lost, the next report repeats its visits. Each visit is stored once, in order.
func TestStepVisitsAreWrittenOnce(t *testing.T) {
	each(t, func(s *suite) {
		s.Publish([]*journey.Definition{enginetest.Cart()}, enginetest.Reminder())
		e := s.Enter("ana", nil)
		pass := func(step string, visit int, arm string, at time.Time) contract.StepVisit {
			return contract.StepVisit{Step: step, Kind: "branch", Visit: visit, At: at, Arm: arm}
		}
		first := []contract.StepVisit{
			pass("a", 1, "1", enginetest.Noon),
			pass("b", 0, journey.ArmSkipped, enginetest.Noon),
			pass("a", 2, "else", enginetest.Noon.Add(time.Second)),
			pass("b", 0, journey.ArmSkipped, enginetest.Noon.Add(time.Second)),
		}
		s.Must(s.Enrollments.Report(s.Ctx, enginetest.Noon, contract.Report{Ref: enginetest.Ref(e), Seq: 1, Passed: first}))
		s.Must(
			s.Enrollments.Report(
				s.Ctx,
				enginetest.Noon,
				contract.Report{
					Ref: enginetest.Ref(e),
					Seq: 2,
					Passed: append(
						first,
						pass("b", 1, "2", enginetest.Noon.Add(2*time.Second)),
						pass("b", 1, "2", enginetest.Noon.Add(2*time.Second)),
					),
				},
			),
		)
		s.Equal(s.stepVisits(e.ID), []string{"a/1 1", "b/0 skipped", "a/2 else", "b/0 skipped", "b/1 2"})
	})
}
