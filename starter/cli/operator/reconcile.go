package operator

import (
	"context"
	"errors"
	"os"
	"slices"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"github.com/tabi-journeys/tabi/internal/app"
	"github.com/tabi-journeys/tabi/internal/app/devmode"
	"github.com/tabi-journeys/tabi/internal/audit"
	"github.com/tabi-journeys/tabi/internal/background"
	"github.com/tabi-journeys/tabi/starter/cli/terminal"
)

func reconcileCommand(b app.Build) *cobra.Command {
	var (
		cfg    = app.Config{Build: b}
		o      background.Options
		output string
	)
	c := &cobra.Command{
		Use: "reconcile", Short: "Compare all open enrollments with Temporal now",
		Long: "Closes enrollments whose run has ended in Temporal without a report, with the outcome that Temporal knows, and releases " +
			"what they held. Terminates open runs whose enrollment is closed. The background jobs of every process do this too, little " +
			"by little; reconcile does all of it now. It connects to the database and Temporal directly.\n\n" +
			"An enrollment of which Temporal has no run at all is listed as missing. It is closed as failed by a second look, at least " +
			background.SecondLook.String() + " after the first, and only where few are missing. Where they are many, none is closed: " +
			"tabi restart --lost begins them again where they were.\n\n" +
			"Open runs whose enrollment the database does not know are listed as orphans. They send nothing, but a new entry at their " +
			"workflow id waits for their end.\n\n" +
			"Exit status: 0 done, 1 many enrollments have no run, 2 wrong usage, or Temporal is another one, 3 cannot reach the database " +
			"or Temporal.",
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) (err error) {
			if err := cfg.Load(c.Flags(), os.LookupEnv); err != nil {
				return err
			}
			devmode.UseDev(&cfg, c.Flags())
			s, err := cfg.Connect(c.Context(), zap.NewNop())
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, s.Close()) }()
			var report background.Report
			if err := audited(c, s, o.DryRun, audit.Entry{What: "enrollment.reconcile"}, func(ctx context.Context) (err error) {
				report, err = s.Reconciler().Reconcile(ctx, o)
				return err
			}); err != nil {
				return app.Unreachable("not finished: %w", err)
			}
			if err := terminal.Show(c, output, report, func(p *terminal.Printer) { printReconciled(p, report) }); err != nil {
				return err
			}
			if report.Alarm != "" && !o.CloseMissing {
				return &app.ExitError{Code: app.ExitBad, Err: errors.New(report.Alarm)}
			}
			return nil
		},
	}
	f := c.Flags()
	f.BoolVar(&o.DryRun, "dry-run", false, "show what would be done, and change nothing")
	f.BoolVar(&o.CloseMissing, "close-missing", false, "close all enrollments without a run now, however many they are")
	f.BoolVar(&o.TerminateOrphans, "terminate-orphans", false, "terminate the runs whose enrollment the database does not know")
	cfg.Register(f, app.Storage|app.Temporal)
	terminal.OutputFlag(c, &output)
	return c
}

// printReconciled prints the report for people.
func printReconciled(p *terminal.Printer, report background.Report) {
	line := "%d open; %d closed, because their run is gone; %d runs terminated, because their enrollment is closed"
	if report.DryRun {
		line = "dry run: %d open; %d would be closed, because their run is gone; %d runs would be terminated, because their enrollment " +
			"is closed"
	}
	p.Line(line, report.Checked, len(report.Closed), len(report.Terminated))
	if rows := closedRows(slices.Concat(report.Closed, report.Terminated)); len(rows) > 0 {
		p.Table(table.Row{"WORKFLOW ID", "OUTCOME", "REASON"}, rows)
	}
	if len(report.Missing) > 0 {
		p.Line("%s without a run stay open: tabi restart --lost begins them again where they were, --close-missing closes them",
			terminal.Several(len(report.Missing), "enrollment"))
		var rows []table.Row
		for _, m := range report.Missing {
			rows = append(rows, table.Row{m.WorkflowID, terminal.UTC(m.Since), m.Reason})
		}
		p.Table(table.Row{"WORKFLOW ID", "MISSING SINCE", "REASON"}, rows)
	}
	if len(report.Orphans) > 0 {
		p.Line("%s that the database does not know: --terminate-orphans ends those that tabi started",
			terminal.Several(len(report.Orphans), "run"))
		var rows []table.Row
		for _, o := range report.Orphans {
			rows = append(rows, table.Row{o.WorkflowID, terminal.UTC(o.StartedAt), orphanWords(o, report.DryRun)})
		}
		p.Table(table.Row{"WORKFLOW ID", "STARTED", "WHAT IT IS"}, rows)
	}
}

func closedRows(list []background.Closed) (rows []table.Row) {
	for _, e := range list {
		rows = append(rows, table.Row{e.WorkflowID, e.Outcome, e.Reason})
	}
	return rows
}

// orphanWords says what an orphan is, and what was done.
func orphanWords(o background.Orphan, dry bool) string {
	switch {
	case o.Enrollment == "":
		return "a run that tabi did not start: end it in Temporal"
	case o.Terminated && dry:
		return "enrollment " + o.Enrollment + ", unknown: would be terminated"
	case o.Terminated:
		return "enrollment " + o.Enrollment + ", unknown: terminated"
	}
	return "enrollment " + o.Enrollment + ", unknown"
}
