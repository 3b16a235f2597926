package comparison

import (
	"context"
	"fmt"
	"slices"
	"time"

	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.uber.org/zap"

	"github.com/tabi-journeys/tabi/internal/api"
	"github.com/tabi-journeys/tabi/internal/app"
	"github.com/tabi-journeys/tabi/internal/journey/diff"
	"github.com/tabi-journeys/tabi/internal/migration"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// LiveJourney counts a journey's open enrollments by step, and says what moving them to the new side would mean.
type LiveJourney struct {
	Journey     string         `json:"journey"`
	New         string         `json:"new,omitempty"` // revision; empty: the new side has no such journey
	Enrollments int64          `json:"enrollments"`
	Revisions   []LiveRevision `json:"revisions"`
}

// LiveRevision is a revision with open enrollments.
type LiveRevision struct {
	Revision    string            `json:"revision"`
	Enrollments int64             `json:"enrollments"`
	Temporal    *int64            `json:"temporal,omitempty"` // what visibility counts, where it was asked
	Diff        *diff.JourneyDiff `json:"diff,omitempty"`     // to the new side, where there is no old one
	Steps       []LiveStep        `json:"steps"`
}

// LiveStep is a step with open enrollments.
type LiveStep struct {
	diff.StepMove
	AwaitingGoal bool  `json:"awaiting_goal,omitempty"`
	Holdout      bool  `json:"holdout,omitempty"`
	Enrollments  int64 `json:"enrollments"`
}

// Ask fills Live, and counts the enrollments that could not move.
func (r *Comparison) Ask(ctx context.Context, gw api.Caller, cfg *app.Config, renamed map[string]string) (stuck int64, err error) {
	all, err := api.GetStepCounts.Call(ctx, gw, api.JourneyFilter{})
	if err != nil {
		return 0, err
	}
	r.Live = []LiveJourney{}
	if r.NoBase && all.Rules != nil && r.To.only == "" { // an older gateway does not tell them
		r.Rules = diff.CompareRules(*all.Rules, r.To.content.Rules)
		r.Old = fmt.Sprintf("release %d", all.Release)
	}
	for _, one := range all.Journeys {
		if r.To.only != "" && one.Journey != r.To.only {
			continue
		}
		j, n, err := r.judge(one, renamed)
		if err != nil {
			return 0, err
		}
		stuck += n
		switch {
		case j.Enrollments == 0:
		case j.unchanged():
			r.Unchanged = append(r.Unchanged, j.Journey)
		default:
			r.Live = append(r.Live, j)
		}
	}
	if len(r.Live) > 0 {
		if err := crossCheck(ctx, cfg, r.Live); err != nil {
			r.Note = fmt.Sprintf("the counts are the store's, because Temporal could not be asked: %v", err)
		}
	}
	return stuck, nil
}

// unchanged reports whether all open enrollments are on the new side's revision already.
func (j LiveJourney) unchanged() bool {
	return !slices.ContainsFunc(j.Revisions, func(rev LiveRevision) bool { return rev.Revision != j.New })
}

// judge returns, for each step of each revision, what a move to the new side would mean, and the number of enrollments
// that could not move.
func (r *Comparison) judge(s api.JourneyStepCounts, renamed map[string]string) (j LiveJourney, stuck int64, err error) {
	j = LiveJourney{Journey: s.Journey, Revisions: []LiveRevision{}}
	now := r.To.content.Journeys[s.Journey]
	if now != nil {
		j.New = now.Revision()
	}
	for _, rev := range s.Revisions {
		if len(rev.Steps) == 0 {
			continue
		}
		d, moves, err := migration.StepMoves(rev, now, renamed)
		if err != nil {
			return j, 0, err
		}
		out := LiveRevision{Revision: rev.Revision}
		if r.NoBase && d.Old != d.New && d.New != "" {
			out.Diff = &d
		}
		for _, step := range rev.Steps {
			one := LiveStep{
				StepMove:     moves[step.Step],
				AwaitingGoal: step.AwaitingGoal,
				Holdout:      step.Holdout,
				Enrollments:  step.Enrollments,
			}
			out.Enrollments += step.Enrollments
			if one.Refused != "" {
				stuck += step.Enrollments
			}
			out.Steps = append(out.Steps, one)
		}
		j.Enrollments += out.Enrollments
		j.Revisions = append(j.Revisions, out)
	}
	return j, stuck, nil
}

// askTimeout bounds the query to Temporal. Without its answer, only what the store knows is returned.
const askTimeout = 5 * time.Second

// crossCheck asks Temporal's visibility how many enrollments of each revision run.
func crossCheck(ctx context.Context, cfg *app.Config, live []LiveJourney) error {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	cfg.ConnectTimeout = 0
	tc, opts, err := cfg.DialTemporal(ctx, zap.NewNop(), nil)
	if err != nil {
		return err
	}
	defer tc.Close()
	for i := range live {
		for k := range live[i].Revisions {
			rev := &live[i].Revisions[k]
			n, err := countRunning(ctx, tc, opts.Namespace, live[i].Journey, rev.Revision)
			if err != nil {
				return err
			}
			rev.Temporal = &n
		}
	}
	return nil
}

func countRunning(ctx context.Context, tc client.Client, namespace, name, revision string) (int64, error) {
	answer, err := tc.CountWorkflow(ctx, &workflowservice.CountWorkflowExecutionsRequest{
		Namespace: namespace,
		Query: fmt.Sprintf(`WorkflowType = %q AND ExecutionStatus = "Running" AND %s = %q AND %s = %q`,
			contract.JourneyType, contract.AttrJourney, name, contract.AttrRevision, revision),
	})
	if err != nil {
		return 0, err
	}
	return answer.GetCount(), nil
}
