package operator

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"github.com/tabi-journeys/tabi/internal/api"
	"github.com/tabi-journeys/tabi/internal/app"
	"github.com/tabi-journeys/tabi/internal/audit"
	"github.com/tabi-journeys/tabi/internal/clock"
	"github.com/tabi-journeys/tabi/internal/retention"
	"github.com/tabi-journeys/tabi/starter/cli/remote"
	"github.com/tabi-journeys/tabi/starter/cli/terminal"
)

func auditCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "audit", Short: "List, export and verify the log of what people did and looked at",
		Long: "Whatever people do by pages, the admin API, commands that open the database, or updates of a run in Temporal is recorded: " +
			"who, what, on whom, the result and from where. So is who looked at a customer, at most once in 15 minutes, and what was " +
			"refused.",
	}
	c.AddCommand(auditListCommand(), auditExportCommand(), auditVerifyCommand())
	return c
}

// auditFlags are the filters of list and export.
type auditFlags struct {
	api.AuditFilter
	since string
}

func (f *auditFlags) register(c *cobra.Command) {
	c.Flags().StringVar(&f.Customer, "customer", "", "only what is about this customer, by any of its ids")
	c.Flags().StringVar(&f.Journey, "journey", "", "only what is about this journey")
	c.Flags().StringVar(&f.Who, "who", "", "only what this person did")
	c.Flags().StringVar(&f.What, "what", "", "only this act, such as handoff.claim, or all of a kind: handoff.*")
	c.Flags().StringVar(&f.Result, "result", "", "only what was ok, refused or failed")
	c.Flags().StringVar(&f.since, "since", "", "only what is younger: 7d, 2026-03-02 or 2026-03-02T09:00:00Z")
}

func (f *auditFlags) load() (err error) {
	if f.since != "" {
		f.Since, err = momentOf(f.since, clock.Wall())
	}
	return err
}

// audited runs do, which changes the database directly, and records it. A dry run changes nothing.
func audited(c *cobra.Command, s *app.Services, dryRun bool, e audit.Entry, do func(ctx context.Context) error) error {
	if dryRun {
		return do(c.Context())
	}
	return app.Audited(c.Context(), s.Store.Database, e, do)
}

func auditListCommand() *cobra.Command {
	var (
		r      remote.Client
		filter auditFlags
		limit  int
		output string
	)
	c := &cobra.Command{
		Use: "list", Short: "List what people did, newest first", Args: cobra.NoArgs,
		Example: "  tabi audit list --customer ana\n  tabi audit list --who Lea --since 7d",
		RunE: func(c *cobra.Command, _ []string) error {
			if limit < 1 {
				return app.Usage("--limit is %d: give at least 1", limit)
			}
			if err := errors.Join(filter.load(), r.Load(c)); err != nil {
				return err
			}
			var all api.AuditList
			var err error
			all.Entries, all.Next, err = collect(limit, func(after string, most int) ([]api.AuditEntry, string, error) {
				filter.After, filter.Limit = after, most
				got, err := api.ListAudit.Call(c.Context(), &r, filter.AuditFilter)
				all.CompleteSince = got.CompleteSince
				return got.Entries, got.Next, err
			})
			if err != nil {
				return err
			}
			return terminal.Show(c, output, all, func(p *terminal.Printer) { printAudit(p, all) })
		},
	}
	filter.register(c)
	c.Flags().IntVar(&limit, "limit", 50, "number of entries to list at most")
	r.Register(c, false, true)
	terminal.OutputFlag(c, &output)
	return c
}

func printAudit(p *terminal.Printer, all api.AuditList) {
	terminal.CompleteSince(p, all.CompleteSince)
	if len(all.Entries) == 0 {
		p.Line("nothing is recorded that fits")
		return
	}
	rows := make([]table.Row, len(all.Entries))
	for i, e := range all.Entries {
		about := e.ID
		if about == "" {
			about = e.Customer
		}
		if about == "" {
			about = e.Journey
		}
		result := e.Result
		if e.Reason != "" {
			result += ": " + e.Reason
		}
		who := e.Who
		if who == "" {
			who = "unknown"
		}
		rows[i] = table.Row{e.Seq, terminal.Stamp(e.At), who, e.Subject, e.Role, e.What, about, result, e.Door + " " + e.Peer}
	}
	p.Table(table.Row{"SEQ", "AT (UTC)", "WHO", "SUBJECT", "ROLE", "WHAT", "ON", "RESULT", "FROM"}, rows)
	if all.Next != "" {
		p.Line("… and older ones: raise --limit")
	}
}

func auditExportCommand() *cobra.Command {
	var (
		r      remote.Client
		filter auditFlags
	)
	c := &cobra.Command{
		Use: "export", Short: "Write the log as NDJSON, one entry per line, oldest first", Args: cobra.NoArgs,
		Long: "Reads the log in pages and writes each as it comes, so that a log of any size can be exported. That it was exported is " +
			"recorded.",
		Example: "  tabi audit export --since 30d > audit.ndjson",
		RunE: func(c *cobra.Command, _ []string) error {
			if err := errors.Join(filter.load(), r.Load(c)); err != nil {
				return err
			}
			filter.Order, filter.Limit = "oldest", page
			lines := json.NewEncoder(c.OutOrStdout())
			for {
				got, err := api.ListAudit.Call(c.Context(), &r, filter.AuditFilter)
				if err != nil {
					return err
				}
				if filter.After == "" && len(got.CompleteSince) > 0 {
					_, _ = fmt.Fprintf(c.ErrOrStderr(), "complete: %s; older ones were deleted (--retention)\n",
						retention.Begins(got.CompleteSince))
				}
				for _, e := range got.Entries {
					if err := lines.Encode(e); err != nil {
						return err
					}
				}
				if filter.After = got.Next; got.Next == "" {
					return nil
				}
			}
		},
	}
	filter.register(c)
	r.Register(c, false, true)
	return c
}

func auditVerifyCommand() *cobra.Command {
	cfg, output := app.Config{}, ""
	c := &cobra.Command{
		Use: "verify", Short: "Check that nobody has changed, added or deleted entries by hand", Args: cobra.NoArgs,
		Long: "Reads the whole log from the database. Each entry has the hash of the one before it in its own, so that a change breaks " +
			"the chain. Whoever can write the database can also write a whole new chain: compare the number and the hash of the last " +
			"entry with the log lines \"audit\" that left the machine.\n\nExit status: 0 it is whole, 1 it was tampered with.",
		RunE: func(c *cobra.Command, _ []string) (err error) {
			if err := cfg.Load(c.Flags(), os.LookupEnv); err != nil {
				return err
			}
			db, err := cfg.OpenDatabase(c.Context(), zap.NewNop())
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, db.Close()) }()
			v, err := audit.New(db, nil).Verify(c.Context())
			if err != nil {
				return err
			}
			if err := terminal.Show(c, output, v, func(p *terminal.Printer) { printVerification(p, v) }); err != nil {
				return err
			}
			if n := len(v.Problems); n > 0 {
				return &app.ExitError{Code: app.ExitBad, Err: errors.New("the audit log was tampered with")}
			}
			return nil
		},
	}
	cfg.Register(c.Flags(), app.Storage)
	terminal.OutputFlag(c, &output)
	return c
}

func printVerification(p *terminal.Printer, v audit.Verification) {
	if v.Entries == 0 {
		p.Line("no entries")
	} else {
		p.Line("entries %d to %d, %d in all, since %s", v.First, v.Last, v.Entries, terminal.UTC(v.Since))
		p.Fact("hash of the last", v.Head)
	}
	if v.Deleted > 0 {
		p.Line("the first %d were deleted by retention; the chain is checked from their last hash on", v.Deleted)
	}
	if v.Erased > 0 {
		p.Line("%d are about customers who were forgotten, without their ids", v.Erased)
	}
	for _, problem := range v.Problems {
		p.Line("%s", problem)
	}
	if len(v.Problems) == 0 {
		p.Line("the chain is whole")
	}
}
