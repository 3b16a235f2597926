package operator

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"github.com/tabi-journeys/tabi/internal/api"
	"github.com/tabi-journeys/tabi/internal/app"
	"github.com/tabi-journeys/tabi/internal/clock"
	"github.com/tabi-journeys/tabi/starter/cli/remote"
	"github.com/tabi-journeys/tabi/starter/cli/terminal"
)

func reportCommand() *cobra.Command {
	var (
		r             remote.Client
		since, output string
	)
	c := &cobra.Command{
		Use: "report", Short: "Report the results of next best actions and journeys",
		Long: "Shows, per action and channel, offers, acceptances and value net of cost; per journey, treated customers against the " +
			"control group; and full arbitration against the control groups of policy.yaml. Intervals are 95 %.",
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if since != "" && since != "all" {
				if d, err := clock.ParseDuration(since); err != nil || d <= 0 {
					return app.Usage("--since is %q: give a duration such as 30d, or all", since)
				}
			}
			if err := r.Load(c); err != nil {
				return err
			}
			report, err := api.GetReport.Call(c.Context(), &r, api.ReportFilter{Since: since})
			if err != nil {
				return err
			}
			return terminal.Show(c, output, report, func(p *terminal.Printer) { printReport(p, report) })
		},
	}
	r.Register(c, false, true)
	c.Flags().StringVar(&since, "since", "30d", "count offers of this long before now, in virtual time; all: every offer")
	terminal.OutputFlag(c, &output)
	return c
}

func printReport(p *terminal.Printer, r api.Report) {
	terminal.CompleteSince(p, r.CompleteSince)
	if len(r.Actions) == 0 {
		p.Line("no action was offered in this period")
	} else {
		var rows []table.Row
		for _, a := range r.Actions {
			rows = append(rows, append(table.Row{a.Action, a.Channel}, offersRow(a.OfferNumbers)...))
		}
		p.Table(table.Row{"ACTION", "CHANNEL", "OFFERED", "ACCEPTED", "RATE", "95 %", "OPEN", "VALUE", "COST", "NET"}, rows)
	}
	if len(r.NoAccept) > 0 {
		p.Line("not counted and not learned from, because they have no `accept`: " + strings.Join(r.NoAccept, ", "))
	}
	var rows []table.Row
	for _, j := range r.Journeys {
		row := table.Row{j.Journey, "", "", "", "", "", "", "", j.Offers.Offers, j.Offers.Accepted, ""}
		if j.Journey == "" {
			row[0] = "(requested by a channel)"
		}
		if j.Treated != nil && j.Goal {
			row[1], row[3], row[5] = j.Treated.Customers, j.HeldOut.Customers, j.Maturing()
			if j.Treated.Customers > 0 {
				row[2], row[10] = share(j.Treated.Rate.Estimate), money(j.NetPerCustomer)
			}
			if j.HeldOut.Customers > 0 {
				row[4] = share(j.HeldOut.Rate.Estimate)
			}
		}
		if d := j.Difference; d != nil {
			row[6] = fmt.Sprintf("%s (%s to %s)", share(d.Estimate), share(d.Low), share(d.High))
		}
		if j.Lift != nil {
			row[7] = share(*j.Lift)
		}
		rows = append(rows, row)
	}
	if len(rows) > 0 {
		p.Line("")
		p.Table(
			table.Row{
				"JOURNEY",
				"TREATED",
				"GOAL",
				"HELD OUT",
				"GOAL",
				"MATURING",
				"DIFFERENCE",
				"LIFT",
				"OFFERS",
				"ACCEPTED",
				"NET PER CUSTOMER",
			},
			rows,
		)
	}
	if len(r.Controls) == 0 {
		return
	}
	rows = nil
	for _, c := range r.Controls {
		row := append(append(table.Row{c.Name()}, offersRow(c.OfferNumbers)...), "", "", "")
		if v := c.ValuePerOffer; c.Accepted+c.Ignored > 0 {
			row[len(row)-3] = fmt.Sprintf("%s (%s to %s)", money(v.Estimate), money(v.Low), money(v.High))
		}
		if c.RateLift != nil {
			row[len(row)-2] = share(*c.RateLift)
		}
		if d := c.ValueDifference; d != nil {
			row[len(row)-1] = fmt.Sprintf("%s (%s to %s)", money(d.Estimate), money(d.Low), money(d.High))
		}
		rows = append(rows, row)
	}
	p.Line("")
	p.Table(
		table.Row{
			"DECIDED BY",
			"OFFERED",
			"ACCEPTED",
			"RATE",
			"95 %",
			"OPEN",
			"VALUE",
			"COST",
			"NET",
			"NET PER OFFER",
			"LIFT OF FULL",
			"VALUE OF FULL",
		},
		rows,
	)
}

func offersRow(o api.OfferNumbers) table.Row {
	row := table.Row{o.Offers, o.Accepted, "", "", o.Open, money(o.Value), money(o.Cost), money(o.Net)}
	if o.Accepted+o.Ignored > 0 {
		row[2], row[3] = share(o.Rate.Estimate), share(o.Rate.Low)+" – "+share(o.Rate.High)
	}
	return row
}

func share(v float64) string { return strconv.FormatFloat(100*v, 'f', 1, 64) + " %" }

func money(v float64) string { return strconv.FormatFloat(v, 'f', 2, 64) }
