package cli

import (
	"os"
	"path/filepath"
	"sync"

	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"github.com/tabi-journeys/tabi/internal/app"
	"github.com/tabi-journeys/tabi/internal/app/devmode"
	"github.com/tabi-journeys/tabi/internal/journey/lint"
	"github.com/tabi-journeys/tabi/internal/journey/source"
	"github.com/tabi-journeys/tabi/starter/cli/designer"
	"github.com/tabi-journeys/tabi/starter/cli/terminal"
)

func devCommand(b app.Build) *cobra.Command {
	var (
		cfg   = app.Config{Build: b}
		child devmode.DevServerOptions
		quiet bool
	)
	c := &cobra.Command{
		Use: "dev [DIR]", Short: "Run everything on this machine: Temporal, worker, gateway, and sinks for messages",
		Long: "Starts a Temporal server as a child process, and runs the gateway, the worker and the relay in this process, on SQLite " +
			"files in the data folder. Lints and publishes the journeys in DIR (default: journeys) at start and on every save; a " +
			"folder with errors is not published. E-mails, pushes and text messages go to sinks that you read in the browser. " +
			"After each publish, dev runs the scenarios of the folder and says which fail.\n\n" +
			"dev listens on this machine only, and does not authenticate requests.",
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if !c.Flags().Changed("listen") && os.Getenv("TABI_LISTEN") == "" {
				cfg.Listen = "127.0.0.1:8080"
			}
			if err := cfg.Load(c.Flags(), os.LookupEnv); err != nil {
				return err
			}
			if !c.Flags().Changed("log-level") {
				cfg.LogLevel = "warn" // what matters to a designer is printed; the rest is for --log-level info
			}
			log, err := cfg.Logger(c.ErrOrStderr())
			if err != nil {
				return err
			}
			dir := "journeys"
			if len(args) == 1 {
				dir = args[0]
			} else if _, err := os.Stat(dir); err != nil {
				dir = ""
			}
			if dir != "" {
				if dir, err = filepath.Abs(dir); err != nil {
					return err
				}
				if _, err := app.ReadFolder(dir); err != nil {
					return err
				}
				if wd, err := os.Getwd(); err == nil {
					if near, err := filepath.Rel(wd, dir); err == nil && filepath.IsLocal(near) {
						dir = near
					}
				}
			}
			err = newDev(c, &cfg, child, dir, quiet, log).Run(c.Context())
			if err == nil {
				terminal.To(c.OutOrStdout()).Line("tabi has stopped; its data is in %s", cfg.DataDir)
			}
			return err
		},
	}
	f := c.Flags()
	cfg.Register(f, app.Storage|app.Logging|app.HTTP|app.Channels|app.Work|app.Relay|app.Time|app.Words)
	f.IntVar(&child.Port, "temporal-port", 0, "port of Temporal; 0: 7233, or any free port if that is taken")
	f.IntVar(&child.UIPort, "ui-port", 0, "port of the Temporal UI; 0: 8233, or any free port if that is taken")
	f.BoolVar(&quiet, "quiet", false, "do not print a line for each entry and send")
	f.BoolVar(&child.Headless, "headless", false, "do not start the Temporal UI")
	for _, closed := range []string{"metrics-listen", "insecure"} { // the gateway has the metrics; dev is open to this machine anyway
		if err := f.MarkHidden(closed); err != nil {
			panic(err)
		}
	}
	f.Lookup("listen").DefValue = "127.0.0.1:8080"
	return c
}

// newDev returns a Dev that reports to the terminal.
func newDev(c *cobra.Command, cfg *app.Config, child devmode.DevServerOptions, dir string, quiet bool, log *zap.Logger) *devmode.Dev {
	var mu sync.Mutex
	out := terminal.To(c.OutOrStdout())
	say := func(f func()) {
		mu.Lock()
		defer mu.Unlock()
		f()
	}
	child.DataDir = cfg.DataDir
	if dir == "" {
		out.Line("there is no journeys folder here: nothing is published (name one: tabi dev DIR)")
	}
	var latest []lint.File
	dev := &devmode.Dev{
		Config: cfg, Temporal: child, Journeys: dir, Log: log,
		Linted: func(files []lint.File, found source.Diagnostics) {
			latest = files
			say(func() {
				if err := terminal.Diagnostics(c.OutOrStdout(), "text", found); err != nil {
					log.Warn("could not print the diagnostics", zap.Error(err))
				}
				if found.Failed(false) {
					out.Line("not published: fix the errors; the previous release stays in effect")
				}
			})
		},
		Published: func(p app.Published) {
			say(func() { terminal.Published(out, p) })
			go func(files []lint.File) {
				failed, total := designer.Failing(c.Context(), cfg.Build, files)
				say(func() { sayScenarios(out, failed, total) })
			}(latest)
		},
		Refused: func(err error) { say(func() { out.Line("%v", err) }) },
		Ready: func(r devmode.Running) {
			say(func() {
				out.Line("tabi is ready (%s)", app.DescribeClock(r.Clock))
				out.Line("  gateway      %s", r.URL)
				out.Line("  journeys     %s/journeys", r.URL)
				out.Line("  customers    %s/customers", r.URL)
				out.Line("  inbox        %s/inbox", r.URL)
				out.Line("  report       %s/report", r.URL)
				out.Line("  play         %s/dev/play", r.URL)
				out.Line("  mails        %s/dev/mail", r.URL)
				out.Line("  pushes       %s/dev/push", r.URL)
				out.Line("  texts        %s/dev/sms", r.URL)
				out.Line("  chats        %s/dev/chat", r.URL)
				out.Line("  temporal     %s", r.Temporal)
				if r.UI != "" {
					out.Line("  temporal UI  %s", r.UI)
				}
				out.Line("stop it with Ctrl-C")
			})
		},
	}
	if !quiet {
		dev.Activity = func(line string) { say(func() { out.Line("%s", line) }) }
	}
	return dev
}

// scenariosShown is the number of failed scenarios that are named.
const scenariosShown = 10

// sayScenarios says which scenarios fail with what was published.
func sayScenarios(out *terminal.Printer, failed []string, total int) {
	if len(failed) == 0 {
		if total > 0 {
			out.Line("%s passed", terminal.Several(total, "scenario"))
		}
		return
	}
	out.Line("! %d of %s failed with this release, which is published all the same; see tabi test:", len(failed),
		terminal.Several(total, "scenario"))
	for _, name := range failed[:min(len(failed), scenariosShown)] {
		out.Line("!   %s", name)
	}
	if more := len(failed) - scenariosShown; more > 0 {
		out.Line("!   … and %d more", more)
	}
}
