package operator

import (
	"context"
	"errors"
	"os"
	"time"

	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"github.com/tabi-journeys/tabi/internal/api"
	"github.com/tabi-journeys/tabi/internal/app"
	"github.com/tabi-journeys/tabi/internal/app/devmode"
	"github.com/tabi-journeys/tabi/internal/codec"
	"github.com/tabi-journeys/tabi/starter/cli/remote"
	"github.com/tabi-journeys/tabi/starter/cli/terminal"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// askTimeout bounds the query to Temporal. Without its answer, only what the store knows is shown.
const askTimeout = 5 * time.Second

// statusView is the output of `status`.
type statusView struct {
	api.Status
	State   *contract.State `json:"state,omitempty"`         // the run's own answer to the query `state`
	Silence string          `json:"state_missing,omitempty"` // why there is none
}

func statusCommand(b app.Build) *cobra.Command {
	var (
		r      remote.Client
		cfg    = app.Config{Build: b}
		output string
	)
	c := &cobra.Command{
		Use: "status WORKFLOW_ID", Short: "Show where an enrollment is, its story and its sends", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if err := r.Load(c); err != nil {
				return err
			}
			if err := cfg.Load(c.Flags(), os.LookupEnv); err != nil {
				return err
			}
			cfg.DataDir = r.DataDir
			devmode.UseDev(&cfg, c.Flags())
			cfg.DecryptBy(&codec.Remote{URL: r.URL, Token: string(r.Token)})
			var v statusView
			err := remote.ByWorkflowID(args[0], func(id string) (err error) {
				v.Status, err = api.GetEnrollment.Call(c.Context(), &r, api.EnrollmentID{ID: id})
				return err
			})
			if err != nil {
				return err
			}
			if err := v.ask(c.Context(), &cfg); err != nil {
				v.Silence = err.Error()
			}
			return terminal.Show(c, output, v, v.print)
		},
	}
	r.Register(c, false, true)
	c.ValidArgsFunction = r.Complete(remote.WorkflowIDs(""))
	cfg.Register(c.Flags(), app.Temporal)
	terminal.OutputFlag(c, &output)
	return c
}

// ask queries the run. One that has ended answers too, as long as Temporal keeps it.
func (v *statusView) ask(ctx context.Context, cfg *app.Config) error {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	cfg.ConnectTimeout = 0
	tc, _, err := cfg.DialTemporal(ctx, zap.NewNop(), nil)
	if err != nil {
		return err
	}
	defer tc.Close()
	answer, err := tc.QueryWorkflow(ctx, v.Enrollment.WorkflowID, "", contract.StateQuery)
	if err != nil {
		return err
	}
	var state contract.State
	if err := answer.Get(&state); err != nil {
		return err
	}
	if state.Enrollment != v.Enrollment.ID {
		return errors.New("another enrollment has this workflow id now")
	}
	v.State = &state
	return nil
}
