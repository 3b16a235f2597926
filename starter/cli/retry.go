package cli

import (
	"net/url"
	"strconv"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"github.com/tabi-journeys/tabi/internal/app"
	"github.com/tabi-journeys/tabi/internal/gateway"
)

func retryCommand() *cobra.Command {
	var (
		r         remote
		all, drop bool
		output    string
	)
	c := &cobra.Command{
		Use: "retry (WORKFLOW_ID | --all)", Short: "Bring again what was set aside", Args: cobra.MaximumNArgs(1),
		Long: "An event or a start that Temporal or an instance refuses for good is set aside, so that it blocks nothing else: tabi list --set-aside shows them.\n" +
			"Once the cause is mended, this puts them back: an event at the end of its instance's queue, a start where it was.\n" +
			"With --drop they are given up instead: an event is left out, and an instance that could not be started ends as failed.",
		RunE: func(c *cobra.Command, args []string) error {
			if all == (len(args) > 0) {
				return app.Usage("give a workflow id, or --all, and not both")
			}
			if err := r.load(c); err != nil {
				return err
			}
			var out gateway.RetryResponse
			ask := func(id string) error {
				return r.call(c.Context(), "POST", gateway.AdminRetry, gateway.RetryRequest{WorkflowID: id, All: all, Drop: drop}, &out)
			}
			var err error
			if all {
				err = ask("")
			} else {
				err = byWorkflowID(args[0], ask)
			}
			if err != nil {
				return err
			}
			return show(c, output, out, func(p *printer) {
				done := "put back"
				if drop {
					done = "given up"
				}
				p.line("%s: %d", done, out.Deliveries)
			})
		},
	}
	c.Flags().BoolVar(&all, "all", false, "all that is set aside")
	c.Flags().BoolVar(&drop, "drop", false, "give it up instead")
	r.register(c, false, true)
	outputFlag(c, &output)
	return c
}

// listAside lists what is set aside.
func listAside(c *cobra.Command, r *remote, limit int, output string) error {
	all := gateway.AsideList{SetAside: []gateway.AsideView{}}
	for {
		q := url.Values{"limit": {strconv.Itoa(min(page, limit-len(all.SetAside)))}}
		if all.Next != "" {
			q.Set("after", all.Next)
		}
		var got gateway.AsideList
		if err := r.call(c.Context(), "GET", gateway.AdminAside+"?"+q.Encode(), nil, &got); err != nil {
			return err
		}
		all.SetAside, all.Next = append(all.SetAside, got.SetAside...), got.Next
		if got.Next == "" || len(all.SetAside) >= limit {
			break
		}
	}
	return show(c, output, all, func(p *printer) {
		if len(all.SetAside) == 0 {
			p.line("nothing")
			return
		}
		rows := make([]table.Row, len(all.SetAside))
		for i, a := range all.SetAside {
			rows[i] = table.Row{a.WorkflowID, whatAside(a), stamp(a.At), a.Attempts, a.Error}
		}
		p.table(table.Row{"WORKFLOW ID", "WHAT", "SET ASIDE (UTC)", "ATTEMPTS", "ERROR"}, rows)
		if all.Next != "" {
			p.line("… and more: raise --limit")
		}
	})
}

// whatAside says in a few words what was set aside.
func whatAside(a gateway.AsideView) string {
	switch {
	case a.Kind == "event" && a.Name != "":
		return "event " + a.Name + " (" + a.Event + ")"
	case a.Kind == "start":
		return "its start"
	}
	return a.Kind + " " + a.Event
}
