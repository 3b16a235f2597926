package operator

import (
	"github.com/spf13/cobra"

	"github.com/tabi-journeys/tabi/internal/api"
	"github.com/tabi-journeys/tabi/internal/app"
	"github.com/tabi-journeys/tabi/starter/cli/remote"
	"github.com/tabi-journeys/tabi/starter/cli/terminal"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

func pauseCommand() *cobra.Command {
	return pauser(
		contract.PauseUpdate,
		"Pause an enrollment, or a whole journey",
		"While an enrollment is paused, its deadlines keep running, its events are kept and nothing is sent. --journey is the kill "+
			"switch: once the command has returned, the journey sends nothing.",
	)
}

// pauseView is the output of `pause` and `resume` of a journey.
type pauseView struct {
	Journey     string `json:"journey"`
	Paused      bool   `json:"paused"`
	Enrollments int64  `json:"notified"`
}

// pauser builds pause and resume, which differ in one word.
func pauser(kind, short, long string) *cobra.Command {
	var (
		r                       remote.Client
		journey, reason, output string
	)
	c := &cobra.Command{
		Use: kind + " (WORKFLOW_ID | --journey NAME)", Short: short, Long: long, Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if (journey == "") == (len(args) == 0) {
				return app.Usage("give either a workflow id or --journey NAME")
			}
			if journey == "" {
				return command(c, &r, args[0], api.CommandRequest{Kind: kind, Reason: reason}, kind+" requested", output)
			}
			if err := r.Load(c); err != nil {
				return err
			}
			in := api.PauseRequest{Journey: journey, Paused: kind == contract.PauseUpdate}
			out, err := api.PauseJourney.Call(c.Context(), &r, api.PauseInput{Body: in})
			if err != nil {
				return err
			}
			return terminal.Show(c, output, pauseView{in.Journey, in.Paused, int64(out.Enrollments)}, func(p *terminal.Printer) {
				p.Line("journey %s: %sd (%s notified)", journey, kind, terminal.Several(out.Enrollments, "open enrollment"))
			})
		},
	}
	c.Flags().StringVar(&journey, "journey", "", kind+" the whole journey, including later enrollments")
	c.Flags().StringVar(&reason, "reason", "", "the reason to record, with a workflow id")
	r.Register(c, false, true)
	c.ValidArgsFunction = r.Complete(remote.WorkflowIDs("open"))
	r.CompleteFlag(c, "journey", remote.Journeys)
	terminal.OutputFlag(c, &output)
	return c
}
