package operator

import (
	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"github.com/tabi-journeys/tabi/internal/api"
	"github.com/tabi-journeys/tabi/internal/app"
	"github.com/tabi-journeys/tabi/starter/cli/remote"
	"github.com/tabi-journeys/tabi/starter/cli/terminal"
)

func handoffCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "handoff", Short: "List, assign, release or resolve customers who wait for an agent",
		Long: "The agents' inbox for operators. A claimed hand-off is its agent's until it is released, taken over or resolved, or " +
			"until the agent has given no sign for a while (--handoff-return of the gateway). These commands act whoever has claimed it.",
	}
	var in api.HandoffRequest
	assign := handoffActCommand(&in, "assign", "Assign a hand-off to an agent, whoever has it", "assigned")
	assign.Flags().StringVar(&in.Agent, "agent", "", "the agent who gets it (required)")
	release := handoffActCommand(&in, "release", "Return a claimed hand-off to the queue", "returned to the queue")
	resolve := handoffActCommand(&in, "resolve", "Resolve a hand-off with an outcome: its journey continues", "resolved")
	resolve.Flags().StringVar(&in.Agent, "agent", "", "who resolved it; default: the name of the token")
	resolve.Flags().StringVar(&in.Outcome, "outcome", "", "one of the outcomes that the journey expects, or any text (required)")
	resolve.Flags().StringVar(&in.Note, "note", "", "a note for colleagues")
	c.AddCommand(handoffListCommand(), assign, release, resolve)
	return c
}

func handoffListCommand() *cobra.Command {
	var (
		r      remote.Client
		in     api.HandoffFilter
		output string
	)
	c := &cobra.Command{
		Use: "list", Short: "List hand-offs, the most urgent first", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if in.Limit < 1 || in.Limit > page {
				return app.Usage("--limit is %d: give 1 to %d", in.Limit, page)
			}
			if err := r.Load(c); err != nil {
				return err
			}
			got, err := api.ListHandoffs.Call(c.Context(), &r, in)
			if err != nil {
				return err
			}
			return terminal.Show(c, output, got, func(p *terminal.Printer) {
				terminal.CompleteSince(p, got.CompleteSince)
				if len(got.Handoffs) == 0 {
					p.Line("no hand-offs")
					return
				}
				rows := make([]table.Row, len(got.Handoffs))
				for i, h := range got.Handoffs {
					rows[i] = table.Row{h.ID, h.Queue, h.Priority, h.Customer, h.State, h.Agent, terminal.Stamp(h.OpenedAt)}
				}
				p.Table(table.Row{"ID", "QUEUE", "PRIORITY", "CUSTOMER", "STATE", "AGENT", "OPENED (UTC)"}, rows)
			})
		},
	}
	c.Flags().StringVar(&in.State, "state", "", "open, claimed, resolved or withdrawn; default: open and claimed ones")
	c.Flags().StringVar(&in.Queue, "queue", "", "only this queue")
	c.Flags().StringVar(&in.Customer, "customer", "", "only this customer")
	c.Flags().IntVar(&in.Limit, "limit", 100, "number of hand-offs to list at most")
	r.Register(c, false, true)
	terminal.OutputFlag(c, &output)
	return c
}

// handoffActCommand builds assign, release and resolve, which send one request.
func handoffActCommand(in *api.HandoffRequest, kind, short, done string) *cobra.Command {
	var (
		r      remote.Client
		output string
	)
	c := &cobra.Command{
		Use: kind + " ID", Short: short, Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			switch {
			case kind == "assign" && in.Agent == "":
				return app.Usage("--agent is missing: name the agent who gets it")
			case kind == "resolve" && in.Outcome == "":
				return app.Usage("--outcome is missing: give what the agent achieved, such as resolved")
			}
			if err := r.Load(c); err != nil {
				return err
			}
			in.Kind = kind
			out, err := api.ActOnHandoff.Call(c.Context(), &r, api.HandoffInput{ID: args[0], Body: *in})
			if err != nil {
				return err
			}
			return terminal.Show(c, output, out, func(p *terminal.Printer) { p.Line("%s: %s", args[0], done) })
		},
	}
	r.Register(c, false, true)
	terminal.OutputFlag(c, &output)
	return c
}
