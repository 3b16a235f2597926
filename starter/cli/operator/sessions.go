package operator

import (
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"github.com/tabi-journeys/tabi/internal/api"
	"github.com/tabi-journeys/tabi/internal/app"
	"github.com/tabi-journeys/tabi/internal/human"
	"github.com/tabi-journeys/tabi/starter/cli/remote"
	"github.com/tabi-journeys/tabi/starter/cli/terminal"
)

func sessionsCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "sessions", Short: "List who is signed in to the pages, and end sessions",
		Long: "A session ends when its person signs out, after --session-idle without use and after --session-life at all, when its " +
			"token or its role is taken out of the configuration, or by sessions end.",
	}
	c.AddCommand(sessionsListCommand(), sessionsEndCommand())
	return c
}

func sessionsListCommand() *cobra.Command {
	var (
		r      remote.Client
		in     api.SessionFilter
		output string
	)
	c := &cobra.Command{
		Use: "list", Short: "List who is signed in, the latest used first", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if in.Limit < 1 || in.Limit > page {
				return app.Usage("--limit is %d: give 1 to %d", in.Limit, page)
			}
			if err := r.Load(c); err != nil {
				return err
			}
			got, err := api.ListSessions.Call(c.Context(), &r, in)
			if err != nil {
				return err
			}
			return terminal.Show(c, output, got, func(p *terminal.Printer) {
				if len(got.Sessions) == 0 {
					p.Line("nobody is signed in")
					return
				}
				rows := make([]table.Row, len(got.Sessions))
				for i, s := range got.Sessions {
					role := s.Role
					if len(s.Queues) > 0 {
						role += " of " + strings.Join(s.Queues, ", ")
					}
					rows[i] = table.Row{s.Name, s.Subject, role, s.Peer, terminal.Stamp(s.Seen), terminal.Stamp(s.Ends)}
				}
				p.Table(table.Row{"NAME", "SUBJECT", "ROLE", "FROM", "USED (UTC)", "ENDS (UTC)"}, rows)
			})
		},
	}
	c.Flags().IntVar(&in.Limit, "limit", 100, "number of sessions to list at most")
	r.Register(c, false, true)
	terminal.OutputFlag(c, &output)
	return c
}

func sessionsEndCommand() *cobra.Command {
	var (
		r      remote.Client
		in     api.SessionSelection
		output string
	)
	c := &cobra.Command{
		Use: "end [SUBJECT]", Short: "End all sessions of a person, or of everybody with --all", Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if in.All == (len(args) == 1) {
				return app.Usage("give the subject that tabi sessions list shows, or --all")
			}
			if len(args) == 1 {
				in.Subject = args[0]
			}
			if err := r.Load(c); err != nil {
				return err
			}
			got, err := api.EndSessions.Call(c.Context(), &r, api.SessionInput{Body: in})
			if err != nil {
				return err
			}
			return terminal.Show(c, output, got, func(p *terminal.Printer) {
				p.Line("%s ended", human.Count(int(got.Count), "session", "sessions"))
			})
		},
	}
	c.Flags().BoolVar(&in.All, "all", false, "end all sessions")
	r.Register(c, false, true)
	terminal.OutputFlag(c, &output)
	return c
}
