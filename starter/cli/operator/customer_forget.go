package operator

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"github.com/tabi-journeys/tabi/internal/api"
	"github.com/tabi-journeys/tabi/internal/app"
	"github.com/tabi-journeys/tabi/internal/clock"
	"github.com/tabi-journeys/tabi/starter/cli/remote"
	"github.com/tabi-journeys/tabi/starter/cli/terminal"
)

// forgetLook is how often the command looks how far a request has come.
const forgetLook = time.Second

func customerForgetCommand() *cobra.Command {
	var (
		r              remote.Client
		in             api.ForgetRequest
		report, output string
		noWait         bool
	)
	c := &cobra.Command{
		Use: "forget (ID --reason TEXT | --report REQUEST)", Short: "Forget a customer, and show the report of it",
		Long: "Forgets a customer with all ids: no call finds or creates it from now on. Its enrollments end, their runs are deleted in " +
			"Temporal, its rows are erased, or kept without what says whose they were. A workflow does that, so it continues after a " +
			"crash. The command waits for it and prints the report, which names every table and has no personal data; --report prints it " +
			"again. Nothing brings the data back.\n\n" +
			"The reason is kept, so it must not name the customer: give the number of a ticket.",
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if (len(args) == 1) == (report != "") {
				return app.Usage("give the id of a customer, or --report with the number of a request")
			}
			if report == "" && in.Reason == "" {
				return app.Usage("--reason is missing: give one that does not name the customer, such as the number of a ticket")
			}
			if err := r.Load(c); err != nil {
				return err
			}
			var out api.ForgetStatus
			var err error
			if report != "" {
				out, err = api.GetForget.Call(c.Context(), &r, api.ForgetID{ID: report})
			} else {
				out, err = api.ForgetCustomer.Call(c.Context(), &r, api.ForgetInput{ID: args[0], Body: in})
				if err == nil && out.Request != "" && !noWait {
					out, err = waitForgotten(c, &r, out)
				}
			}
			if err != nil {
				return err
			}
			return terminal.Show(c, output, out, func(p *terminal.Printer) { printForget(p, out) })
		},
	}
	f := c.Flags()
	f.StringVar(&in.Reason, "reason", "", "why; it is kept, and must not name the customer")
	f.BoolVar(&in.DryRun, "dry-run", false, "show what would go, and change nothing")
	f.BoolVar(&noWait, "no-wait", false, "do not wait until it is done")
	f.StringVar(&report, "report", "", "print the report of a request")
	r.Register(c, false, true)
	terminal.OutputFlag(c, &output)
	return c
}

// waitForgotten waits until a request is done, and says how far it has come.
func waitForgotten(c *cobra.Command, r *remote.Client, at api.ForgetStatus) (api.ForgetStatus, error) {
	p := terminal.To(c.ErrOrStderr())
	words := map[string]string{
		"ending": "ending journeys", "deleting": "deleting runs in Temporal", "erasing": "erasing rows", "done": "done",
	}
	p.Line("request %s; it continues if you stop waiting, and --report %s shows how far it is", at.Request, at.Request)
	for said := ""; ; {
		if at.State != said {
			said = at.State
			p.Line("  %s", words[said])
		}
		if at.State == "done" {
			return at, nil
		}
		if err := clock.Wait(c.Context(), clock.Wall().Add(forgetLook)); err != nil {
			return at, err
		}
		next, err := api.GetForget.Call(c.Context(), r, api.ForgetID{ID: at.Request})
		if err != nil {
			return at, err
		}
		at = next
	}
}

// printForget prints a report for people.
func printForget(p *terminal.Printer, s api.ForgetStatus) {
	if s.Request == "" {
		p.Line("dry run: %s, %s open; what would go:", terminal.Several(s.IDs, "id"),
			terminal.Several(s.Enrollments.Open, "enrollment"))
	} else {
		p.Fact("Request", s.Request)
		p.Fact("State", s.State)
		p.Fact("Reason", s.Reason)
		p.Fact("By", s.By)
		p.Fact("Asked", terminal.UTC(s.At))
		if !s.DoneAt.IsZero() {
			p.Fact("Done", terminal.UTC(s.DoneAt))
		}
		p.Line("%s; %s were open, %d of them were terminated", terminal.Several(s.IDs, "id"),
			terminal.Several(s.Enrollments.Open, "enrollment"), s.Enrollments.Terminated)
		p.Line("%s deleted in Temporal", terminal.Several(s.Runs.Deleted, "run"))
		if s.Runs.Left > 0 {
			p.Line("%s left to the retention of Temporal, until %s", terminal.Several(s.Runs.Left, "run"), terminal.UTC(s.Runs.Until))
		}
	}
	var rows []table.Row
	for _, name := range slices.Sorted(maps.Keys(s.Tables)) {
		t := s.Tables[name]
		rows = append(rows, table.Row{name, t.Erased, t.Pseudonymized, t.Kept, t.Why})
	}
	if len(rows) > 0 {
		p.Table(table.Row{"TABLE", "ERASED", "PSEUDONYMIZED", "KEPT", "WHAT"}, rows)
	}
}

func customerRememberCommand() *cobra.Command {
	var r remote.Client
	c := &cobra.Command{
		Use: "remember ID", Short: "Let a customer come back who was forgotten",
		Long: "Lets a customer come back who was forgotten, at their own wish: calls with this id create it again. Nothing of what was " +
			"known comes back. Other ids that it had stay forgotten. Their addresses refuse marketing until an opt-in.",
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if err := r.Load(c); err != nil {
				return err
			}
			if err := remember(c.Context(), &r, args[0]); err != nil {
				return err
			}
			terminal.To(c.OutOrStdout()).Line("calls with the id %s create a customer again", args[0])
			return nil
		},
	}
	r.Register(c, false, true)
	return c
}

func remember(ctx context.Context, r *remote.Client, id string) error {
	_, err := api.RememberCustomer.Call(ctx, r, api.RememberInput{ID: id})
	return err
}
