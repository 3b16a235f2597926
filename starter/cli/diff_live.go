package cli

import (
	"context"
	"fmt"

	"github.com/jedib0t/go-pretty/v6/table"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.uber.org/zap"

	"github.com/tabi-journeys/tabi/internal/api"
	"github.com/tabi-journeys/tabi/internal/app"
	"github.com/tabi-journeys/tabi/internal/journey/diff"
	"github.com/tabi-journeys/tabi/internal/migration"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// liveJourney is where a journey's open instances stand, and what moving them to the new side would mean.
type liveJourney struct {
	Journey   string         `json:"journey"`
	New       string         `json:"new,omitempty"` // revision; empty: the new side has no such journey
	Instances int64          `json:"instances"`
	Revisions []liveRevision `json:"revisions"`
}

// liveRevision is a revision with open instances.
type liveRevision struct {
	Revision  string            `json:"revision"`
	Instances int64             `json:"instances"`
	Temporal  *int64            `json:"temporal,omitempty"` // what visibility counts, where it was asked
	Diff      *diff.JourneyDiff `json:"diff,omitempty"`     // to the new side, where there is no old one
	Steps     []liveStep        `json:"steps"`
}

// liveStep is a step with open instances.
type liveStep struct {
	diff.StepMove
	AwaitingGoal bool  `json:"awaiting_goal,omitempty"`
	Holdout      bool  `json:"holdout,omitempty"`
	Instances    int64 `json:"instances"`
}

// ask fills Live, and counts the instances that could not move.
func (r *compared) ask(ctx context.Context, gw *remote, cfg *app.Config, renamed map[string]string) (stuck int64, err error) {
	all, err := api.GetStepCounts.Call(ctx, gw, api.JourneyFilter{})
	if err != nil {
		return 0, err
	}
	r.Live = []liveJourney{}
	if r.nobase && all.Rules != nil && r.to.only == "" { // an older gateway does not tell them
		r.Rules = diff.CompareRules(*all.Rules, r.to.content.Rules)
		r.Old = fmt.Sprintf("release %d", all.Release)
	}
	for _, one := range all.Journeys {
		if r.to.only != "" && one.Journey != r.to.only {
			continue
		}
		j, n, err := r.judge(one, renamed)
		if err != nil {
			return 0, err
		}
		stuck += n
		if j.Instances > 0 {
			r.Live = append(r.Live, j)
		}
	}
	if len(r.Live) > 0 {
		if err := crossCheck(ctx, cfg, r.Live); err != nil {
			r.Note = fmt.Sprintf("Temporal was not asked, the counts are the store's: %v", err)
		}
	}
	return stuck, nil
}

// judge says for each step of each revision what a move to the new side would mean.
func (r *compared) judge(s api.JourneyStepCounts, renamed map[string]string) (j liveJourney, stuck int64, err error) {
	j = liveJourney{Journey: s.Journey, Revisions: []liveRevision{}}
	now := r.to.content.Journeys[s.Journey]
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
		out := liveRevision{Revision: rev.Revision}
		if r.nobase && d.Old != d.New && d.New != "" {
			out.Diff = &d
		}
		for _, step := range rev.Steps {
			one := liveStep{StepMove: moves[step.Step], AwaitingGoal: step.AwaitingGoal, Holdout: step.Holdout, Instances: step.Enrollments}
			out.Instances += step.Enrollments
			if one.Refused != "" {
				stuck += step.Enrollments
			}
			out.Steps = append(out.Steps, one)
		}
		j.Instances += out.Instances
		j.Revisions = append(j.Revisions, out)
	}
	return j, stuck, nil
}

// crossCheck asks Temporal's visibility how many instances of each revision run.
func crossCheck(ctx context.Context, cfg *app.Config, live []liveJourney) error {
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

func (j liveJourney) print(p *printer) {
	if j.New == "" {
		p.line("journey %s: %d open; it is taken out, so nobody enters, and these go on as they are", j.Journey, j.Instances)
	} else {
		p.line("journey %s: %d open; the new revision is %s", j.Journey, j.Instances, j.New)
	}
	for _, rev := range j.Revisions {
		note := ""
		if rev.Temporal != nil && *rev.Temporal != rev.Instances {
			note = fmt.Sprintf(" (Temporal counts %d running; its list lags by a moment, else see tabi reconcile)", *rev.Temporal)
		}
		if rev.Revision == j.New {
			p.line("  revision %s, the new one: %d open%s", rev.Revision, rev.Instances, note)
		} else {
			p.line("  revision %s: %d open%s", rev.Revision, rev.Instances, note)
		}
		if rev.Diff != nil {
			_ = rev.Diff.Text(p.w)
		}
		rows := make([]table.Row, len(rev.Steps))
		for i, s := range rev.Steps {
			where, says := placeName(s.Step, s.AwaitingGoal), verdict(s.StepMove, rev.Revision == j.New, j.New == "")
			if s.Holdout {
				where, says = "(held out)", "stays, as control group"
			}
			rows[i] = table.Row{"    " + where, s.Instances, says}
		}
		p.table(table.Row{"    STEP", "OPEN", "IF MOVED"}, rows)
	}
}

// placeName is what people call the place of an instance.
func placeName(step string, watching bool) string {
	switch {
	case watching:
		return "(awaiting the goal)"
	case step == "":
		return "(on its way to the first step)"
	}
	return step
}

// verdict says in words what a move means for those at a step.
func verdict(m diff.StepMove, there, gone bool) string {
	switch {
	case gone:
		return "stays"
	case there:
		return "is there already"
	case m.Refused != "" && m.Suggest != "":
		return fmt.Sprintf("stays: %s; it looks like %s: --step %s=%s", m.Refused, m.Suggest, m.Step, m.Suggest)
	case m.Refused != "":
		return "stays: " + m.Refused
	case m.Kept():
		return "kept"
	}
	return "moves to " + m.Target
}
