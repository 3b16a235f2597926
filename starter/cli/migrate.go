package cli

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/tabi-journeys/tabi/internal/api"
	"github.com/tabi-journeys/tabi/internal/app"
	"github.com/tabi-journeys/tabi/internal/journey/diff"
)

// impact is what a migration would make of the instances at one step of one revision.
type impact struct {
	From      string `json:"from"` // revision
	Step      string `json:"step,omitempty"`
	Target    string `json:"target,omitempty"`
	Reason    string `json:"reason,omitempty"`  // why they stay
	Suggest   string `json:"suggest,omitempty"` // the step that looks like it
	Instances int    `json:"instances"`
}

// migrateReport is what `migrate` says.
type migrateReport struct {
	Journey string                `json:"journey"`
	To      string                `json:"to"` // revision
	DryRun  bool                  `json:"dry_run,omitempty"`
	Impact  []impact              `json:"impact"`
	Ordered int                   `json:"ordered"` // told to move, in this run or before it
	Moved   int                   `json:"moved"`
	Ended   int                   `json:"ended"` // ended before they could move
	Waiting int                   `json:"waiting"`
	Stayed  []api.MigrationStatus `json:"stayed"`
	Seconds float64               `json:"seconds"`
}

func migrateCommand() *cobra.Command {
	var (
		m      migration
		steps  []string
		rate   string
		yes    bool
		output string
	)
	c := &cobra.Command{
		Use: "migrate JOURNEY", Short: "Move running instances to the published revision of their journey",
		Long: "Publishing an edit changes nothing for who is under way; this does. It shows first how many instances would go on at " +
			"which step and which cannot, and asks. " +
			"Then each is told to go over: it checks once more, keeps where it waits, until when, and what came for it, and goes on " +
			"by the new revision. " +
			"An instance moves only to a step of the same kind; one that cannot move stays on its revision, and is listed with the " +
			"reason.\n\n" +
			"It can be stopped and run again: who was told is not told twice, and who stayed for a reason that has passed is asked " +
			"again.\n\n" +
			"Exit status: 0 all moved (or would), 1 some stayed, 2 wrong usage, 3 cannot reach the gateway.",
		Example: "  tabi migrate cart-recovery --dry-run\n  tabi migrate cart-recovery --step response=answer --rate 200/s",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) (err error) {
			m.journey = args[0]
			if m.renamed, err = renames(steps); err != nil {
				return err
			}
			if m.rate, err = strconv.ParseFloat(strings.TrimSuffix(rate, "/s"), 64); err != nil || m.rate <= 0 {
				return app.Usage("--rate is %q: give instances per second, as 50 or 50/s", rate)
			}
			if output != "text" && output != "json" {
				return app.Usage("--output is %q: give text or json", output)
			}
			if err := m.remote.load(c); err != nil {
				return err
			}
			m.progress = newProgress(c.ErrOrStderr())
			report, err := m.survey(c.Context())
			if err != nil {
				return err
			}
			out := &printer{c.OutOrStdout()}
			if output == "text" {
				report.printImpact(out, m.warnings)
			}
			if !m.dryRun && report.movable() > 0 {
				if !yes {
					if err := confirm(c, report); err != nil {
						return err
					}
				}
				if err = m.run(c.Context(), &report); err != nil {
					return err
				}
			}
			if err := show(c, output, report, report.print); err != nil {
				return err
			}
			if len(report.Stayed) > 0 {
				return app.Quiet(app.ExitBad)
			}
			return nil
		},
	}
	f := c.Flags()
	f.StringArrayVar(&steps, "step", nil, "OLD=NEW: who stands at the step OLD goes on at NEW; may be repeated")
	f.BoolVar(&m.dryRun, "dry-run", false, "only say what would happen")
	f.StringVar(&rate, "rate", "50/s", "instances told per second at most")
	f.BoolVar(&yes, "yes", false, "do not ask")
	f.BoolVar(&m.noWait, "no-wait", false, "do not wait for the instances' answers")
	f.DurationVar(&m.patience, "patience", 2*time.Minute, "how long to wait when no instance answers any more")
	m.remote.register(c, false, true)
	outputFlag(c, &output)
	return c
}

// movable is how many instances the survey found that can move.
func (r migrateReport) movable() (n int) {
	for _, i := range r.Impact {
		if i.Reason == "" {
			n += i.Instances
		}
	}
	return n
}

// confirm asks on the terminal.
func confirm(c *cobra.Command, r migrateReport) error {
	in, ok := c.InOrStdin().(*os.File)
	if !ok || !term.IsTerminal(int(in.Fd())) {
		return app.Usage("there is no terminal to ask on: look with --dry-run, then give --yes")
	}
	_, _ = fmt.Fprintf(c.ErrOrStderr(), "Move %d instances to revision %s? [y/N] ", r.movable(), r.To)
	answer, err := bufio.NewReader(in).ReadString('\n')
	if word := strings.ToLower(strings.TrimSpace(answer)); err != nil || word != "y" && word != "yes" {
		return &app.ExitError{Code: app.ExitBad, Err: errors.New("nothing was moved")}
	}
	return nil
}

func (r migrateReport) printImpact(p *printer, warnings []string) {
	if len(r.Impact) == 0 {
		p.line("journey %s: nobody to move; every open instance is on revision %s", r.Journey, r.To)
		return
	}
	p.line("journey %s: to revision %s", r.Journey, r.To)
	rows := make([]table.Row, len(r.Impact))
	for i, one := range r.Impact {
		move := diff.StepMove{Step: one.Step, Target: one.Target, Refused: one.Reason, Suggest: one.Suggest}
		rows[i] = table.Row{"  " + one.From, placeName(one.Step, false), one.Instances, verdict(move, false, false)}
	}
	p.table(table.Row{"  FROM REVISION", "STEP", "OPEN", "IF MOVED"}, rows)
	for _, w := range warnings {
		p.line("  ! %s", w)
	}
}

func (r migrateReport) print(p *printer) {
	if len(r.Impact) == 0 {
		return
	}
	if r.DryRun {
		p.line("%d would move, %d would stay", r.movable(), len(r.Stayed))
		return
	}
	if r.Ordered > 0 {
		line := fmt.Sprintf("%d of %d moved in %.1f s", r.Moved, r.Ordered, r.Seconds)
		if r.Ended > 0 {
			line += fmt.Sprintf(", %d had ended before", r.Ended)
		}
		if r.Waiting > 0 {
			line += fmt.Sprintf(", %d have yet to answer", r.Waiting)
		}
		p.line("%s", line)
	}
	if len(r.Stayed) == 0 {
		return
	}
	p.line("%d stay on their revision:", len(r.Stayed))
	rows := make([]table.Row, 0, len(r.Stayed))
	for _, s := range r.Stayed[:min(len(r.Stayed), maxListed)] {
		rows = append(rows, table.Row{"  " + s.WorkflowID, s.From, placeName(s.Step, false), s.Reason})
	}
	p.table(table.Row{"  WORKFLOW ID", "REVISION", "STEP", "REASON"}, rows)
	if len(r.Stayed) > maxListed {
		p.line("  … and %d more: -o json lists all", len(r.Stayed)-maxListed)
	}
}

// maxListed bounds the instances that are listed for people.
const maxListed = 100
