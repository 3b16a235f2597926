package designer

import (
	"math"
	"strconv"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"github.com/tabi-journeys/tabi/internal/api"
	"github.com/tabi-journeys/tabi/internal/app"
	"github.com/tabi-journeys/tabi/internal/decisioning"
	"github.com/tabi-journeys/tabi/starter/cli/remote"
	"github.com/tabi-journeys/tabi/starter/cli/terminal"
)

func decideCommand() *cobra.Command {
	var (
		r                                remote.Client
		customer, group, channel, output string
		actions                          []string
		explain                          bool
	)
	c := &cobra.Command{
		Use: "decide", Short: "Preview the next best action for a customer, and why",
		Long: "Shows what a journey would decide for a customer now. Nothing is sent or stored, and nothing is explored: it is the best " +
			"estimate.\n\n" +
			"--explain shows every candidate with P × C × V × L or the stage that dropped it, and the customer's intents with their " +
			"evidence.",
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			switch {
			case customer == "":
				return app.Usage("--customer is missing: give the id of a customer")
			case group == "" && len(actions) == 0:
				return app.Usage("--group and --actions are missing: give one of them")
			case group != "" && len(actions) > 0:
				return app.Usage("--group and --actions cannot be combined: give one of them")
			}
			if err := r.Load(c); err != nil {
				return err
			}
			v, err := api.ExplainDecision.Call(c.Context(), &r, api.DecisionQuery{
				Customer: customer, Group: group, Actions: actions, Channel: channel,
			})
			if err != nil {
				return err
			}
			return terminal.Show(c, output, v, func(p *terminal.Printer) { printDecision(p, &v, explain) })
		},
	}
	f := c.Flags()
	f.StringVar(&customer, "customer", "", "the customer's id (required)")
	f.StringVar(&group, "group", "", "choose among the actions of this group")
	f.StringSliceVar(&actions, "actions", nil, "choose among these actions, separated by commas")
	f.StringVar(&channel, "channel", "", "consider this channel only")
	f.BoolVar(&explain, "explain", false, "show all candidates and the customer's intents")
	r.Register(c, false, true)
	r.CompleteFlag(c, "customer", remote.Customers)
	r.CompleteFlag(c, "group", remote.Groups)
	r.CompleteFlag(c, "actions", remote.Actions)
	terminal.OutputFlag(c, &output)
	return c
}

func printDecision(p *terminal.Printer, v *api.Decision, explain bool) {
	if len(v.Chosen) == 0 {
		p.Line("no action (%s)", v.Reason)
	} else {
		won := v.Chosen[0]
		by := ""
		if won.Channel != "" {
			by = " by " + won.Channel
		}
		p.Line("%s%s, priority %s", won.Action, by, figure(won.Priority))
	}
	if !explain {
		return
	}
	p.Line("")
	rows := make([]table.Row, len(v.Candidates))
	for i, c := range v.Candidates {
		rows[i] = table.Row{c.Action, c.Channel, c.Stage, c.Reason}
		if c.Stage == decisioning.StageArbitration || c.Stage == decisioning.StageChosen {
			rows[i] = append(rows[i], figure(c.P), figure(c.C), figure(c.V), figure(c.L), figure(c.Priority))
		}
	}
	p.Table(table.Row{"ACTION", "CHANNEL", "STAGE", "REASON", "P", "C", "V", "L", "PRIORITY"}, rows)
	if len(v.Intents) > 0 {
		p.Line("")
		rows = nil
		for _, i := range v.Intents {
			var words []string
			for _, e := range i.Evidence {
				words = append(words, e.Event+" "+figure(e.Left))
			}
			rows = append(rows, table.Row{i.Intent, figure(i.Score), strings.Join(words, ", ")})
		}
		p.Table(table.Row{"INTENT", "SCORE", "EVIDENCE (REMAINING WEIGHT)"}, rows)
	}
	p.Line("")
	said := "release " + strconv.Itoa(v.Release) + ", at " + terminal.Stamp(v.At) + " UTC"
	if v.Control != "" {
		said += ", control group " + v.Control
	}
	p.Line("%s", said)
}

// figure formats a number for people: three significant digits, and whole numbers from 1,000.
func figure(n float64) string {
	if math.Abs(n) >= 1000 {
		return strconv.FormatFloat(n, 'f', 0, 64)
	}
	return strconv.FormatFloat(n, 'g', 3, 64)
}
