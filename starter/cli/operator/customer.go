package operator

import (
	"maps"
	"slices"

	"github.com/spf13/cobra"

	"github.com/tabi-journeys/tabi/internal/api"
	"github.com/tabi-journeys/tabi/internal/app"
	"github.com/tabi-journeys/tabi/starter/cli/remote"
	"github.com/tabi-journeys/tabi/starter/cli/terminal"
)

func customerCommand() *cobra.Command {
	c := &cobra.Command{Use: "customer", Short: "Export, forget or split a customer; look at backlogs and drop them"}
	c.AddCommand(customerExportCommand(), customerForgetCommand(), customerRememberCommand(), customerSplitCommand(), backlogCommand(),
		dropBacklogCommand())
	return c
}

func customerSplitCommand() *cobra.Command {
	var (
		r      remote.Client
		in     api.SplitRequest
		output string
	)
	c := &cobra.Command{
		Use: "split ID (--anonymous-id DEVICE | --user-id USER)", Short: "Make an id that was merged into a customer one of its own again",
		Long: "Undoes a merge. Events that named the id go back, with the enrollments that they entered and the sends, hand-offs and " +
			"decisions of those; traits and intents of both are computed again. What happened is not taken back: messages that were " +
			"sent, and journeys that were entered or ended.",
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if (in.AnonymousID == "") == (in.UserID == "") {
				return app.Usage("give the id to split off: either --anonymous-id or --user-id")
			}
			if err := r.Load(c); err != nil {
				return err
			}
			out, err := api.SplitCustomer.Call(c.Context(), &r, api.SplitInput{ID: args[0], Body: in})
			if err != nil {
				return err
			}
			return terminal.Show(c, output, out, func(p *terminal.Printer) {
				p.Line("%s is a customer of its own again; %s keeps the rest. Moved:", out.Split, out.Customer)
				for _, what := range slices.Sorted(maps.Keys(out.Moved)) {
					p.Line("  %-12s %d", what, out.Moved[what])
				}
			})
		},
	}
	c.Flags().StringVar(&in.AnonymousID, "anonymous-id", "", "the anonymous id of a visitor or device")
	c.Flags().StringVar(&in.UserID, "user-id", "", "the id of a user who was merged by alias")
	r.Register(c, false, true)
	terminal.OutputFlag(c, &output)
	return c
}
