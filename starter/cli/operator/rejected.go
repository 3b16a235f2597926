package operator

import (
	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"github.com/tabi-journeys/tabi/internal/api"
	"github.com/tabi-journeys/tabi/internal/app"
	"github.com/tabi-journeys/tabi/starter/cli/remote"
	"github.com/tabi-journeys/tabi/starter/cli/terminal"
)

func rejectedCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "rejected", Short: "List and show calls that were refused at a door",
		Long: "A call that cannot be read is refused alone, with a reason, and the others of its batch are accepted. Many senders cannot " +
			"show the reason, so the latest refused calls are kept for two weeks, about 10,000 at most, each cut off after 4 KiB. The " +
			"metric tabi_rejected_calls_total counts all of them.",
	}
	c.AddCommand(rejectedListCommand(), rejectedShowCommand(), rejectedDropCommand())
	return c
}

func rejectedListCommand() *cobra.Command {
	var (
		r      remote.Client
		filter api.RejectedCallFilter
		output string
	)
	c := &cobra.Command{
		Use: "list", Short: "List refused calls and the reasons, newest first", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if filter.Limit < 1 || filter.Limit > 1000 {
				return app.Usage("--limit is %d: give 1 to 1000", filter.Limit)
			}
			if err := r.Load(c); err != nil {
				return err
			}
			got, err := api.ListRejectedCalls.Call(c.Context(), &r, filter)
			if err != nil {
				return err
			}
			return terminal.Show(c, output, got, func(p *terminal.Printer) {
				if len(got.RejectedCalls) == 0 {
					p.Line("no refused calls")
					return
				}
				rows := make([]table.Row, len(got.RejectedCalls))
				for i, one := range got.RejectedCalls {
					rows[i] = table.Row{one.ID, terminal.Stamp(one.At), one.Door, one.Code, one.Message}
				}
				p.Table(table.Row{"ID", "AT (UTC)", "DOOR", "REASON", "MESSAGE"}, rows)
				if got.Next != "" {
					p.Line("… and older ones: raise --limit")
				}
			})
		},
	}
	f := c.Flags()
	f.StringVar(&filter.Door, "door", "", "only calls that came in by http, mail, track, signal or entry")
	f.StringVar(&filter.Code, "reason", "", "only calls that were refused for this reason, such as bad_time")
	f.IntVar(&filter.Limit, "limit", 50, "number of calls to list at most")
	r.Register(c, false, true)
	terminal.OutputFlag(c, &output)
	return c
}

func rejectedShowCommand() *cobra.Command {
	var (
		r      remote.Client
		output string
	)
	c := &cobra.Command{
		Use: "show ID", Short: "Show a refused call with its content", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if err := r.Load(c); err != nil {
				return err
			}
			got, err := api.GetRejectedCall.Call(c.Context(), &r, api.RejectedCallID{ID: args[0]})
			if err != nil {
				return err
			}
			return terminal.Show(c, output, got, func(p *terminal.Printer) {
				p.Line("%s: %s", got.Code, got.Message)
				p.Fact("at", terminal.UTC(got.At))
				p.Fact("door", got.Door)
				p.Fact("field", got.Field)
				p.Line("%s", got.Payload)
			})
		},
	}
	r.Register(c, false, true)
	terminal.OutputFlag(c, &output)
	return c
}

func rejectedDropCommand() *cobra.Command {
	var (
		r      remote.Client
		output string
	)
	c := &cobra.Command{
		Use: "drop", Short: "Delete all refused calls that are kept", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := r.Load(c); err != nil {
				return err
			}
			got, err := api.DropRejectedCalls.Call(c.Context(), &r, api.None{})
			if err != nil {
				return err
			}
			return terminal.Show(c, output, got, func(p *terminal.Printer) { p.Line("deleted: %d", got.Count) })
		},
	}
	r.Register(c, false, true)
	terminal.OutputFlag(c, &output)
	return c
}
