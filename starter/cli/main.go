// Package cli is the command tabi: its root, and the commands that serve and publish. Those for designers and for
// operators are in the packages below, one file per command.
package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/tabi-journeys/tabi/internal/app"
	"github.com/tabi-journeys/tabi/internal/health"
	"github.com/tabi-journeys/tabi/starter/cli/designer"
	"github.com/tabi-journeys/tabi/starter/cli/operator"
	"github.com/tabi-journeys/tabi/starter/cli/terminal"
)

// Main runs the command that the process was started with, and returns its exit status.
func Main(b app.Build) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends what does not listen to the first
	return Run(ctx, b, os.Args[1:], os.Stdout, os.Stderr)
}

// Run runs one command, prints its error, and returns its exit status.
func Run(ctx context.Context, b app.Build, args []string, out, errs io.Writer) int {
	root := newRoot(b)
	root.SetArgs(args)
	root.SetOut(out)
	root.SetErr(errs)
	err := root.ExecuteContext(ctx)
	if err != nil && err.Error() != "" {
		_, _ = fmt.Fprintln(errs, "tabi: "+terminal.Lines(err.Error()))
	}
	return app.ExitCode(err)
}

// newRoot is the command tree.
func newRoot(b app.Build) *cobra.Command {
	root := &cobra.Command{
		Use:   "tabi",
		Short: "Durable customer journeys on Temporal",
		Long: "tabi runs customer journeys. A YAML file says what happens, and each enrollment of a customer runs as one durable " +
			"workflow on Temporal.\n\n" +
			"A flag can also be set by the environment variable in brackets; the flag takes precedence.\n\n" +
			"Exit status: 0 success, 1 a check failed, 2 wrong usage, 3 cannot reach the database, Temporal or the gateway.",
		SilenceUsage: true, SilenceErrors: true, Version: app.Version,
	}
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return app.Usage("%w; see %s --help", err, c.CommandPath())
	})
	root.AddCommand(devCommand(b), serveCommand(b), publishCommand(b), rollbackCommand(b), releasesCommand(b))
	root.AddCommand(databaseCommand(), masterKeyCommand(), versionCommand(),
		health.Command("TABI_LISTEN", "127.0.0.1:8080", "TABI_TLS_CERT"))
	root.AddCommand(designer.Commands(b)...)
	root.AddCommand(operator.Commands(b)...)
	audited(root)
	strict(root)
	return root
}

// strict makes wrong arguments and unknown commands errors of usage.
func strict(c *cobra.Command) {
	if check := c.Args; check != nil {
		c.Args = func(c *cobra.Command, args []string) error {
			if check(c, args) == nil {
				return nil
			}
			form := strings.TrimSuffix(c.UseLine(), " [flags]")
			for n, arg := range args {
				if check(c, args[:n]) == nil && check(c, args[:n+1]) != nil {
					return app.Usage("%q is one argument too many: write %s; see %s --help", arg, form, c.CommandPath())
				}
			}
			return app.Usage("an argument is missing: write %s; see %s --help", form, c.CommandPath())
		}
	} else if c.HasSubCommands() {
		c.Args = func(c *cobra.Command, args []string) error {
			if len(args) > 0 {
				hint := ""
				if near := c.SuggestionsFor(args[0]); len(near) > 0 {
					hint = fmt.Sprintf(" (did you mean %q?)", near[0])
				}
				return app.Usage("there is no command %q%s; see %s --help", args[0], hint, c.CommandPath())
			}
			return nil
		}
		c.RunE = func(c *cobra.Command, _ []string) error { return c.Help() }
		c.SuggestionsMinimumDistance = 2
	}
	for _, sub := range c.Commands() {
		strict(sub)
	}
}
