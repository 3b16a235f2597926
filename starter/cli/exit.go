package cli

import (
	"github.com/spf13/cobra"

	"github.com/tabi-journeys/tabi/internal/app"
	"github.com/tabi-journeys/tabi/internal/gateway"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

func exitCommand() *cobra.Command {
	var (
		r      remote
		reason string
	)
	c := &cobra.Command{
		Use: "exit WORKFLOW_ID", Short: "End an open instance; its outcome is cancelled", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return order(c, &r, gateway.CommandRequest{WorkflowID: args[0], Kind: contract.ExitUpdate, Reason: reason})
		},
	}
	c.Flags().StringVar(&reason, "reason", "", "why, for the record")
	r.register(c, false, true)
	return c
}

// order gives one instance an order through the store.
func order(c *cobra.Command, r *remote, in gateway.CommandRequest) error {
	if in.WorkflowID == "" {
		return app.Usage("which instance? Give its workflow id (tabi list)")
	}
	if err := r.load(c); err != nil {
		return err
	}
	err := byWorkflowID(in.WorkflowID, func(id string) error {
		in.WorkflowID = id
		return r.call(c.Context(), "POST", gateway.AdminCommand, in, nil)
	})
	if err != nil {
		return err
	}
	(&printer{c.OutOrStdout()}).line("%s was told to %s", in.WorkflowID, in.Kind)
	return nil
}
