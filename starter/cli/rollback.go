package cli

import (
	"context"
	"errors"
	"os"
	"strconv"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"github.com/tabi-journeys/tabi/internal/app"
	"github.com/tabi-journeys/tabi/starter/cli/remote"
	"github.com/tabi-journeys/tabi/starter/cli/terminal"
)

func rollbackCommand(b app.Build) *cobra.Command {
	var (
		cfg        = app.Config{Build: b}
		output, by string
		dryRun     bool
	)
	c := &cobra.Command{
		Use: "rollback [RELEASE]", Short: "Publish an earlier release again (default: the one before the current)",
		Long: "Makes the content of an earlier release the next release, in one transaction. The release is checked as by publish: it is " +
			"refused if open enrollments need something that it lacks. Open enrollments keep the revision of their journey; tabi " +
			"migrate moves them. Texts of messages apply to them immediately.\n\n" +
			"A folder that is published later, also by a running tabi dev on its next save, is live again: correct it there too.\n\n" +
			"tabi releases lists what was published.",
		Example: "  tabi rollback --dry-run\n  tabi rollback 12",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) (err error) {
			release := 0
			if len(args) > 0 {
				if release, err = strconv.Atoi(args[0]); err != nil || release < 1 {
					return app.Usage("%q is no release: give a number of tabi releases", args[0])
				}
			}
			if err := cfg.Load(c.Flags(), os.LookupEnv); err != nil {
				return err
			}
			st, err := cfg.OpenStore(c.Context(), zap.NewNop())
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, st.Close()) }()
			p, err := app.Rollback(c.Context(), st, release, by, dryRun)
			if err != nil {
				return err
			}
			return terminal.Show(c, output, p, func(out *terminal.Printer) { terminal.Published(out, p) })
		},
	}
	c.ValidArgsFunction = func(c *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
		return releaseNumbers(c, &cfg, args, typed), cobra.ShellCompDirectiveNoFileComp
	}
	c.Flags().BoolVar(&dryRun, "dry-run", false, "say what would change, and publish nothing")
	cfg.Register(c.Flags(), app.Storage)
	byFlag(c, &by)
	terminal.OutputFlag(c, &output)
	return c
}

// releaseNumbers completes the number of a release. It completes nothing where the database cannot be read.
func releaseNumbers(c *cobra.Command, cfg *app.Config, args []string, typed string) (names []string) {
	if len(args) > 0 || cfg.Load(c.Flags(), os.LookupEnv) != nil {
		return nil
	}
	if _, err := os.Stat(cfg.DataDir); err != nil && !cfg.Postgres() {
		return nil // opening it would create it
	}
	st, err := cfg.OpenStore(context.Background(), zap.NewNop())
	if err != nil {
		return nil
	}
	defer func() { _ = st.Close() }()
	list, err := st.Catalog.Releases(context.Background(), 0)
	if err != nil {
		return nil
	}
	for _, r := range list {
		names = append(names, strconv.Itoa(r.Number))
	}
	return remote.Matching(names, typed)
}

func releasesCommand(b app.Build) *cobra.Command {
	var (
		cfg    = app.Config{Build: b}
		output string
		limit  int
	)
	c := &cobra.Command{
		Use: "releases", Short: "List what was published, when, by whom, and what it changed", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) (err error) {
			if limit < 1 {
				return app.Usage("--limit is %d: give at least 1", limit)
			}
			if err := cfg.Load(c.Flags(), os.LookupEnv); err != nil {
				return err
			}
			st, err := cfg.OpenStore(c.Context(), zap.NewNop())
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, st.Close()) }()
			list, err := app.Releases(c.Context(), st, limit)
			if err != nil {
				return err
			}
			return terminal.Show(c, output, map[string]any{"releases": list}, func(p *terminal.Printer) { printReleases(p, list) })
		},
	}
	c.Flags().IntVar(&limit, "limit", 20, "number of releases to list at most, newest first")
	cfg.Register(c.Flags(), app.Storage)
	terminal.OutputFlag(c, &output)
	return c
}

// changesShown is how many changes of a release are named in the list.
const changesShown = 4

func printReleases(p *terminal.Printer, list []app.Release) {
	if len(list) == 0 {
		p.Line("nothing was published yet")
		return
	}
	rows := make([]table.Row, len(list))
	for i, r := range list {
		var words []string
		for _, part := range []struct {
			mark  string
			names []string
		}{{"+ ", r.Added}, {"~ ", r.Changed}, {"- ", r.Removed}} {
			for _, name := range part.names {
				words = append(words, part.mark+name)
			}
		}
		if more := len(words) - changesShown; more > 0 {
			words = append(words[:changesShown], "… and "+strconv.Itoa(more)+" more")
		}
		number := strconv.Itoa(r.Release)
		if r.Live {
			number += " (live)"
		}
		if r.Origin > 0 {
			words = append([]string{"again release " + strconv.Itoa(r.Origin)}, words...)
		}
		rows[i] = table.Row{number, terminal.Stamp(r.At), r.By, strings.Join(words, ", ")}
	}
	p.Table(table.Row{"RELEASE", "AT (UTC)", "BY", "CHANGES"}, rows)
}
