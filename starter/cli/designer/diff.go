package designer

import (
	"fmt"
	"os"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"github.com/tabi-journeys/tabi/internal/app"
	"github.com/tabi-journeys/tabi/internal/app/devmode"
	"github.com/tabi-journeys/tabi/internal/comparison"
	"github.com/tabi-journeys/tabi/internal/gallery"
	"github.com/tabi-journeys/tabi/internal/human"
	"github.com/tabi-journeys/tabi/starter/cli/remote"
	"github.com/tabi-journeys/tabi/starter/cli/terminal"
)

func diffCommand(b app.Build) *cobra.Command {
	var (
		r      remote.Client
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
			renamed, err := remote.Renames(steps)
			if err != nil {
				return err
			}
			report, err := comparison.Compare(c.Context(), terminal.To(c.ErrOrStderr()), b, args, live, renamed)
			if err != nil {
				return err
			}
			stuck := int64(0)
			if live {
				if err := r.Load(c); err != nil {
					return err
				}
				if err := cfg.Load(c.Flags(), os.LookupEnv); err != nil {
					return err
				}
				cfg.DataDir = r.DataDir
				devmode.UseDev(&cfg, c.Flags())
				if stuck, err = report.Ask(c.Context(), &r, &cfg, renamed); err != nil {
					return err
				}
			}
			if err := terminal.Show(c, output, report, func(p *terminal.Printer) { printComparison(p, report) }); err != nil {
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
	r.Register(c, false, true)
	cfg.Register(f, app.Temporal)
	terminal.OutputFlag(c, &output)
	return c
}

func printComparison(p *terminal.Printer, r *comparison.Comparison) {
	switch {
	case r.NoBase && len(r.Rules) > 0:
		p.Line("%s → %s", r.Old, r.New)
	case !r.NoBase && r.Empty() && len(r.Unread) > 0:
		p.Line("%s → %s: unknown, because %s has errors; no change in the rest", r.Old, r.New, r.Old)
	case !r.NoBase && r.Empty():
		p.Line("%s → %s: no change in meaning", r.Old, r.New)
	}
	_ = r.Diff.Text(p)
	printSaid(p, r.Said)
	for _, name := range r.Unread {
		p.Line("%s: not compared, because it has errors in %s", name, r.Old)
	}
	if r.Note != "" {
		p.Line("%s", r.Note)
	}
	for _, j := range r.Live {
		printLive(p, j)
	}
	switch {
	case len(r.Unchanged) > 0:
		p.Line("nothing changes for the open enrollments of %s", strings.Join(r.Unchanged, ", "))
	case r.Live != nil && len(r.Live) == 0:
		p.Line("no enrollment is open")
	}
}

// printSaid prints what messages say before and after, as customers read it.
func printSaid(p *terminal.Printer, said []gallery.Said) {
	last := ""
	for _, s := range said {
		if title := s.Message + ", " + s.Treatment + ", to " + s.Customer; title != last {
			p.Line("%s:", title)
			last = title
		}
		if s.Markup {
			p.Line("    the same text in other html: tabi preview %s", s.Message)
			continue
		}
		p.Line("  %s", s.Field)
		for _, line := range gallery.Lines(s.Old, s.New) {
			p.Line("    %s", human.Printable(line))
		}
	}
}

func printLive(p *terminal.Printer, j comparison.LiveJourney) {
	if j.New == "" {
		p.Line("journey %s: %d open; the journey is removed: nobody enters it, and open enrollments continue unchanged", j.Journey,
			j.Enrollments)
	} else {
		p.Line("journey %s: %d open; the new revision is %s", j.Journey, j.Enrollments, j.New)
	}
	for _, rev := range j.Revisions {
		note := ""
		if rev.Temporal != nil && *rev.Temporal != rev.Enrollments {
			note = fmt.Sprintf(" (Temporal counts %d running; its list may lag by a moment, otherwise run tabi reconcile)", *rev.Temporal)
		}
		if rev.Revision == j.New {
			p.Line("  revision %s, the new one: %d open%s", rev.Revision, rev.Enrollments, note)
		} else {
			p.Line("  revision %s: %d open%s", rev.Revision, rev.Enrollments, note)
		}
		if rev.Diff != nil {
			_ = rev.Diff.Text(p)
		}
		rows := make([]table.Row, len(rev.Steps))
		for i, s := range rev.Steps {
			where, says := terminal.PlaceName(s.Step, s.AwaitingGoal), terminal.Verdict(s.StepMove, rev.Revision == j.New, j.New == "")
			if s.Holdout {
				where, says = "(held out)", "stays, in the control group"
			}
			rows[i] = table.Row{"    " + where, s.Enrollments, says}
		}
		p.Table(table.Row{"    STEP", "OPEN", "IF MOVED"}, rows)
	}
}
