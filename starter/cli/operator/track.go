package operator

import (
	"crypto/rand"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/tabi-journeys/tabi/internal/apiclient"
	"github.com/tabi-journeys/tabi/internal/app"
	"github.com/tabi-journeys/tabi/internal/event"
	"github.com/tabi-journeys/tabi/starter/cli/remote"
	"github.com/tabi-journeys/tabi/starter/cli/terminal"
)

func trackCommand() *cobra.Command {
	var (
		r                                      remote.Client
		customer, properties, id, when, output string
	)
	c := &cobra.Command{
		Use: "track NAME --customer ID", Short: "Send an event of a customer",
		Example: `  tabi track "Order Completed" --customer ana --properties '{"cart_id": "k1", "total": 120}'`,
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if customer == "" {
				return app.Usage("--customer is missing: give the id of a customer")
			}
			fields, err := remote.Object("properties", properties)
			if err != nil {
				return err
			}
			if id == "" {
				id = rand.Text()
			}
			call := map[string]any{"type": "track", "event": args[0], "messageId": id}
			if device, anonymous := strings.CutPrefix(customer, event.AnonymousPrefix); anonymous {
				call["anonymousId"] = device
			} else {
				call["userId"] = customer
			}
			if fields != nil {
				call["properties"] = fields
			}
			if when != "" {
				if _, err := time.Parse(time.RFC3339, when); err != nil {
					return app.Usage("--time is %q: give an RFC 3339 time such as 2026-03-02T10:00:00Z", when)
				}
				call["timestamp"] = when
			}
			if err := r.Load(c); err != nil {
				return err
			}
			var out apiclient.Accepted
			if err := r.Call(c.Context(), "POST", "/v1/track", call, &out); err != nil {
				return err
			}
			return terminal.Show(c, output, out, func(p *terminal.Printer) {
				p.Line("accepted: %s", id)
				for _, got := range out.Receipts {
					switch {
					case got.Duplicate:
						p.Line("nothing changed: this event id was accepted before")
					case got.Heard > 0:
						p.Line("delivered to %s", terminal.Several(got.Heard, "running enrollment"))
					case len(got.Entered) == 0:
						p.Line("no journey was entered, and no running enrollment listens for this event")
					}
					if got.Unnamed {
						p.Line("! no journey, intent or action names the event %q: is it spelled so?", args[0])
					}
					for _, w := range got.Warnings {
						p.Line("! %s", w)
					}
					for _, w := range got.Entered {
						p.Line("entered: %s", w)
					}
				}
			})
		},
	}
	f := c.Flags()
	f.StringVar(&customer, "customer", "", "the customer's id, anon:ID for an anonymous one (required)")
	f.StringVar(&properties, "properties", "", "properties of the event, as a JSON object")
	f.StringVar(&id, "id", "", "event id; an event with the same id counts once; default: a random id")
	f.StringVar(&when, "time", "", "when the event happened, in RFC 3339; default: now")
	r.Register(c, true, false)
	terminal.OutputFlag(c, &output)
	return c
}
