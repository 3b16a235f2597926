package operator

import (
	"github.com/spf13/cobra"

	"github.com/tabi-journeys/tabi/internal/api"
	"github.com/tabi-journeys/tabi/internal/app"
	"github.com/tabi-journeys/tabi/starter/cli/remote"
	"github.com/tabi-journeys/tabi/starter/cli/terminal"
)

func cancelCommand() *cobra.Command {
	var (
		r      remote.Client
		reason string
	)
	c := &cobra.Command{
		Use: "cancel WORKFLOW_ID", Short: "End an open enrollment with the outcome cancelled", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return command(c, &r, args[0], api.CommandRequest{Kind: "cancel", Reason: reason}, "cancel requested")
		},
	}
	c.Flags().StringVar(&reason, "reason", "", "the reason to record")
	r.Register(c, false, true)
	return c
}

// command sends a command to one enrollment, and prints what was requested.
func command(c *cobra.Command, r *remote.Client, workflowID string, in api.CommandRequest, requested string) error {
	if workflowID == "" {
		return app.Usage("which enrollment? Give its workflow id (tabi list)")
	}
	if err := r.Load(c); err != nil {
		return err
	}
	err := remote.ByWorkflowID(workflowID, func(id string) error {
		workflowID = id
		_, err := api.SendCommand.Call(c.Context(), r, api.CommandInput{ID: id, Body: in})
		return err
	})
	if err != nil {
		return err
	}
	terminal.To(c.OutOrStdout()).Line("%s: %s", workflowID, requested)
	return nil
}
