package operator

import (
	"github.com/spf13/cobra"

	"github.com/tabi-journeys/tabi/internal/api"
	"github.com/tabi-journeys/tabi/internal/app"
	"github.com/tabi-journeys/tabi/starter/cli/remote"
	"github.com/tabi-journeys/tabi/starter/cli/terminal"
)

func enrollCommand() *cobra.Command {
	var (
		r                            remote.Client
		in                           api.EnrollRequest
		properties, customer, output string
	)
	c := &cobra.Command{
		Use: "enroll JOURNEY --customer ID", Short: "Enroll a customer in a journey by hand",
		Long: "Enrolls a customer in a journey without its entry event and condition. Re-entry rules and the holdout apply.",
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if customer == "" {
				return app.Usage("--customer is missing: give the id of a customer")
			}
			var err error
			if in.Properties, err = remote.Object("properties", properties); err != nil {
				return err
			}
			if err := r.Load(c); err != nil {
				return err
			}
			in.Journey, in.Customer = args[0], customer
			out, err := api.Enroll.Call(c.Context(), &r, api.EnrollInput{Body: in})
			if err != nil {
				return err
			}
			return terminal.Show(c, output, out, func(p *terminal.Printer) {
				switch {
				case out.Duplicate:
					p.Line("nothing changed: event %s was accepted before", out.ID)
				default:
					p.Line("%s", out.WorkflowID)
				}
			})
		},
	}
	c.Flags().StringVar(&customer, "customer", "", "the customer's id (required)")
	c.Flags().StringVar(&properties, "properties", "", "properties of the entry, as a JSON object")
	c.Flags().StringVar(&in.ID, "id", "", "event id; a second request with it changes nothing; default: a random id")
	r.Register(c, false, true)
	c.ValidArgsFunction = r.Complete(remote.Journeys)
	r.CompleteFlag(c, "customer", remote.Customers)
	terminal.OutputFlag(c, &output)
	return c
}
