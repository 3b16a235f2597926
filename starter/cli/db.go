package cli

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"

	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"github.com/tabi-journeys/tabi/internal/app"
	"github.com/tabi-journeys/tabi/internal/audit"
	"github.com/tabi-journeys/tabi/internal/retention"
	"github.com/tabi-journeys/tabi/internal/sqldb"
	"github.com/tabi-journeys/tabi/starter/cli/terminal"
)

// databaseView is the output of `db`.
type databaseView struct {
	sqldb.Schema
	Usable string `json:"usable"` // yes, or why not
	// Begins says from when on each kind of data is complete, where retention has deleted some.
	Begins  retention.Begins `json:"complete_since,omitempty"`
	Deletes *retention.Turn  `json:"retention,omitempty"` // what the jobs that delete have done
}

func databaseCommand() *cobra.Command {
	group := &cobra.Command{
		Use: "db", Short: "Show and change the version of the database's schema",
		Long: "serve, tabi-worker and publish bring the schema to their version when they start, unless --no-migrate is set. These " +
			"commands do that beforehand, or take the last step back before an older build starts again.",
	}
	group.AddCommand(
		databaseStep(
			"status",
			"Show the schema's version, and whether this build can use it",
			"Shows the version of the schema, the newest version that this build knows, and the version that a build "+
				"must know at least to use the database.",
			func(context.Context, *sqldb.Database) error { return nil },
		),
		databaseStep(
			"up",
			"Bring the schema to this build's version",
			"Applies the migrations that the database lacks. Builds of the release before can continue.",
			func(ctx context.Context, db *sqldb.Database) error { return db.Migrate(ctx) },
		),
		databaseStep("down", "Take the last migration back",
			"Takes the last migration back, with the build that made it. Stop the processes of that build first. "+
				"The first migration stays.", func(ctx context.Context, db *sqldb.Database) error { return db.MigrateDown(ctx) }),
	)
	return group
}

// step changes the schema, as an act. That nothing was to do needs no entry.
func step(ctx context.Context, db *sqldb.Database, e audit.Entry, do func(context.Context, *sqldb.Database) error) error {
	before, err := db.Schema(ctx)
	if err != nil {
		return err
	}
	e.Detail = audit.Detail{"from": strconv.FormatInt(before.Version, 10)}
	return app.Audited(ctx, db, e, func(ctx context.Context) error {
		if err := do(ctx, db); err != nil {
			return err
		}
		after, err := db.Schema(ctx)
		if audit.Of(ctx).Object(e.Kind, strconv.FormatInt(after.Version, 10)); err == nil && after.Version == before.Version {
			audit.Of(ctx).Skip()
		}
		return err
	})
}

// databaseStep is a command that connects, does something and shows the schema's version.
func databaseStep(use, short, long string, do func(context.Context, *sqldb.Database) error) *cobra.Command {
	var (
		cfg    app.Config
		output string
	)
	c := &cobra.Command{
		Use: use, Short: short, Long: long, Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) (err error) {
			if err := cfg.Load(c.Flags(), os.LookupEnv); err != nil {
				return err
			}
			db, err := cfg.OpenDatabase(c.Context(), zap.NewNop())
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, db.Close()) }()
			if use == "status" {
				err = do(c.Context(), db)
			} else {
				err = step(c.Context(), db, audit.Entry{What: "database." + use, Kind: "schema"}, do)
			}
			if err != nil {
				return err
			}
			v := databaseView{Usable: "yes"}
			if v.Schema, err = db.Schema(c.Context()); err != nil {
				return err
			}
			if bad := v.Check(); bad != nil {
				v.Usable = "no: " + bad.Error()
			}
			if v.Version > 0 {
				if v.Begins, err = retention.ReadBegins(c.Context(), db.Reader); err != nil {
					return err
				}
				turn, err := retention.ReadTurn(c.Context(), db.Reader)
				if err != nil {
					return err
				}
				if turn.After = ""; turn.Holder != "" { // the id of a customer
					v.Deletes = &turn
				}
			}
			return terminal.Show(c, output, v, func(out *terminal.Printer) {
				out.Line("schema version %d; this build knows %d; a build must know %d", v.Version, v.Known, v.Compatible)
				out.Line("usable by this build: %s", v.Usable)
				terminal.CompleteSince(out, v.Begins)
				if t := v.Deletes; t != nil {
					printTurn(out, t)
				}
			})
		},
	}
	cfg.Register(c.Flags(), app.Storage)
	terminal.OutputFlag(c, &output)
	return c
}

// printTurn prints what the jobs that delete old data have done.
func printTurn(out *terminal.Printer, t *retention.Turn) {
	last := "no pass through all customers has ended yet"
	if !t.Passed.IsZero() {
		last = "the last pass through all customers ended " + terminal.UTC(t.Passed)
	}
	if !t.Began.IsZero() {
		last += fmt.Sprintf("; one began %s, and has looked through %d", terminal.UTC(t.Began), t.Customers)
	}
	out.Line("retention: last seen %s; %s", terminal.UTC(t.Seen), last)
	for _, kind := range slices.Sorted(maps.Keys(t.Rows)) {
		out.Line("retention has deleted of %s: %d", kind, t.Rows[kind])
	}
}
