package designer

import (
	"cmp"
	"crypto/rand"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"github.com/tabi-journeys/tabi/internal/api"
	"github.com/tabi-journeys/tabi/internal/app"
	"github.com/tabi-journeys/tabi/internal/gallery"
	"github.com/tabi-journeys/tabi/internal/human"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/journey/expr"
	"github.com/tabi-journeys/tabi/starter/cli/terminal"
)

// testSendFlags are the flags of `tabi send-test`.
type testSendFlags struct {
	previewFlags
	to                           []string
	via, tone, language, request string
	format                       string
}

func testSendCommand(b app.Build) *cobra.Command {
	var f testSendFlags
	c := &cobra.Command{
		Use: "send-test MESSAGE --to ADDRESS,…", Short: "Send a message of the folder to testers, as a customer would get it",
		Long: "Renders one treatment of a message of the folder, published or not, as tabi preview does, and has the gateway send it by " +
			"its channel to addresses that TABI_TEST_RECIPIENTS of the gateway lists (in dev: to any). The subject begins with [test]. " +
			"The ledger has a row of the category test for each address. It counts for no cap, no report and no model, and the links " +
			"to pages for customers lead nowhere. Dead addresses get nothing.\n\n" +
			"A request is sent once: where the answer was lost, repeat it with the --request that the command printed.\n\n" +
			"Exit status: 0 sent or on its way, 1 not sent to one of them, 2 wrong usage, 3 cannot reach the gateway.",
		Example: "  tabi send-test cart-reminder --to me@example.com\n  tabi send-test cart-reminder --to me@example.com --language ja " +
			"--scenario cart-recovery.test.yaml",
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			switch {
			case f.scenario != "" && f.customer != "":
				return app.Usage("give --scenario or --customer, not both")
			case len(f.to) == 0:
				return app.Usage("--to is missing: give the addresses of testers")
			}
			if err := terminal.CheckOutput(f.format); err != nil {
				return err
			}
			return f.send(c, b, args[0])
		},
	}
	flags := c.Flags()
	flags.StringSliceVar(&f.to, "to", nil, "addresses of testers, separated by commas; at most 10")
	flags.StringVar(&f.via, "via", "", "channel; default: email, or else the first that the message has a treatment for")
	flags.StringVar(&f.tone, "tone", "", "tone of the message; default: its own")
	flags.StringVar(&f.language, "language", "", "language of the message; default: that of the customer")
	flags.StringVar(&f.dir, "dir", "journeys", "the journeys folder")
	flags.StringVar(&f.customer, "customer", "", "id of a customer to render it for, by the gateway")
	flags.StringVar(&f.scenario, "scenario", "", "FILE:NAME of a scenario to render it for; NAME may be left out")
	flags.StringVar(&f.request, "request", "", "name of the request: the same is sent once; default: a new one")
	f.Register(c, false, true)
	terminal.OutputFlag(c, &f.format)
	return c
}

func (f *testSendFlags) send(c *cobra.Command, b app.Build, name string) error {
	content, tests, err := f.read(c, b)
	if err != nil {
		return err
	}
	m := content.Messages[name]
	if m == nil {
		return app.Usage("there is no message %q in %s%s", name, f.dir, among(name, slices.Sorted(maps.Keys(content.Messages))))
	}
	if err := f.Load(c); err != nil {
		return err
	}
	samples, err := f.samples(c, b, content, tests, name)
	if err != nil {
		return err
	}
	g, err := gallery.Build(c.Context(), content, b.Specs(), name, samples[:1])
	if err != nil {
		return err
	}
	v, err := f.choose(g, m, samples[0].Language())
	if err != nil {
		return err
	}
	if v.Err != "" {
		return &app.ExitError{Code: app.ExitBad, Err: fmt.Errorf("%s cannot be rendered: %s", v.Title(), v.Err)}
	}
	request := cmp.Or(f.request, strings.ToLower(rand.Text()))
	out, err := api.SendTest.Call(c.Context(), &f.Client, api.TestSendInput{Name: name, Body: api.TestSendRequest{
		Request: request, To: f.to, Channel: v.Channel, Tone: v.Tone, Language: v.Language, Fields: v.Fields,
	}})
	if err != nil {
		return fmt.Errorf("%w (request %s)", err, request)
	}
	failed := false
	if err := terminal.Show(c, f.format, out, func(p *terminal.Printer) {
		rows := make([]table.Row, len(out.Tests))
		for i, t := range out.Tests {
			rows[i] = table.Row{t.To, t.Status, t.Reason}
		}
		p.Line("%s, %s, for %s (request %s)", name, v.Title(), v.Sample, request)
		p.Table(table.Row{"TO", "STATUS", "REASON"}, rows)
	}); err != nil {
		return err
	}
	for _, t := range out.Tests {
		failed = failed || t.Status == "failed"
	}
	if failed {
		return app.Quiet(app.ExitBad)
	}
	return nil
}

// choose returns the treatment that the flags name.
func (f *testSendFlags) choose(g *gallery.Gallery, m *journey.Message, customers string) (*gallery.View, error) {
	channels := g.Channels()
	via := f.via
	if via == "" && len(channels) > 0 {
		via = channels[0]
		if slices.Contains(channels, "email") {
			via = "email"
		}
	}
	if !slices.Contains(channels, via) {
		return nil, app.Usage("%s has no treatment for %q, only for %s", g.Message, via, human.Join(channels))
	}
	if f.tone != "" && m.Tones[f.tone] == nil {
		return nil, app.Usage("%s has no tone %q%s", g.Message, f.tone, among(f.tone, slices.Sorted(maps.Keys(m.Tones))))
	}
	language := f.language
	if language != "" && m.Languages[language] == nil {
		return nil, app.Usage("%s has no language %q%s", g.Message, language, among(language, slices.Sorted(maps.Keys(m.Languages))))
	}
	if language == "" {
		language, _ = human.MatchLanguage(m.Languages, customers)
	}
	find := func(tone, language string) *gallery.View {
		for i := range g.Views {
			if v := &g.Views[i]; v.Channel == via && v.Tone == tone && v.Language == language {
				return v
			}
		}
		return nil
	}
	// What the channel does not have in the tone or the language is the message's own.
	for _, one := range [][2]string{{f.tone, language}, {f.tone, ""}, {"", language}, {"", ""}} {
		if v := find(one[0], one[1]); v != nil {
			return v, nil
		}
	}
	return nil, app.Usage("%s has no such treatment", g.Message)
}

// customerSample returns a customer of the store, by the gateway.
func (f *previewFlags) customerSample(c *cobra.Command, b app.Build, m *journey.Message) (*gallery.Sample, error) {
	if err := f.Load(c); err != nil {
		return nil, err
	}
	found, err := api.GetSample.Call(c.Context(), &f.Client, api.SampleQuery{Name: m.Name, Customer: f.customer})
	if err != nil {
		return nil, err
	}
	s := gallery.Real(m, b.Specs(), "customer "+f.customer, expr.Vars{
		Customer: found.Customer, Entry: found.Entry, Intent: found.Intent, Now: found.Now,
	})
	return &s, nil
}
