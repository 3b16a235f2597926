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
		Use: "diff [OLD] [NEW]", Short: "Say what an edit means, and what it does to who is under way",
		Long: "Compares two journeys folders, or two files, in meaning: comments, formatting and the order of keys are none. OLD and " +
			"NEW are each a folder, " +
			"a YAML file, or a git revision: REV (the same folder in it) or REV:path/from/the/root. NEW is journeys unless it is " +
			"named, OLD is HEAD; " +
			"a folder or file wins over a revision of its name.\n\n" +
			"With --live it asks the gateway where the open instances stand, on whatever revisions, and says for each step whether " +
			"they could move to NEW: " +
			"kept, moved to another id, or why not. Temporal's own count stands beside the store's where they differ. Without OLD, " +
			"--live compares NEW with the revisions that have open instances, and its intents, actions and policy with those of the " +
			"current release.\n\n" +
			"Exit status: 0 nothing changed or nobody is in the way, 1 instances stand on steps that they could not go on from " +
			"(--live), NEW has errors, or errors of OLD kept something from being compared, 2 wrong usage, 3 cannot reach the gateway.",
		Example: "  tabi diff                      # the working tree with the last commit\n  tabi diff main --live\n  tabi diff " +
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
	f.BoolVar(&live, "live", false, "ask the gateway where open instances stand, and what the edit would do to them")
	f.StringArrayVar(&steps, "step", nil, "OLD=NEW: the step OLD is called NEW now; may be repeated")
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
		p.line("%s → %s: not known, since %s cannot be read in full; no change in the rest", r.Old, r.New, r.Old)
	case !r.NoBase && r.Empty():
		p.line("%s → %s: no change in meaning", r.Old, r.New)
	}
	_ = r.Diff.Text(p.w)
	for _, name := range r.Unread {
		p.line("%s: not compared, %s has errors in it", name, r.Old)
	}
	if r.Note != "" {
		p.line("%s", r.Note)
	}
	for _, j := range r.Live {
		printLive(p, j)
	}
	if r.Live != nil && !slices.ContainsFunc(r.Live, func(j comparison.LiveJourney) bool { return j.Instances > 0 }) {
		p.line("no instance is open")
	}
}

func printLive(p *printer, j comparison.LiveJourney) {
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

// placeName names the place of an enrollment for people.
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
