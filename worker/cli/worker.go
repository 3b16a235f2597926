// Package cli is the command tabi-worker, which runs journeys: the workflows, their activities, the relay that delivers
// events to them, and the background jobs.
package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"github.com/tabi-journeys/tabi/internal/app"
	"github.com/tabi-journeys/tabi/internal/health"
	"github.com/tabi-journeys/tabi/internal/human"
)

// Main runs the command that the process was started with, and returns its exit status.
func Main(b app.Build) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends what does not listen to the first
	err := command(b).ExecuteContext(ctx)
	if err != nil && err.Error() != "" {
		fmt.Fprintln(os.Stderr, "tabi-worker: "+human.Quote(err.Error(), "\n\t"))
	}
	return app.ExitCode(err)
}

func command(b app.Build) *cobra.Command {
	cfg := app.Config{Build: b}
	c := &cobra.Command{
		Use: "tabi-worker", Short: "Run journeys", Version: app.Version, SilenceUsage: true, SilenceErrors: true,
		Long: "Runs journeys: workflows, activities, the relay and the background jobs. Any number of workers can run side by side. A " +
			"worker ends within ten seconds of SIGTERM.\n\n" +
			"A flag can also be set by the environment variable in brackets; the flag takes precedence.\n\n" +
			"Exit status: 0 success, 1 failure, 2 wrong usage, 3 cannot reach the database or Temporal.",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return app.Usage("tabi-worker takes no arguments; see --help")
			}
			return nil
		},
		RunE: func(c *cobra.Command, _ []string) error {
			if err := cfg.Load(c.Flags(), os.LookupEnv); err != nil {
				return err
			}
			log, err := cfg.Logger(c.ErrOrStderr())
			if err != nil {
				return err
			}
			for _, text := range cfg.UnknownVariables(os.Environ()) {
				log.Warn(text)
			}
			if err := cfg.CheckCredentials(log); err != nil {
				return err
			}
			return run(c.Context(), &cfg, log)
		},
	}
	c.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return app.Usage("%w; see --help", err) })
	cfg.Register(c.Flags(), app.Storage|app.Logging|app.Temporal|app.Channels|app.Work|app.Relay|app.Words)
	c.AddCommand(health.Command("TABI_METRICS_LISTEN", "127.0.0.1:9090", "TABI_METRICS_TLS_CERT"))
	return c
}

func run(ctx context.Context, cfg *app.Config, log *zap.Logger) (err error) {
	defer app.StopWithin(ctx, log)()
	if cfg.PublicURL == "" {
		return app.Usage("--public-url is missing: give the address at which customers reach the gateway, for the links in e-mails")
	}
	health, err := cfg.ListenMetrics(log)
	if err != nil {
		return err
	}
	if health != nil {
		defer func() { _ = health.Close() }()
	}
	s, err := cfg.Connect(ctx, log)
	if err != nil {
		return app.Stopped(ctx, err)
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	s.LogSettings(ctx)
	parts := []func(context.Context) error{s.RunWorker, s.Relay().Run, s.Background().Run}
	if health != nil {
		parts = append(parts, func(ctx context.Context) error { return s.WorkerHealth(ctx, health) })
	}
	return app.RunAll(ctx, parts...)
}
