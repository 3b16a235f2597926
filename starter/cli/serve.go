package cli

import (
	"context"
	"errors"
	"os"

	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"github.com/tabi-journeys/tabi/internal/app"
	"github.com/tabi-journeys/tabi/internal/gateway"
)

func serveCommand(b app.Build) *cobra.Command {
	cfg := app.Config{Build: b}
	c := &cobra.Command{
		Use: "serve", Short: "Run the gateway and the relay",
		Long: "Runs the gateway, which serves HTTP, and the relay, which delivers events to Temporal. serve requires a " +
			"secret, unless --insecure is set. Keys and tokens are those of tabi keys, and of the settings. " +
			"After SIGTERM /readyz says 503, and the gateway goes on " +
			"serving for --drain before it stops.\n\n" +
			"Workers are separate processes: tabi-worker.",
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) (err error) {
			if err := cfg.Load(c.Flags(), os.LookupEnv); err != nil {
				return err
			}
			if err := cfg.CheckServe(); err != nil {
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
			app.TuneGateway()
			stopping, cancel := app.After(c.Context(), cfg.Drain)
			defer cancel()
			defer app.StopWithin(stopping, log)()
			listener, err := cfg.ListenHTTP(log)
			if err != nil {
				return err
			}
			defer func() { _ = listener.Close() }()
			s, err := cfg.Connect(c.Context(), log)
			if err != nil {
				return app.Stopped(c.Context(), err)
			}
			defer func() { err = errors.Join(err, s.Close()) }()
			g, err := s.Gateway(false, nil)
			if err != nil {
				return err
			}
			s.LogSettings(c.Context())
			log.Info(
				"gateway listening",
				zap.Stringer("address", listener.Addr()),
				zap.String("public_url", cfg.PublicURL),
				zap.String("version", app.Version),
			)
			return app.RunAll(c.Context(),
				func(ctx context.Context) error {
					defer context.AfterFunc(ctx, g.Drain)()
					late, cancel := app.After(ctx, cfg.Drain)
					defer cancel()
					return gateway.Serve(late, gateway.Server(g.Handler(), log), listener)
				},
				s.Relay().Run,
				s.Background().Run,
			)
		},
	}
	cfg.Register(c.Flags(), app.Storage|app.Logging|app.Temporal|app.HTTP|app.Relay|app.Words)
	return c
}
