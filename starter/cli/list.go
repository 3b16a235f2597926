package cli

import (
	"net/url"
	"slices"
	"strconv"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"github.com/tabi-journeys/tabi/internal/app"
	"github.com/tabi-journeys/tabi/internal/gateway"
	"github.com/tabi-journeys/tabi/internal/store"
)

// page is how many enrollments are asked for at once.
const page = 1000

func listCommand() *cobra.Command {
	var (
		r                                         remote
		journey, customer, state, outcome, output string
		limit                                     int
		aside                                     bool
	)
	c := &cobra.Command{
		Use: "list", Short: "List who is, or was, in which journey", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if limit < 1 {
				return app.Usage("--limit is %d: give at least 1", limit)
			}
			if state != "" && !slices.Contains([]string{store.StateOpen, store.StateWatching, store.StateClosed}, state) {
				return app.Usage("--state is %q: give open, watching or closed", state)
			}
			if aside && (journey != "" || customer != "" || state != "" || outcome != "") {
				return app.Usage("--set-aside lists all that is set aside: give it alone, or with --limit")
			}
			if err := r.load(c); err != nil {
				return err
			}
			if aside {
				return listAside(c, &r, limit, output)
			}
			all := gateway.EnrollmentList{Enrollments: []gateway.EnrollmentView{}}
			for {
				q := url.Values{}
				for k, v := range map[string]string{"journey": journey, "customer": customer, "state": state, "outcome": outcome, "after": all.Next} {
					if v != "" {
						q.Set(k, v)
					}
				}
				q.Set("limit", strconv.Itoa(min(page, limit-len(all.Enrollments))))
				var got gateway.EnrollmentList
				if err := r.call(c.Context(), "GET", gateway.AdminEnrollments+"?"+q.Encode(), nil, &got); err != nil {
					return err
				}
				all.Enrollments, all.Next = append(all.Enrollments, got.Enrollments...), got.Next
				if got.Next == "" || len(all.Enrollments) >= limit {
					break
				}
			}
			return show(c, output, all, func(p *printer) {
				if len(all.Enrollments) == 0 {
					p.line("nobody")
					return
				}
				rows := make([]table.Row, len(all.Enrollments))
				for i, e := range all.Enrollments {
					rows[i] = table.Row{e.WorkflowID, stateOf(e), e.Step, stamp(e.EnteredAt), until(e)}
				}
				p.table(table.Row{"WORKFLOW ID", "STATE", "STEP", "ENTERED (UTC)", "UNTIL (UTC)"}, rows)
				if all.Next != "" {
					p.line("… and more: raise --limit")
				}
			})
		},
	}
	f := c.Flags()
	f.StringVar(&journey, "journey", "", "of this journey only")
	f.StringVar(&customer, "customer", "", "of this customer only")
	f.StringVar(&state, "state", "", "open, watching or closed")
	f.StringVar(&outcome, "outcome", "", "that ended so: goal, timeout, …")
	f.BoolVar(&aside, "set-aside", false, "what could not be delivered to instances, and why (tabi retry)")
	f.IntVar(&limit, "limit", 100, "how many at most")
	r.register(c, false, true)
	outputFlag(c, &output)
	return c
}

// until is when an open instance goes on by itself; a closed one waits for nothing any more.
func until(e gateway.EnrollmentView) string {
	if e.State == store.StateClosed {
		return ""
	}
	return stamp(e.Until)
}

// stateOf says in a word or two how an enrollment is.
func stateOf(e gateway.EnrollmentView) string {
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
