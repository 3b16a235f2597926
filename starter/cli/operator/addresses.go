package operator

import (
	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"github.com/tabi-journeys/tabi/internal/api"
	"github.com/tabi-journeys/tabi/internal/app"
	"github.com/tabi-journeys/tabi/starter/cli/remote"
	"github.com/tabi-journeys/tabi/starter/cli/terminal"
)

func addressesCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "addresses", Short: "List addresses that bounced or opted out, and revive a dead address",
		Long: "Nothing is sent to an address that bounced, and no marketing to one that opted out, whichever customer has it. A dead " +
			"address is revived when a message arrives that was sent after the one that bounced, or by revive. An opt-out ends when " +
			"the customer opts in again.",
	}
	c.AddCommand(addressListCommand(), addressShowCommand(), addressReviveCommand())
	return c
}

func addressListCommand() *cobra.Command {
	var (
		r      remote.Client
		filter api.AddressFilter
		limit  int
		output string
	)
	c := &cobra.Command{
		Use: "list", Short: "List dead addresses, and those that opted out of marketing", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if limit < 1 {
				return app.Usage("--limit is %d: give at least 1", limit)
			}
			if err := r.Load(c); err != nil {
				return err
			}
			none := "no address is dead or has opted out"
			if state := string(filter.State); state != "" {
				none = "no address is in state " + state
			}
			return showAddresses(c, &r, filter, limit, output, none)
		},
	}
	c.Flags().StringVar(&filter.State, "state", "", "only addresses that are dead, opted_out or revived")
	c.Flags().StringVar(&filter.Channel, "channel", "", "only addresses of this channel")
	c.Flags().IntVar(&limit, "limit", 100, "number of addresses to list at most")
	r.Register(c, false, true)
	terminal.OutputFlag(c, &output)
	return c
}

func addressShowCommand() *cobra.Command {
	var (
		r      remote.Client
		output string
	)
	c := &cobra.Command{
		Use: "show ADDRESS", Short: "Show what is known of an address, in whatever spelling", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if err := r.Load(c); err != nil {
				return err
			}
			return showAddresses(c, &r, api.AddressFilter{Address: args[0]}, page, output, "nothing is known of this address: it is used")
		},
	}
	r.Register(c, false, true)
	terminal.OutputFlag(c, &output)
	return c
}

// showAddresses lists addresses, or prints none.
func showAddresses(c *cobra.Command, r *remote.Client, filter api.AddressFilter, limit int, output, none string) error {
	var all api.AddressList
	var err error
	all.Addresses, all.Next, err = collect(limit, func(after string, most int) ([]api.KnownAddress, string, error) {
		filter.After, filter.Limit = after, most
		got, err := api.ListAddresses.Call(c.Context(), r, filter)
		return got.Addresses, got.Next, err
	})
	if err != nil {
		return err
	}
	return terminal.Show(c, output, all, func(p *terminal.Printer) {
		if len(all.Addresses) == 0 {
			p.Line("%s", none)
			return
		}
		rows := make([]table.Row, len(all.Addresses))
		for i, a := range all.Addresses {
			rows[i] = table.Row{a.Channel, a.Address, deadWords(a), optedOutWords(a)}
		}
		p.Table(table.Row{"CHANNEL", "ADDRESS", "DELIVERY", "MARKETING"}, rows)
		if all.Next != "" {
			p.Line("… and more: raise --limit")
		}
	})
}

func deadWords(a api.KnownAddress) string {
	switch {
	case a.Dead && a.DeadAt != nil:
		return "dead since " + terminal.Stamp(*a.DeadAt) + ": " + a.Reason
	case a.RevivedAt != nil:
		return "revived " + terminal.Stamp(*a.RevivedAt) + " by " + a.RevivedBy + " (" + a.Reason + ")"
	}
	return ""
}

func optedOutWords(a api.KnownAddress) string {
	switch {
	case a.OptedOut && a.OptedOutAt != nil:
		return "opted out " + terminal.Stamp(*a.OptedOutAt) + " by " + a.OptedOutBy
	case a.OptedInAt != nil:
		return "opted in " + terminal.Stamp(*a.OptedInAt) + " by " + a.OptedInBy
	}
	return ""
}

func addressReviveCommand() *cobra.Command {
	var (
		r       remote.Client
		channel string
		output  string
	)
	c := &cobra.Command{
		Use: "revive ADDRESS", Short: "Use a dead address again", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if err := r.Load(c); err != nil {
				return err
			}
			body := api.ReviveRequest{Address: args[0], Channel: channel}
			out, err := api.ReviveAddress.Call(c.Context(), &r, api.ReviveInput{Body: body})
			if err != nil {
				return err
			}
			return terminal.Show(
				c,
				output,
				out,
				func(p *terminal.Printer) { p.Line("revived on %s", terminal.Several(out.Revived, "channel")) },
			)
		},
	}
	c.Flags().StringVar(&channel, "channel", "", "only on this channel")
	r.Register(c, false, true)
	terminal.OutputFlag(c, &output)
	return c
}
