package operator

import (
	"context"
	"errors"
	"os"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"github.com/tabi-journeys/tabi/internal/app"
	"github.com/tabi-journeys/tabi/internal/app/devmode"
	"github.com/tabi-journeys/tabi/internal/audit"
	"github.com/tabi-journeys/tabi/internal/background"
	"github.com/tabi-journeys/tabi/internal/clock"
	"github.com/tabi-journeys/tabi/starter/cli/terminal"
)

// defaultSince is how long ago an enrollment may have been closed as lost to begin again, unless --since says more.
const defaultSince = "7d"

func restartCommand(b app.Build) *cobra.Command {
	var (
		cfg           = app.Config{Build: b}
		o             background.RestartOptions
		since, output string
		lost          bool
	)
	c := &cobra.Command{
		Use: "restart (--lost | --all)", Short: "Begin enrollments again whose run Temporal has lost, where they were",
		Long: "Looks up all open enrollments in Temporal, and those that were closed as failed because their run was lost. Each of which " +
			"Temporal has no run begins again: in the state that its run reported with its last wait, with the same deadlines, or at its " +
			"entry if nothing was reported. Events that were accepted since are delivered to it again, in order. Everything it sends has " +
			"the same key as before, so what went out does not go out twice. Calls (the step call) in progress are made again.\n\n" +
			"Where Temporal was restored to an earlier moment, a run may be there and not know what came later: --all ends the open runs " +
			"and begins all open enrollments again in the same way.\n\n" +
			"A closed one stays closed if the customer has entered the journey again. It connects to the database and Temporal directly; " +
			"the relays of the running processes start the runs.\n\n" +
			"Exit status: 0 done, 2 wrong usage, or Temporal is another one, 3 cannot reach the database or Temporal.",
		Example: "  tabi restart --lost --dry-run\n  tabi restart --lost --journey cart-recovery --since 30d",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) (err error) {
			if lost == o.All {
				return app.Usage("give --lost for the enrollments that have no run in Temporal, or --all for all open ones")
			}
			if err := cfg.Load(c.Flags(), os.LookupEnv); err != nil {
				return err
			}
			devmode.UseDev(&cfg, c.Flags())
			s, err := cfg.Connect(c.Context(), zap.NewNop())
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, s.Close()) }()
			if o.Since, err = momentOf(since, s.Clock.At(clock.Wall())); err != nil {
				return err
			}
			var report background.RestartReport
			e := audit.Entry{What: "enrollment.restart", Journey: o.Journey}
			if err := audited(c, s, o.DryRun, e, func(ctx context.Context) (err error) {
				report, err = s.Reconciler().Restart(ctx, o)
				return err
			}); err != nil {
				return app.Unreachable("not finished; run it again: %w", err)
			}
			return terminal.Show(c, output, report, func(p *terminal.Printer) { printRestarted(p, report) })
		},
	}
	f := c.Flags()
	f.BoolVar(&lost, "lost", false, "those whose run is lost")
	f.BoolVar(&o.All, "all", false, "all open ones, where Temporal was restored to an earlier moment: ends the runs that are there. Stop "+
		"all other processes of tabi first")
	f.StringVar(&o.Journey, "journey", "", "only this journey")
	f.StringVar(&since, "since", defaultSince, "of those that were closed as lost, only those closed since: 7d, 2026-03-02 or "+
		"2026-03-02T09:00:00Z; open ones always begin again")
	f.BoolVar(&o.DryRun, "dry-run", false, "show what would begin again, and change nothing")
	cfg.Register(f, app.Storage|app.Temporal)
	terminal.OutputFlag(c, &output)
	return c
}

// momentOf reads --since: a duration before now, a date or a time.
func momentOf(text string, now time.Time) (time.Time, error) {
	if d, err := clock.ParseDuration(text); err == nil {
		return now.Add(-d), nil
	}
	for _, form := range []string{time.RFC3339, time.DateOnly} {
		if at, err := time.Parse(form, text); err == nil {
			return at, nil
		}
	}
	return time.Time{}, app.Usage("--since is %q: give a duration such as 7d, a date, or a time such as 2026-03-02T09:00:00Z", text)
}

// printRestarted prints the report for people.
func printRestarted(p *terminal.Printer, report background.RestartReport) {
	verb := "begin again"
	if report.DryRun {
		verb = "would begin again"
	}
	p.Line("%d looked up in Temporal; %s %s; %d stay closed", report.Checked, terminal.Several(len(report.Restarted), "enrollment"), verb,
		len(report.Refused))
	var rows []table.Row
	for _, e := range report.Restarted {
		place := e.Step
		if e.FromEntry {
			place = "its entry"
		}
		rows = append(rows, table.Row{e.WorkflowID, place, terminal.UTC(e.Since), e.Events})
	}
	if len(rows) > 0 {
		p.Table(table.Row{"WORKFLOW ID", "AT", "SINCE", "EVENTS AGAIN"}, rows)
	}
	rows = nil
	for _, e := range report.Refused {
		rows = append(rows, table.Row{e.WorkflowID, e.Reason})
	}
	if len(rows) > 0 {
		p.Table(table.Row{"WORKFLOW ID", "STAYS CLOSED BECAUSE"}, rows)
	}
}
