package cli

import (
	"github.com/spf13/cobra"

	"github.com/tabi-journeys/tabi/internal/api"
	"github.com/tabi-journeys/tabi/internal/app"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

func pauseCommand() *cobra.Command {
	return pauser(
		contract.PauseUpdate,
		"Pause an enrollment, or a whole journey",
		"While paused, deadlines keep running, events are kept and nothing is sent. With --journey this is the kill switch: once it "+
			"has answered, nothing of the journey is sent.",
	)
}

// pauser builds pause and resume, which differ in one word.
func pauser(kind, short, long string) *cobra.Command {
	var (
		r               remote
		journey, reason string
	)
	c := &cobra.Command{
		Use: kind + " (WORKFLOW_ID | --journey NAME)", Short: short, Long: long, Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if (journey == "") == (len(args) == 0) {
				return app.Usage("give a workflow id, or --journey NAME, and not both")
			}
			if journey == "" {
				return command(c, &r, args[0], api.CommandRequest{Kind: kind, Reason: reason}, kind+" requested")
			}
			if err := r.load(c); err != nil {
				return err
			}
			in := api.PauseRequest{Journey: journey, Paused: kind == contract.PauseUpdate}
			out, err := api.PauseJourney.Call(c.Context(), &r, api.PauseInput{Body: in})
			if err != nil {
				return err
			}
			(&printer{c.OutOrStdout()}).line("journey %s: %sd (%s notified)", journey, kind, several(out.Enrollments, "open enrollment"))
			return nil
		},
	}
	c.Flags().StringVar(&journey, "journey", "", "the whole journey, later enrollments included")
	c.Flags().StringVar(&reason, "reason", "", "the reason, for the record of one enrollment")
	r.register(c, false, true)
	return c
}
