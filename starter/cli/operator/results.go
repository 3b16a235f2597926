package operator

import (
	"context"
	"encoding/csv"
	"fmt"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"github.com/tabi-journeys/tabi/internal/api"
	"github.com/tabi-journeys/tabi/internal/human"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/starter/cli/remote"
	"github.com/tabi-journeys/tabi/starter/cli/terminal"
)

// resultsCommand returns a command that shows an answer as text, JSON or CSV.
func resultsCommand[T api.Table](
	c *cobra.Command,
	periods bool,
	get func(ctx context.Context, r *remote.Client, f api.ResultsFilter, args []string) (T, error),
	people func(*terminal.Printer, T),
) *cobra.Command {
	var (
		r      remote.Client
		f      api.ResultsFilter
		output string
	)
	c.RunE = func(c *cobra.Command, args []string) error {
		if err := terminal.CheckOutput(output, "text", "json", "csv"); err != nil {
			return err
		}
		if err := r.Load(c); err != nil {
			return err
		}
		out, err := get(c.Context(), &r, f, args)
		if err != nil {
			return err
		}
		if output == "csv" {
			return csv.NewWriter(c.OutOrStdout()).WriteAll(out.Table())
		}
		return terminal.Show(c, output, out, func(p *terminal.Printer) { people(p, out) })
	}
	r.Register(c, false, true)
	if periods {
		c.Flags().StringVar(&f.Since, "since", "30d", "count sends of this long before now, in virtual time; all: every send")
		c.Flags().StringVar(&f.Window, "window", "7d", "how long after a send a goal counts as converted, in virtual time")
	}
	terminal.OutputFlag(c, &output, "text", "json", "csv")
	return c
}

func resultsGroup() *cobra.Command {
	c := &cobra.Command{
		Use: "results", Short: "Report what came of messages, channels and arms of splits",
		Long: "Shows how many sends were delivered, opened, clicked, replied to, bounced, marked as spam, opted out from and converted, " +
			"each with its 95 % interval, and the arms of splits against each other and the control group. docs/results.md says what " +
			"each number means.",
	}
	c.AddCommand(reportMessagesCommand(), reportMessageCommand(), reportChannelsCommand(), reportSplitsCommand())
	return c
}

func reportMessagesCommand() *cobra.Command {
	return resultsCommand(&cobra.Command{
		Use: "messages", Short: "Report what came of each message", Args: cobra.NoArgs,
	}, true, func(ctx context.Context, r *remote.Client, f api.ResultsFilter, _ []string) (api.MessageList, error) {
		return api.ListMessages.Call(ctx, r, f)
	}, func(p *terminal.Printer, l api.MessageList) {
		terminal.CompleteSince(p, l.CompleteSince)
		printResults(p, "MESSAGE", l.Messages)
		printResults(p, "IN ALL", []api.ResultNumbers{l.Total})
	})
}

func reportMessageCommand() *cobra.Command {
	return resultsCommand(&cobra.Command{
		Use: "message NAME", Short: "Report what came of a message: by channel, language, tone, variant, journey and day",
		Args: cobra.ExactArgs(1),
	}, true, func(ctx context.Context, r *remote.Client, f api.ResultsFilter, args []string) (out api.MessageResults, err error) {
		return api.GetMessageResults.Call(ctx, r, api.MessageName{Name: args[0], ResultsFilter: f})
	}, func(p *terminal.Printer, m api.MessageResults) {
		terminal.CompleteSince(p, m.CompleteSince)
		printResults(p, "MESSAGE", []api.ResultNumbers{m.Total}, m.Message)
		printResults(p, "CHANNEL", m.Channels)
		printResults(p, "LANGUAGE", m.Languages, "the message's own")
		printResults(p, "TONE", m.Tones, "plain")
		printResults(p, "VARIANT", m.Variants)
		printResults(p, "JOURNEY", m.Journeys, "requested by channels")
		printResults(p, "DAY", m.Days)
		for _, c := range m.Controls {
			p.Line("")
			p.Line("%s: %s of %d sends converted, %s of %d of the control group, watched from %s after entry on: %s",
				c.Journey, share(c.Rate.Estimate), c.Sends, share(c.Control.Estimate), c.HeldOut,
				human.Duration(time.Duration(c.Delay)*time.Second), verdict(c.Verdict, c.Difference))
		}
	})
}

func reportChannelsCommand() *cobra.Command {
	return resultsCommand(&cobra.Command{
		Use: "channels", Short: "Report what came of the sends on each channel", Args: cobra.NoArgs,
	}, true, func(ctx context.Context, r *remote.Client, f api.ResultsFilter, _ []string) (api.ChannelList, error) {
		return api.ListChannels.Call(ctx, r, f)
	}, func(p *terminal.Printer, l api.ChannelList) {
		terminal.CompleteSince(p, l.CompleteSince)
		var all []api.ResultNumbers
		for _, c := range l.Channels {
			all = append(all, c.ResultNumbers)
		}
		if len(all) == 0 {
			p.Line("nothing was sent in this period")
		}
		printResults(p, "CHANNEL", all)
	})
}

func reportSplitsCommand() *cobra.Command {
	return resultsCommand(&cobra.Command{
		Use: "splits JOURNEY", Short: "Compare the arms of a journey's splits with each other and with the control group",
		Args: cobra.ExactArgs(1),
	}, false, func(ctx context.Context, r *remote.Client, _ api.ResultsFilter, args []string) (api.SplitResults, error) {
		return api.GetSplitResults.Call(ctx, r, api.SplitsInput{Name: args[0]})
	}, printSplits)
}

// printResults prints a table of results; none stands for an empty name.
func printResults(p *terminal.Printer, head string, list []api.ResultNumbers, none ...string) {
	if len(list) == 0 {
		return
	}
	var rows []table.Row
	for _, n := range list {
		if n.Name == "" && len(none) > 0 {
			n.Name = none[0]
		}
		row := table.Row{n.Name, n.Sent}
		for _, r := range []api.ReactionNumbers{n.Delivered, n.Opened, n.Clicked, n.Replied, n.Bounced, n.Complained, n.OptedOut} {
			row = append(row, counted(r.Count, r.Rate, n.Sent))
		}
		rows = append(rows, append(row, counted(n.Converted.Count, n.Converted.Rate, n.Converted.Sends), n.Converted.Maturing,
			n.Suppressed+n.Failed))
	}
	p.Table(table.Row{head, "SENT", "DELIVERED", "OPENED", "CLICKED", "REPLIED", "BOUNCED", "SPAM", "OPTED OUT", "CONVERTED", "MATURING",
		"NOT SENT"}, rows)
}

// counted returns a count with its rate.
func counted(n int64, rate api.Interval, of int64) string {
	if of == 0 {
		return ""
	}
	if n == 0 {
		return "0"
	}
	return fmt.Sprintf("%d  %s (%s – %s)", n, share(rate.Estimate), share(rate.Low), share(rate.High))
}

func verdict(word string, d api.Interval) string {
	words := map[string]string{api.Higher: "more", api.Lower: "fewer", api.NotEnoughYet: "not enough yet to tell"}[word]
	return fmt.Sprintf("%s, %s (%s to %s)", words, share(d.Estimate), share(d.Low), share(d.High))
}

func printSplits(p *terminal.Printer, s api.SplitResults) {
	terminal.CompleteSince(p, s.CompleteSince)
	switch {
	case !s.Goal:
		p.Line("the journey has no goal: there is nothing to compare by")
	case len(s.Splits) == 0:
		p.Line("the journey has no split")
	}
	for _, split := range s.Splits {
		var rows []table.Row
		add := func(name string, g api.GroupNumbers, words string) {
			rows = append(rows, table.Row{name, g.Customers, counted(g.Converted, g.Rate, g.Customers), g.Maturing,
				money(g.ValuePerCustomer), words})
		}
		for _, a := range split.Arms {
			words := ""
			if a.Control != nil {
				words = verdict(a.Verdict, *a.Control)
			}
			add(journey.ArmLabel(a.Arm), a.GroupNumbers, words)
		}
		add("(control group)", s.HeldOut, "")
		p.Table(table.Row{split.Step, "CUSTOMERS", "REACHED THE GOAL", "MATURING", "VALUE PER CUSTOMER", "AGAINST THE CONTROL GROUP"}, rows)
		for _, pair := range split.Pairs {
			line := fmt.Sprintf("%s against %s: %s", journey.ArmLabel(pair.Arm), journey.ArmLabel(pair.Other),
				verdict(pair.Verdict, pair.Difference))
			if pair.Verdict == api.NotEnoughYet && pair.Needed > 0 {
				line += fmt.Sprintf("; a difference of this size needs about %d customers in each arm", pair.Needed)
			}
			p.Line("%s", line)
		}
	}
}
