package cli

import (
	"context"
	"errors"
	"os"

	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"github.com/tabi-journeys/tabi/internal/app"
	"github.com/tabi-journeys/tabi/internal/audit"
	"github.com/tabi-journeys/tabi/internal/keyring"
	"github.com/tabi-journeys/tabi/internal/sqldb"
	"github.com/tabi-journeys/tabi/starter/cli/terminal"
)

// masterKeyView is the output of `masterkey`.
type masterKeyView struct {
	Rewrapped int             `json:"rewrapped"`
	Masters   []keyring.Usage `json:"master_keys"`
}

func masterKeyCommand() *cobra.Command {
	group := &cobra.Command{
		Use: "masterkey", Short: "Show and rotate the master keys that encrypt what Temporal keeps",
		Long: "What Temporal keeps of a customer is encrypted by a key of that customer in the database, which a master key of " +
			"TABI_MASTER_KEYS wraps. To replace a master key, append a new one in all processes (TABI_MASTER_KEYS=OLD,NEW), then put it " +
			"first (NEW,OLD), run `tabi masterkey rewrap`, and drop the old one. No history is written again.",
	}
	group.AddCommand(
		masterKeyStep("status", "Show which master keys are listed, and how many keys each wraps",
			func(context.Context, *keyring.Room, *sqldb.Database) (int, error) { return 0, nil }),
		masterKeyStep("rewrap", "Wrap all keys by the first master key", rewrap),
	)
	return group
}

// rewrap wraps all keys by the first master key, as an act.
func rewrap(ctx context.Context, keys *keyring.Room, db *sqldb.Database) (n int, err error) {
	e := audit.Entry{What: "masterkey.rewrap", Kind: "masterkey", ID: keys.Masters().IDs()[0]}
	err = app.Audited(ctx, db, e, func(ctx context.Context) (err error) {
		n, err = keys.Rewrap(ctx)
		return err
	})
	return n, err
}

// masterKeyStep is a command that opens the database's keys, does something and shows the master keys.
func masterKeyStep(use, short string, do func(context.Context, *keyring.Room, *sqldb.Database) (int, error)) *cobra.Command {
	var (
		cfg    app.Config
		output string
	)
	c := &cobra.Command{
		Use: use, Short: short, Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) (err error) {
			if err := cfg.Load(c.Flags(), os.LookupEnv); err != nil {
				return err
			}
			keys, db, err := cfg.OpenKeys(c.Context(), zap.NewNop())
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, db.Close()) }()
			if keys.Masters() == nil {
				return app.Usage("TABI_MASTER_KEYS is not set: nothing is encrypted, or this command does not know by what")
			}
			v := masterKeyView{}
			if v.Rewrapped, err = do(c.Context(), keys, db); err != nil {
				return err
			}
			if v.Masters, err = keys.Usage(c.Context()); err != nil {
				return err
			}
			return terminal.Show(c, output, v, v.print)
		},
	}
	cfg.Register(c.Flags(), app.Storage)
	terminal.OutputFlag(c, &output)
	return c
}

func (v masterKeyView) print(p *terminal.Printer) {
	if v.Rewrapped > 0 {
		p.Line("%d keys wrapped again", v.Rewrapped)
	}
	for _, m := range v.Masters {
		what := "unwraps"
		switch {
		case m.Wraps:
			what = "wraps and unwraps"
		case !m.Listed:
			what = "NOT LISTED: its keys cannot be used"
		case m.Keys == 0:
			what = "not needed any longer"
		}
		p.Line("%s  %d keys  %s", m.Master, m.Keys, what)
	}
}
