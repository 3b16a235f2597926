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
		r              remote.Client
		reason, output string
	)
	c := &cobra.Command{
		Use: "cancel WORKFLOW_ID", Short: "End an open enrollment with the outcome cancelled", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return command(c, &r, args[0], api.CommandRequest{Kind: "cancel", Reason: reason}, "cancel requested", output)
		},
	}
	c.Flags().StringVar(&reason, "reason", "", "the reason to record")
	r.Register(c, false, true)
	c.ValidArgsFunction = r.Complete(remote.WorkflowIDs("open"))
	terminal.OutputFlag(c, &output)
	return c
}

// commandView is the output of `cancel`, `pause` and `resume` of one enrollment.
type commandView struct {
	WorkflowID string `json:"workflow_id"`
	Requested  string `json:"requested"`
}

// command sends a command to one enrollment, and prints what was requested.
func command(c *cobra.Command, r *remote.Client, workflowID string, in api.CommandRequest, requested, output string) error {
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
	return terminal.Show(c, output, commandView{WorkflowID: workflowID, Requested: in.Kind}, func(p *terminal.Printer) {
		p.Line("%s: %s", workflowID, requested)
	})
}
