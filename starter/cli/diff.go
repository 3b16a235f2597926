package cli

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"github.com/tabi-journeys/tabi/internal/app"
	"github.com/tabi-journeys/tabi/internal/comparison"
	"github.com/tabi-journeys/tabi/internal/journey/diff"
)

func diffCommand(b app.Build) *cobra.Command {
	var (
		r      remote
		cfg    = app.Config{Build: b}
		live   bool
		steps  []string
		output string
	)
	c := &cobra.Command{
		Use: "diff [OLD] [NEW]", Short: "Explain what an edit changes and how it affects running enrollments",
		Long: "Compares the meaning of two journeys folders or two files; comments, formatting and the order of keys do not count. OLD " +
			"and NEW are each a folder, a YAML file, or a git revision: REV (the same folder in that revision) or " +
			"REV:path/from/the/root. OLD defaults to HEAD, NEW to journeys. If a folder or file has the name of a revision, the folder " +
			"or file is used.\n\n" +
			"--live asks the gateway at which steps enrollments are open, on any revision, and says for each step whether they could " +
			"move to NEW: kept, moved to another id, or why not. If Temporal's count differs from the store's, both are shown. Without " +
			"OLD, --live compares NEW with the revisions that have open enrollments, and its intents, actions and policy with those " +
			"of the current release.\n\n" +
			"Exit status: 0 compared, and no open enrollment would have to stay; 1 some would have to stay (--live), NEW has errors, " +
			"or errors in OLD prevented a part of the comparison; 2 wrong usage; 3 cannot reach the gateway.",
		Example: "  tabi diff                      # the last commit with the working tree\n  tabi diff main --live\n  tabi diff " +
			"v1.2:shop/journeys shop/journeys\n  tabi diff old/nudge.yaml journeys/nudge.yaml --step reply=answer",
		Args: cobra.MaximumNArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			renamed, err := renames(steps)
			if err != nil {
				return err
			}
			report, err := comparison.Compare(c.Context(), c.ErrOrStderr(), b, args, live, renamed)
			if err != nil {
				return err
			}
			stuck := int64(0)
			if live {
				if err := r.load(c); err != nil {
					return err
				}
				if err := cfg.Load(c.Flags(), os.LookupEnv); err != nil {
					return err
				}
				cfg.DataDir = r.DataDir
				cfg.UseDev(c.Flags())
				if stuck, err = report.Ask(c.Context(), &r, &cfg, renamed); err != nil {
					return err
				}
			}
			if err := show(c, output, report, func(p *printer) { printComparison(p, report) }); err != nil {
				return err
			}
			if stuck > 0 || len(report.Unread) > 0 {
				return app.Quiet(app.ExitBad)
			}
			return nil
		},
	}
	f := c.Flags()
	f.BoolVar(&live, "live", false, "show at which steps enrollments are open, and how the edit would affect them")
	f.StringArrayVar(&steps, "step", nil, "OLD=NEW: the step OLD is now called NEW; repeatable")
	r.register(c, false, true)
	cfg.Register(f, app.Temporal)
	outputFlag(c, &output)
	return c
}

// renames reads the flags --step.
func renames(steps []string) (map[string]string, error) {
	out := map[string]string{}
	for _, one := range steps {
		old, new, ok := strings.Cut(one, "=")
		if !ok || old == "" || new == "" {
			return nil, app.Usage("--step is %q: give OLD=NEW, two step ids", one)
		}
		if _, twice := out[old]; twice {
			return nil, app.Usage("--step: %s is named twice", old)
		}
		out[old] = new
	}
	return out, nil
}

func printComparison(p *printer, r *comparison.Comparison) {
	switch {
	case r.NoBase && len(r.Rules) > 0:
		p.line("%s → %s", r.Old, r.New)
	case !r.NoBase && r.Empty() && len(r.Unread) > 0:
		p.line("%s → %s: unknown, because %s has errors; no change in the rest", r.Old, r.New, r.Old)
	case !r.NoBase && r.Empty():
		p.line("%s → %s: no change in meaning", r.Old, r.New)
	}
	_ = r.Diff.Text(p.w)
	for _, name := range r.Unread {
		p.line("%s: not compared, because it has errors in %s", name, r.Old)
	}
	if r.Note != "" {
		p.line("%s", r.Note)
	}
	for _, j := range r.Live {
		printLive(p, j)
	}
	if r.Live != nil && !slices.ContainsFunc(r.Live, func(j comparison.LiveJourney) bool { return j.Enrollments > 0 }) {
		p.line("no enrollment is open")
	}
}

func printLive(p *printer, j comparison.LiveJourney) {
	if j.New == "" {
		p.line("journey %s: %d open; the journey is removed: nobody enters it, and open enrollments continue unchanged", j.Journey,
			j.Enrollments)
	} else {
		p.line("journey %s: %d open; the new revision is %s", j.Journey, j.Enrollments, j.New)
	}
	for _, rev := range j.Revisions {
		note := ""
		if rev.Temporal != nil && *rev.Temporal != rev.Enrollments {
			note = fmt.Sprintf(" (Temporal counts %d running; its list may lag by a moment, otherwise run tabi reconcile)", *rev.Temporal)
		}
		if rev.Revision == j.New {
			p.line("  revision %s, the new one: %d open%s", rev.Revision, rev.Enrollments, note)
		} else {
			p.line("  revision %s: %d open%s", rev.Revision, rev.Enrollments, note)
		}
		if rev.Diff != nil {
			_ = rev.Diff.Text(p.w)
		}
		rows := make([]table.Row, len(rev.Steps))
		for i, s := range rev.Steps {
			where, says := placeName(s.Step, s.AwaitingGoal), verdict(s.StepMove, rev.Revision == j.New, j.New == "")
			if s.Holdout {
				where, says = "(held out)", "stays, in the control group"
			}
			rows[i] = table.Row{"    " + where, s.Enrollments, says}
		}
		p.table(table.Row{"    STEP", "OPEN", "IF MOVED"}, rows)
	}
}

// placeName names the place of an enrollment for people.
func placeName(step string, watching bool) string {
	switch {
	case watching:
		return "(awaiting the goal)"
	case step == "":
		return "(before the first step)"
	}
	return step
}

// verdict returns in words what a move means for the enrollments at a step.
func verdict(m diff.StepMove, there, gone bool) string {
	switch {
	case gone:
		return "stays"
	case there:
		return "already there"
	case m.Refused != "" && m.Suggest != "":
		return fmt.Sprintf("stays: %s; it looks like %s: --step %s=%s", m.Refused, m.Suggest, m.Step, m.Suggest)
	case m.Refused != "":
		return "stays: " + m.Refused
	case m.Kept():
		return "kept"
	}
	return "moves to " + m.Target
}
