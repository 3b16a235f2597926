package operator

import (
	"os"
	"time"

	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/spf13/cobra"

	"github.com/tabi-journeys/tabi/internal/app"
	"github.com/tabi-journeys/tabi/internal/doctor"
	"github.com/tabi-journeys/tabi/starter/cli/terminal"
)

// doctorPatience is how long doctor waits for the database and for Temporal, unless --connect-timeout says otherwise.
const doctorPatience = 3 * time.Second

func doctorCommand(b app.Build) *cobra.Command {
	cfg, output := app.Config{Build: b}, ""
	c := &cobra.Command{
		Use: "doctor", Short: "Examine an installation: what is configured, reached, too old or unsafe",
		Long: "Examines the installation with the settings of its processes: give it the environment of tabi serve and tabi-worker. It " +
			"changes nothing, sends no message and shows no secret. A line is ok, warn (it works, and is worth a look), fail (it does " +
			"not work, or is unsafe) or skip (it could not be examined), with what to do.\n\n" +
			"Exit status: 0 nothing fails, 1 something fails, 2 the settings cannot be read.",
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := terminal.CheckOutput(output); err != nil {
				return err
			}
			if err := cfg.Load(c.Flags(), os.LookupEnv); err != nil {
				return err
			}
			if !c.Flags().Changed("connect-timeout") {
				cfg.ConnectTimeout = doctorPatience
			}
			found := doctor.Examine(c.Context(), &doctor.Patient{Config: &cfg, Environ: os.Environ()})
			counts := map[doctor.Level]int{}
			for _, f := range found {
				counts[f.Level]++
			}
			err := terminal.Show(c, output, map[string]any{"findings": found}, func(p *terminal.Printer) {
				showFindings(p, found)
				p.Line(
					"%d ok, %d warn, %d fail, %d skipped",
					counts[doctor.OK], counts[doctor.Warn], counts[doctor.Fail], counts[doctor.Note],
				)
			})
			if err != nil || counts[doctor.Fail] == 0 {
				return err
			}
			return &app.ExitError{Code: app.ExitBad, Err: errQuiet{}}
		},
	}
	cfg.Register(c.Flags(), app.Storage|app.Temporal|app.HTTP|app.Channels|app.Work|app.Relay|app.Words)
	terminal.OutputFlag(c, &output)
	return c
}

// showFindings prints a line for each finding, and what to do below it. Checks that were skipped for one reason share a line.
func showFindings(p *terminal.Printer, found []doctor.Finding) {
	colors := map[doctor.Level]text.Colors{doctor.Fail: {text.FgRed}, doctor.Warn: {text.FgYellow}}
	for i := 0; i < len(found); i++ {
		f := found[i]
		for f.Level == doctor.Note && i+1 < len(found) && found[i+1].Level == doctor.Note && found[i+1].Area == f.Area &&
			found[i+1].Found == f.Found {
			i++
			f.Check += ", " + found[i].Check
		}
		p.Paint(colors[f.Level], "%-4s  %s: %s: %s", string(f.Level), f.Area, f.Check, f.Found)
		if f.Do != "" {
			p.Line("      -> %s", f.Do)
		}
	}
}

// errQuiet is an error without text: the output has said it.
type errQuiet struct{}

func (errQuiet) Error() string { return "" }
