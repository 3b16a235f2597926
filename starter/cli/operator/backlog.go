package operator

import (
	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"github.com/tabi-journeys/tabi/internal/api"
	"github.com/tabi-journeys/tabi/starter/cli/remote"
	"github.com/tabi-journeys/tabi/starter/cli/terminal"
)

func backlogCommand() *cobra.Command {
	var (
		r      remote.Client
		in     api.BacklogFilter
		output string
	)
	c := &cobra.Command{
		Use: "backlog", Short: "List the customers for whom most outbox entries wait", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := r.Load(c); err != nil {
				return err
			}
			got, err := api.ListBacklogs.Call(c.Context(), &r, in)
			if err != nil {
				return err
			}
			return terminal.Show(c, output, got, func(p *terminal.Printer) {
				if len(got.Backlogs) == 0 {
					p.Line("nothing waits for delivery")
					return
				}
				rows := make([]table.Row, len(got.Backlogs))
				for i, one := range got.Backlogs {
					rows[i] = table.Row{one.Customer, one.Entries, one.Enrollments}
				}
				p.Table(table.Row{"CUSTOMER", "ENTRIES", "ENROLLMENTS"}, rows)
			})
		},
	}
	c.Flags().IntVar(&in.Limit, "limit", 20, "at most this many customers")
	r.Register(c, false, true)
	terminal.OutputFlag(c, &output)
	return c
}

func dropBacklogCommand() *cobra.Command {
	var (
		r      remote.Client
		output string
	)
	c := &cobra.Command{
		Use: "drop-backlog ID", Short: "Delete the events that wait for a customer's enrollments",
		Long: "Deletes outbox entries of one customer: the events that are not delivered yet to running enrollments, and the entries " +
			"that are to be decided after them. The events stay in the customer's log; the enrollments never get them. Starts of " +
			"enrollments and commands stay.",
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if err := r.Load(c); err != nil {
				return err
			}
			got, err := api.DropBacklog.Call(c.Context(), &r, api.DropBacklogInput{ID: args[0]})
			if err != nil {
				return err
			}
			return terminal.Show(c, output, got, func(p *terminal.Printer) {
				p.Line("%d outbox entries of %s were deleted; %d enrollments will not get them.", got.Entries, got.Customer,
					got.Enrollments)
			})
		},
	}
	r.Register(c, false, true)
	terminal.OutputFlag(c, &output)
	return c
}
