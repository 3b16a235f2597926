package operator

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
	"github.com/tabi-journeys/tabi/internal/migration"
	"github.com/tabi-journeys/tabi/starter/cli/remote"
	"github.com/tabi-journeys/tabi/starter/cli/terminal"
)

func migrateCommand() *cobra.Command {
	var (
		r      remote.Client
		m      migration.Migration
		steps  []string
		rate   string
		yes    bool
		output string
	)
	c := &cobra.Command{
		Use: "migrate JOURNEY", Short: "Move running enrollments to the published revision of their journey",
		Long: "Publishing an edit does not change running enrollments; migrate does. It first shows how many enrollments would continue " +
			"at which step and which cannot move, and asks for confirmation. Then it requests the move of each. The enrollment checks " +
			"once more, keeps its step, its deadline and the events it has received, and continues on the new revision. An enrollment " +
			"moves only to a step of the same kind. One that cannot move stays on its revision and is listed with the reason.\n\n" +
			"--retime changes the deadline: a wait ends when the new revision says, counted from when the wait began, at once if that " +
			"is over. --dry-run lists until when each enrollment would wait.\n\n" +
			"migrate can be stopped and run again. An enrollment whose move was requested is not asked twice. One that stayed for a " +
			"reason that no longer holds is asked again.\n\n" +
			"Exit status: 0 all moved (or would move), 1 some stayed, 2 wrong usage, 3 cannot reach the gateway.",
		Example: "  tabi migrate cart-recovery --dry-run\n  tabi migrate cart-recovery --step response=answer --rate 200/s",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) (err error) {
			m.Journey = args[0]
			if m.Renamed, err = remote.Renames(steps); err != nil {
				return err
			}
			if m.Rate, err = strconv.ParseFloat(strings.TrimSuffix(rate, "/s"), 64); err != nil || m.Rate <= 0 {
				return app.Usage("--rate is %q: give enrollments per second, such as 50 or 50/s", rate)
			}
			if output != "text" && output != "json" {
				return app.Usage("--output is %q: give text or json", output)
			}
			if err := r.Load(c); err != nil {
				return err
			}
			bar := terminal.NewProgress(c.ErrOrStderr())
			m.Gateway, m.Progress = &r, bar.Draw
			report, err := m.Survey(c.Context())
			if err != nil {
				return err
			}
			out := terminal.To(c.OutOrStdout())
			if output == "text" {
				printImpact(out, report, m.Warnings)
			}
			if !m.DryRun && report.Movable() > 0 {
				if !yes {
					if err := confirm(c, report); err != nil {
						return err
					}
				}
				err = m.Run(c.Context(), &report)
				bar.End()
				if err != nil {
					return err
				}
			}
			if err := terminal.Show(c, output, report, func(p *terminal.Printer) { printMigration(p, report) }); err != nil {
				return err
			}
			if len(report.Stayed) > 0 {
				return app.Quiet(app.ExitBad)
			}
			return nil
		},
	}
	f := c.Flags()
	f.StringArrayVar(&steps, "step", nil, "OLD=NEW: enrollments at the step OLD continue at NEW; repeatable")
	f.BoolVar(&m.Retime, "retime", false, "end waits as the new revision says, counted from when they began")
	f.BoolVar(&m.DryRun, "dry-run", false, "show what would happen, and move nothing")
	f.StringVar(&rate, "rate", "50/s", "moves to request per second at most")
	f.BoolVar(&yes, "yes", false, "do not ask for confirmation")
	f.BoolVar(&m.NoWait, "no-wait", false, "do not wait until the enrollments have moved")
	f.DurationVar(&m.Patience, "patience", 2*time.Minute, "how long to wait while no enrollment answers")
	r.Register(c, false, true)
	c.ValidArgsFunction = r.Complete(remote.Journeys)
	terminal.OutputFlag(c, &output)
	return c
}

// confirm asks on the terminal.
func confirm(c *cobra.Command, r migration.Report) error {
	in, ok := c.InOrStdin().(*os.File)
	if !ok || !term.IsTerminal(int(in.Fd())) {
		return app.Usage("cannot ask for confirmation without a terminal: check with --dry-run, then give --yes")
	}
	_, _ = fmt.Fprintf(c.ErrOrStderr(), "Move %d enrollments to revision %s? [y/N] ", r.Movable(), terminal.Quote(r.To))
	answer, err := bufio.NewReader(in).ReadString('\n')
	if word := strings.ToLower(strings.TrimSpace(answer)); err != nil || word != "y" && word != "yes" {
		return &app.ExitError{Code: app.ExitBad, Err: errors.New("nothing was moved")}
	}
	return nil
}

func printImpact(p *terminal.Printer, r migration.Report, warnings []string) {
	if len(r.Impact) == 0 {
		p.Line("journey %s: nothing to move; every open enrollment is on revision %s", r.Journey, r.To)
		return
	}
	p.Line("journey %s: to revision %s", r.Journey, r.To)
	rows := make([]table.Row, len(r.Impact))
	for i, one := range r.Impact {
		move := diff.StepMove{Step: one.Step, Target: one.Target, Refused: one.Reason, Suggest: one.Suggest}
		rows[i] = table.Row{"  " + one.From, terminal.PlaceName(one.Step, false), one.Enrollments, terminal.Verdict(move, false, false)}
	}
	p.Table(table.Row{"  FROM REVISION", "STEP", "OPEN", "IF MOVED"}, rows)
	for _, w := range warnings {
		p.Line("  ! %s", w)
	}
}

func printMigration(p *terminal.Printer, r migration.Report) {
	if len(r.Impact) == 0 {
		return
	}
	if r.DryRun {
		printWaits(p, r.Would)
		p.Line("%d would move, %d would stay", r.Movable(), len(r.Stayed))
		return
	}
	if r.Ordered > 0 {
		line := fmt.Sprintf("%d of %d moved in %.1f s", r.Moved, r.Ordered, r.Seconds)
		if r.Ended > 0 {
			line += fmt.Sprintf(", %d had already ended", r.Ended)
		}
		if r.Waiting > 0 {
			line += fmt.Sprintf(", %d have not answered yet", r.Waiting)
		}
		p.Line("%s", line)
	}
	if len(r.Stayed) == 0 {
		return
	}
	p.Line("%d stay on their revision:", len(r.Stayed))
	rows := make([]table.Row, 0, len(r.Stayed))
	for _, s := range r.Stayed[:min(len(r.Stayed), maxListed)] {
		rows = append(rows, table.Row{"  " + s.WorkflowID, s.From, terminal.PlaceName(s.Step, false), s.Reason})
	}
	p.Table(table.Row{"  WORKFLOW ID", "REVISION", "STEP", "REASON"}, rows)
	if len(r.Stayed) > maxListed {
		p.Line("  … and %d more: -o json lists all", len(r.Stayed)-maxListed)
	}
}

// printWaits says until when enrollments would wait after the migration.
func printWaits(p *terminal.Printer, would []api.MigrationStatus) {
	if len(would) == 0 {
		return
	}
	rows := make([]table.Row, 0, len(would))
	for _, one := range would[:min(len(would), maxListed)] {
		until := terminal.Stamp(one.Until)
		switch {
		case one.Until.IsZero() && !one.Was.IsZero():
			until = "computed when it moves"
		case one.Until.IsZero():
			until = "no time"
		case !one.Until.Equal(one.Was):
			until += ", no longer " + terminal.Stamp(one.Was)
		}
		rows = append(rows, table.Row{"  " + one.WorkflowID, terminal.PlaceName(one.Target, false), until})
	}
	p.Table(table.Row{"  WORKFLOW ID", "STEP", "WOULD WAIT UNTIL (UTC)"}, rows)
	if len(would) > maxListed {
		p.Line("  … and %d more: -o json lists all", len(would)-maxListed)
	}
}

// maxListed bounds the enrollments that are listed for people.
const maxListed = 100
