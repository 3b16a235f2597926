package designer

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tabi-journeys/tabi/activities"
	"github.com/tabi-journeys/tabi/internal/app"
	"github.com/tabi-journeys/tabi/internal/gallery"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/journey/scenario"
	"github.com/tabi-journeys/tabi/internal/simulate"
	"github.com/tabi-journeys/tabi/starter/cli/remote"
	"github.com/tabi-journeys/tabi/starter/cli/terminal"
)

// previewFlags are the flags of `tabi preview`.
type previewFlags struct {
	remote.Client
	dir, scenario, customer, output, png string
	all                                  bool
}

func previewCommand(b app.Build) *cobra.Command {
	var f previewFlags
	c := &cobra.Command{
		Use: "preview [MESSAGE]", Short: "Show what a message says: every treatment, tone and language, as one HTML page",
		Long: "Renders every treatment, tone and language of a message as a send does, and writes one HTML page: mails as a phone and a " +
			"window on a desk show them, in the light and in the dark, beside their plain text; push, SMS, chat and app messages as a " +
			"phone shows them; and what readers will stumble over. The page runs nothing and loads nothing except the pictures of " +
			"mails.\n\n" +
			"The customers are tabi's own: one who has all that the message reads, and odd ones with long values, odd characters, " +
			"or nothing. If a scenario of the folder sends the message, its customer comes first. --scenario and --customer choose " +
			"another: the latter one of the store, by the gateway, with the entry of their latest enrollment in a journey that sends " +
			"the message. That needs the permission to see personal data.\n\n" +
			"--png also writes a picture of each mail, taken by the Chromium of this machine.\n\n" +
			"Exit status: 0 written, 1 the folder has errors or a treatment cannot be rendered, 2 wrong usage, 3 cannot reach the " +
			"gateway.",
		Example: "  tabi preview cart-reminder\n  tabi preview --all --output preview\n  tabi preview cart-reminder --scenario " +
			"\"cart-recovery.test.yaml:never comes back\"\n  tabi preview cart-reminder --customer ana --png shots",
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			switch {
			case f.all == (len(args) == 1):
				return app.Usage("give the name of a message, or --all")
			case f.scenario != "" && f.customer != "":
				return app.Usage("give --scenario or --customer, not both")
			case f.all && f.scenario != "":
				return app.Usage("--scenario is one send of one message: leave out --all")
			}
			return f.preview(c, b, args)
		},
	}
	flags := c.Flags()
	flags.StringVar(&f.dir, "dir", "journeys", "the journeys folder")
	flags.BoolVar(&f.all, "all", false, "all messages of the folder, with an index")
	flags.StringVar(&f.customer, "customer", "", "id of a customer to render it for, by the gateway")
	flags.StringVar(&f.scenario, "scenario", "", "FILE:NAME of a scenario to render it for, as it sends the message; NAME may be left out")
	flags.StringVar(&f.output, "output", "", "file to write; with --all a folder (default MESSAGE.html, or preview)")
	flags.StringVar(&f.png, "png", "", "folder for a picture of each mail: narrow and wide, light and dark")
	f.Register(c, false, true)
	return c
}

// read reads and checks the folder. Its errors are printed.
func (f *previewFlags) read(c *cobra.Command, b app.Build) (*journey.Content, map[string]*scenario.File, error) {
	files, err := app.ReadFolder(f.dir)
	if err != nil {
		return nil, nil, err
	}
	content, tests, found := b.CheckScenarios(files)
	if found.Failed(false) {
		if err := terminal.Diagnostics(c.ErrOrStderr(), "text", found); err != nil {
			return nil, nil, err
		}
		return nil, nil, app.Quiet(app.ExitBad)
	}
	return content, tests, nil
}

func (f *previewFlags) preview(c *cobra.Command, b app.Build, args []string) error {
	content, tests, err := f.read(c, b)
	if err != nil {
		return err
	}
	names := args
	if f.all {
		names = slices.Sorted(maps.Keys(content.Messages))
	} else if content.Messages[names[0]] == nil {
		return app.Usage("there is no message %q in %s%s", names[0], f.dir, among(names[0], slices.Sorted(maps.Keys(content.Messages))))
	}
	var galleries []*gallery.Gallery
	for _, name := range names {
		samples, err := f.samples(c, b, content, tests, name)
		if err != nil {
			return err
		}
		g, err := gallery.Build(c.Context(), content, b.Specs(), name, samples)
		if err != nil {
			return err
		}
		galleries = append(galleries, g)
	}
	return f.write(c, b, galleries)
}

// samples returns the customers to render a message for.
func (f *previewFlags) samples(c *cobra.Command, b app.Build, content *journey.Content, tests map[string]*scenario.File, name string,
) ([]gallery.Sample, error) {
	odd := gallery.Samples(content.Messages[name], b.Specs())
	switch {
	case f.scenario != "":
		first, err := chosenScenario(c.Context(), b, content, tests, f.scenario, name)
		if err != nil {
			return nil, err
		}
		return append([]gallery.Sample{*first}, odd[1:]...), nil
	case f.customer != "":
		first, err := f.customerSample(c, b, content.Messages[name])
		if err != nil {
			return nil, err
		}
		return []gallery.Sample{*first}, nil
	}
	if first := sending(c.Context(), b, content, tests, name); first != nil {
		return append([]gallery.Sample{*first}, odd[1:]...), nil
	}
	return odd, nil
}

// chosenScenario returns the customer of a scenario, FILE:NAME or FILE, at the moment at which it first sends a message.
func chosenScenario(ctx context.Context, b app.Build, content *journey.Content, tests map[string]*scenario.File, chosen, name string,
) (*gallery.Sample, error) {
	file, wanted, _ := strings.Cut(chosen, ".yaml:")
	file = strings.TrimSuffix(file, ".yaml") + ".yaml"
	var test *scenario.File
	for _, one := range tests {
		if one.File == filepath.ToSlash(filepath.Clean(file)) || filepath.Base(one.File) == filepath.Base(file) {
			test = one
		}
	}
	if test == nil {
		return nil, app.Usage("there is no scenario file %s in the folder: give FILE.test.yaml:NAME", file)
	}
	var known []string
	for n, s := range test.Scenarios {
		known = append(known, s.Name)
		if wanted == "" || s.Name == wanted {
			sample, failed := sends(ctx, b, content, test, n, name)
			if sample != nil {
				return sample, nil
			}
			if wanted != "" {
				why := ""
				if failed != "" {
					why = ": " + failed
				}
				return nil, app.Usage("the scenario %q does not send %s%s", wanted, name, why)
			}
		}
	}
	if wanted == "" {
		return nil, app.Usage("no scenario of %s sends %s", test.File, name)
	}
	return nil, app.Usage("%s has no scenario %q%s", test.File, wanted, among(wanted, known))
}

// sending returns the customer of the first scenario of a folder that sends a message; nil if none does.
func sending(ctx context.Context, b app.Build, content *journey.Content, tests map[string]*scenario.File, name string) *gallery.Sample {
	for _, own := range []bool{true, false} { // scenarios of the journey that says it come first
		for _, j := range slices.Sorted(maps.Keys(tests)) {
			for n := range tests[j].Scenarios {
				journeys := tests[j].Scenarios[n].With
				if own {
					journeys = []string{j}
				}
				if !mentioned(content, journeys, name) {
					continue
				}
				if sample, _ := sends(ctx, b, content, tests[j], n, name); sample != nil {
					return sample
				}
			}
		}
	}
	return nil
}

// mentioned reports whether one of journeys can send a message: other scenarios need not run.
func mentioned(content *journey.Content, journeys []string, name string) bool {
	for _, j := range journeys {
		d := content.Journeys[j]
		if d == nil {
			continue
		}
		for i := range d.Steps {
			spec := d.Steps[i].Describe()
			if len(spec.Groups)+len(spec.Actions) > 0 ||
				slices.ContainsFunc(spec.Messages, func(s journey.Saying) bool { return s.Message == name }) {
				return true
			}
		}
	}
	return false
}

// sends plays a scenario, and returns its customer when it sends a message; nil if it does not, and why the scenario failed, if it did.
func sends(ctx context.Context, b app.Build, content *journey.Content, test *scenario.File, n int, name string,
) (sample *gallery.Sample, failed string) {
	result := simulate.Run(ctx, content, test, n, simulate.Options{Channels: b.Specs(), Rendered: func(r activities.Rendered) {
		if sample == nil && r.Message.Name == name {
			sample = &gallery.Sample{Name: "scenario: " + test.Scenarios[n].Name, Vars: r.Vars, Data: r.Data}
		}
	}})
	if len(result.Failures) > 0 {
		failed = result.Failures[0].Message
	}
	return sample, failed
}

// write writes the pages and pictures, and prints the warnings.
func (f *previewFlags) write(c *cobra.Command, b app.Build, galleries []*gallery.Gallery) error {
	out, p := f.output, terminal.To(c.OutOrStdout())
	if f.all {
		out = cmp.Or(out, "preview")
		if err := os.MkdirAll(out, 0o755); err != nil {
			return app.Usage("cannot make the folder %s: %w", out, err)
		}
	}
	index := gallery.Page{Title: "Messages of " + filepath.ToSlash(filepath.Clean(f.dir))}
	broken := 0
	for _, g := range galleries {
		page := gallery.Page{Title: g.Message, Galleries: []*gallery.Gallery{g}}
		file := cmp.Or(f.output, g.Message+".html")
		if f.all {
			page.Back, file = "index.html", filepath.Join(out, g.Message+".html")
		}
		if err := writePage(file, page, b, f.customer != ""); err != nil {
			return err
		}
		warnings := g.Warnings()
		index.Index = append(index.Index, gallery.Entry{
			Name: g.Message, About: g.About, File: g.Message + ".html", Subject: g.Subject(), Channels: g.Channels(),
			Warnings: len(warnings),
		})
		for i := range g.Views {
			if v := &g.Views[i]; v.Err != "" {
				broken++
				p.Line("%s: %s, for %s: cannot be rendered: %s", g.Message, v.Title(), v.Sample, v.Err)
			}
		}
		for _, w := range warnings {
			p.Line("%s: %s: %s: %s (warning)", g.Message, w.Where, w.Code, w.Text)
		}
		if !f.all {
			p.Line("wrote %s: %s", file, terminal.Several(len(g.Views), "view"))
		}
	}
	if f.all {
		if err := writePage(filepath.Join(out, "index.html"), index, b, f.customer != ""); err != nil {
			return err
		}
		p.Line("wrote %s: %s", filepath.Join(out, "index.html"), terminal.Several(len(galleries), "message"))
	}
	if f.png != "" {
		n, err := shoot(c.Context(), galleries, f.png)
		if err != nil {
			return err
		}
		p.Line("wrote %s to %s", terminal.Several(n, "picture"), f.png)
	}
	if broken > 0 {
		return app.Quiet(app.ExitBad)
	}
	return nil
}

func writePage(file string, page gallery.Page, b app.Build, private bool) error {
	data, err := page.HTML(b.Specs())
	if err != nil {
		return err
	}
	mode := os.FileMode(0o644)
	if private { // it shows a customer
		mode = 0o600
	}
	if err := os.WriteFile(file, data, mode); err != nil {
		return app.Usage("cannot write %s: %w", file, err)
	}
	return nil
}

// shotName is the file of a picture: cart-reminder.email.ja.390-dark.png.
func shotName(g *gallery.Gallery, v *gallery.View, width int, dark bool) string {
	parts := []string{g.Message}
	for _, part := range []string{v.Channel, v.Tone, v.Language} {
		if part != "" {
			parts = append(parts, strings.Map(fileRune, part))
		}
	}
	if v.Odd {
		parts = append(parts, strings.Map(fileRune, v.Sample))
	}
	shade := "light"
	if dark {
		shade = "dark"
	}
	return strings.Join(append(parts, fmt.Sprintf("%d-%s", width, shade), "png"), ".")
}

func fileRune(r rune) rune {
	if r == ' ' || r == '/' || r == '\\' || r == '.' {
		return '-'
	}
	return r
}
