package operator

import (
	"slices"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"github.com/tabi-journeys/tabi/internal/api"
	"github.com/tabi-journeys/tabi/internal/app"
	"github.com/tabi-journeys/tabi/internal/unit"
	"github.com/tabi-journeys/tabi/starter/cli/remote"
	"github.com/tabi-journeys/tabi/starter/cli/terminal"
)

// page is the number of rows per request.
const page = 1000

// collect gets pages of a list until it has limit items or all. get returns at most `most` items after the cursor `after`, and
// the cursor of the next page, empty after the last one. The items are never nil: JSON shows an empty list.
func collect[T any](limit int, get func(after string, most int) (items []T, next string, err error)) (all []T, next string, err error) {
	all = []T{}
	for {
		var items []T
		if items, next, err = get(next, min(page, limit-len(all))); err != nil {
			return nil, "", err
		}
		if all = append(all, items...); next == "" || len(all) >= limit {
			return all, next, nil
		}
	}
}

func listCommand() *cobra.Command {
	var (
		r                                         remote.Client
		journey, customer, state, outcome, output string
		limit                                     int
	)
	c := &cobra.Command{
		Use: "list", Short: "List enrollments, the newest first: open, awaiting their goal, and closed", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if limit < 1 {
				return app.Usage("--limit is %d: give at least 1", limit)
			}
			if state != "" && !slices.Contains([]string{unit.StateOpen, unit.StateAwaitingGoal, unit.StateClosed}, state) {
				return app.Usage("--state is %q: give open, awaiting_goal or closed", state)
			}
			if err := r.Load(c); err != nil {
				return err
			}
			var all api.EnrollmentList
			var err error
			all.Enrollments, all.Next, err = collect(limit, func(after string, most int) ([]api.Enrollment, string, error) {
				got, err := api.ListEnrollments.Call(c.Context(), &r, api.EnrollmentFilter{
					Journey: journey, Customer: customer, State: state, Outcome: outcome, After: after, Limit: most,
				})
				all.CompleteSince = got.CompleteSince
				return got.Enrollments, got.Next, err
			})
			if err != nil {
				return err
			}
			return terminal.Show(c, output, all, func(p *terminal.Printer) {
				terminal.CompleteSince(p, all.CompleteSince)
				if len(all.Enrollments) == 0 {
					p.Line("no enrollments")
					return
				}
				rows := make([]table.Row, len(all.Enrollments))
				for i, e := range all.Enrollments {
					rows[i] = table.Row{remote.Address(e), stateOf(e), e.Step, terminal.Stamp(e.EnteredAt), until(e)}
				}
				p.Table(table.Row{"WORKFLOW ID", "STATE", "STEP", "ENTERED (UTC)", "UNTIL (UTC)"}, rows)
				if all.Next != "" {
					p.Line("… and more: raise --limit")
				}
			})
		},
	}
	f := c.Flags()
	f.StringVar(&journey, "journey", "", "only enrollments of this journey")
	f.StringVar(&customer, "customer", "", "only enrollments of this customer id")
	f.StringVar(&state, "state", "", "only enrollments in this state: open, awaiting_goal or closed")
	f.StringVar(&outcome, "outcome", "", "only enrollments with this outcome, such as goal or timeout")
	f.IntVar(&limit, "limit", 100, "number of enrollments to list at most")
	r.Register(c, false, true)
	r.CompleteFlag(c, "journey", remote.Journeys)
	r.CompleteFlag(c, "customer", remote.Customers)
	states := []string{unit.StateOpen, unit.StateAwaitingGoal, unit.StateClosed}
	if err := c.RegisterFlagCompletionFunc("state", cobra.FixedCompletions(states, cobra.ShellCompDirectiveNoFileComp)); err != nil {
		panic(err)
	}
	terminal.OutputFlag(c, &output)
	return c
}

// until returns when an open enrollment continues without an event; empty for a closed one.
func until(e api.Enrollment) string {
	if e.State == unit.StateClosed {
		return ""
	}
	return terminal.Stamp(e.Until)
}

// stateOf returns the state of an enrollment in a few words.
func stateOf(e api.Enrollment) string {
	s := e.State
	if e.Outcome != "" {
		s += ": " + e.Outcome
	}
	if e.Paused {
		s += ", paused"
	}
	if e.Holdout {
		s += ", held out"
	}
	return s
}
