package operator

import (
	"errors"
	"os"
	"slices"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"github.com/tabi-journeys/tabi/internal/app"
	"github.com/tabi-journeys/tabi/starter/cli/terminal"
)

func reconcileCommand(b app.Build) *cobra.Command {
	var (
		cfg    = app.Config{Build: b}
		output string
	)
	c := &cobra.Command{
		Use: "reconcile", Short: "Compare all open enrollments with Temporal now",
		Long: "Closes enrollments whose run was terminated, reset or lost, and releases their resources. The background jobs of every " +
			"process do this too, little by little; reconcile does all of it now. It connects to the database and Temporal directly.",
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) (err error) {
			if err := cfg.Load(c.Flags(), os.LookupEnv); err != nil {
				return err
			}
			cfg.UseDev(c.Flags())
			s, err := cfg.Connect(c.Context(), zap.NewNop())
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, s.Close()) }()
			report, err := s.Reconciler().Reconcile(c.Context())
			if err != nil {
				return app.Unreachable("not finished: %w", err)
			}
			return terminal.Show(c, output, report, func(p *terminal.Printer) {
				p.Line(
					"%d open; %d closed, because their run is gone; %d runs terminated, because their enrollment is closed",
					report.Checked,
					len(report.Closed),
					len(report.Terminated),
				)
				var rows []table.Row
				for _, e := range slices.Concat(report.Closed, report.Terminated) {
					rows = append(rows, table.Row{e.WorkflowID, e.Outcome, e.Reason})
				}
				if len(rows) == 0 {
					return
				}
				p.Table(table.Row{"WORKFLOW ID", "OUTCOME", "REASON"}, rows)
			})
		},
	}
	cfg.Register(c.Flags(), app.Storage|app.Temporal)
	terminal.OutputFlag(c, &output)
	return c
}
