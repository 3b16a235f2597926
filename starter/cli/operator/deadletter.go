package operator

import (
	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"github.com/tabi-journeys/tabi/internal/api"
	"github.com/tabi-journeys/tabi/internal/app"
	"github.com/tabi-journeys/tabi/starter/cli/remote"
	"github.com/tabi-journeys/tabi/starter/cli/terminal"
)

func deadLetterCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "deadletter", Short: "List, retry or drop outbox entries that could not be delivered",
		Long: "An outbox entry (an event, or the start of an enrollment) that is refused for good becomes a dead letter, so that it " +
			"does not block others. Once the cause is fixed, retry returns it to the outbox: an event goes to the end of its " +
			"enrollment's queue, a start to its old place.",
	}
	c.AddCommand(
		deadLetterListCommand(),
		deadLetterChangeCommand("retry", "Return dead letters to the outbox", "returned to the outbox"),
		deadLetterChangeCommand("drop", "Delete dead letters: an event is lost; an enrollment that could not start ends as failed",
			"dropped"),
	)
	return c
}

func deadLetterListCommand() *cobra.Command {
	var (
		r      remote.Client
		limit  int
		output string
	)
	c := &cobra.Command{
		Use: "list", Short: "List dead letters and the errors that caused them", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if limit < 1 {
				return app.Usage("--limit is %d: give at least 1", limit)
			}
			if err := r.Load(c); err != nil {
				return err
			}
			var all api.DeadLetterList
			var err error
			all.DeadLetters, all.Next, err = collect(limit, func(after string, most int) ([]api.DeadLetter, string, error) {
				got, err := api.ListDeadLetters.Call(c.Context(), &r, api.DeadLetterFilter{After: after, Limit: most})
				return got.DeadLetters, got.Next, err
			})
			if err != nil {
				return err
			}
			return terminal.Show(c, output, all, func(p *terminal.Printer) {
				if len(all.DeadLetters) == 0 {
					p.Line("no dead letters")
					return
				}
				rows := make([]table.Row, len(all.DeadLetters))
				for i, a := range all.DeadLetters {
					rows[i] = table.Row{a.WorkflowID, deadLetterName(a), terminal.Stamp(a.At), a.Attempts, a.Error}
				}
				p.Table(table.Row{"WORKFLOW ID", "ENTRY", "SINCE (UTC)", "ATTEMPTS", "ERROR"}, rows)
				if all.Next != "" {
					p.Line("… and more: raise --limit")
				}
			})
		},
	}
	c.Flags().IntVar(&limit, "limit", 100, "number of dead letters to list at most")
	r.Register(c, false, true)
	terminal.OutputFlag(c, &output)
	return c
}

// deadLetterChangeCommand builds retry and drop, which differ in one word.
func deadLetterChangeCommand(verb, short, done string) *cobra.Command {
	var (
		r      remote.Client
		all    bool
		output string
	)
	c := &cobra.Command{
		Use: verb + " (WORKFLOW_ID | --all)", Short: short, Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if all == (len(args) > 0) {
				return app.Usage("give either a workflow id or --all")
			}
			if err := r.Load(c); err != nil {
				return err
			}
			settle := api.RetryDeadLetters
			if verb == "drop" {
				settle = api.DropDeadLetters
			}
			var out api.DeadLetterCount
			ask := func(id string) (err error) {
				out, err = settle.Call(c.Context(), &r, api.DeadLetterInput{Body: api.DeadLetterSelection{WorkflowID: id, All: all}})
				return err
			}
			var err error
			if all {
				err = ask("")
			} else {
				err = remote.ByWorkflowID(args[0], ask)
			}
			if err != nil {
				return err
			}
			return terminal.Show(c, output, out, func(p *terminal.Printer) { p.Line("%s: %d", done, out.Count) })
		},
	}
	c.Flags().BoolVar(&all, "all", false, "all dead letters")
	r.Register(c, false, true)
	c.ValidArgsFunction = r.Complete(remote.DeadLetters)
	terminal.OutputFlag(c, &output)
	return c
}

// deadLetterName returns the name of a dead letter for people.
func deadLetterName(a api.DeadLetter) string {
	switch {
	case a.Kind == "event" && a.Name != "":
		return "event " + a.Name + " (" + a.Event + ")"
	case a.Kind == "start":
		return "start"
	}
	return a.Kind + " " + a.Event
}
