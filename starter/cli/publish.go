package cli

import (
	"errors"
	"os"

	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"github.com/tabi-journeys/tabi/internal/app"
	"github.com/tabi-journeys/tabi/internal/catalog"
	"github.com/tabi-journeys/tabi/starter/cli/terminal"
)

func publishCommand(b app.Build) *cobra.Command {
	var (
		cfg    = app.Config{Build: b}
		output string
		by     string
	)
	c := &cobra.Command{
		Use: "publish DIR", Short: "Publish a journeys folder as the next release",
		Long: "Lints the folder and, if there are no errors, makes it the next release in one transaction. Gateways and workers use it " +
			"from their next decision on. Open enrollments keep the revision of the journey that they entered; new texts of messages " +
			"apply to them immediately.",
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) (err error) {
			if err := cfg.Load(c.Flags(), os.LookupEnv); err != nil {
				return err
			}
			files, err := app.ReadFolder(args[0])
			if err != nil {
				return err
			}
			if len(files) == 0 {
				return app.Usage("there is no YAML file in %s", args[0])
			}
			content, found := b.Check(files)
			if len(found) > 0 {
				if err := terminal.Diagnostics(c.ErrOrStderr(), "text", found); err != nil {
					return err
				}
			}
			if found.Failed(false) {
				return &app.ExitError{Code: app.ExitBad, Err: errors.New("not published: fix the errors first")}
			}
			st, err := cfg.OpenStore(c.Context(), zap.NewNop())
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, st.Close()) }()
			p, err := app.Publish(c.Context(), st, content, catalog.Origin{By: by})
			if err != nil {
				return err
			}
			return terminal.Show(c, output, p, func(out *terminal.Printer) { terminal.Published(out, p) })
		},
	}
	cfg.Register(c.Flags(), app.Storage)
	byFlag(c, &by)
	terminal.OutputFlag(c, &output)
	return c
}

// byFlag adds --by, who publishes.
func byFlag(c *cobra.Command, by *string) {
	c.Flags().StringVar(by, "by", app.Whoami(), "who publishes, for tabi releases")
	c.Flags().Lookup("by").DefValue = "user@host"
}
