package engine

import (
	"fmt"
	"testing"
	"time"

	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// passages are an enrollment's, in order.
func (s *suite) passages(enrollmentID string) []string {
	s.T.Helper()
	var out []string
	r, err := s.Database.Writer.QueryContext(
		s.ctx,
		`select step, visit, arm, outcome from step_visits where enrollment = $1 order by seq, position`,
		enrollmentID,
	)
	s.must(err)
	defer r.Close()
	for r.Next() {
		var step, arm, outcome string
		var visit int
		s.must(r.Scan(&step, &visit, &arm, &outcome))
		out = append(out, fmt.Sprintf("%s/%d %s%s", step, visit, arm, outcome))
	}
	s.must(r.Err())
	return out
}

// A report whose commit the run did not learn of is repeated by the next one: each visit is stored once, in order.
func TestPassagesAreWrittenOnce(t *testing.T) {
	each(t, func(s *suite) {
		s.publishes([]*journey.Definition{cart()}, reminder())
		e := s.enters("ana", nil)
		pass := func(step string, visit int, arm string, at time.Time) contract.StepVisit {
			return contract.StepVisit{Step: step, Kind: "branch", Visit: visit, At: at, Arm: arm}
		}
		first := []contract.StepVisit{
			pass("a", 1, "1", noon),
			pass("b", 0, journey.ArmSkipped, noon),
			pass("a", 2, "else", noon.Add(time.Second)),
			pass("b", 0, journey.ArmSkipped, noon.Add(time.Second)),
		}
		s.must(s.Enrollments.Report(s.ctx, noon, contract.Report{Ref: ref(e), Seq: 1, Passed: first}))
		s.must(
			s.Enrollments.Report(
				s.ctx,
				noon,
				contract.Report{
					Ref:    ref(e),
					Seq:    2,
					Passed: append(first, pass("b", 1, "2", noon.Add(2*time.Second)), pass("b", 1, "2", noon.Add(2*time.Second))),
				},
			),
		)
		s.same(s.passages(e.ID), []string{"a/1 1", "b/0 skipped", "a/2 else", "b/0 skipped", "b/1 2"})
	})
}
