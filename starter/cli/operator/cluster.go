package operator

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"go.uber.org/zap"
	"golang.org/x/term"

	"github.com/tabi-journeys/tabi/internal/app"
	"github.com/tabi-journeys/tabi/internal/app/devmode"
	"github.com/tabi-journeys/tabi/internal/audit"
	"github.com/tabi-journeys/tabi/internal/cluster"
	"github.com/tabi-journeys/tabi/starter/cli/terminal"
)

func clusterCommand(b app.Build) *cobra.Command {
	c := &cobra.Command{
		Use: "cluster", Short: "Show or change the Temporal namespace that the database belongs to",
		Long: "An enrollment is half in tabi's database and half in Temporal. The database remembers the namespace of its first start by " +
			"the id that Temporal gave it, and processes that reach another one do not start.",
	}
	c.AddCommand(clusterStatusCommand(b), clusterAdoptCommand(b))
	return c
}

// clusterView is the output of `cluster status` and `cluster adopt`.
type clusterView struct {
	Home    *cluster.Identity `json:"home,omitempty"` // of the database; nil: no process has been started on it
	Found   cluster.Identity  `json:"found"`          // what TEMPORAL_ADDRESS and TEMPORAL_NAMESPACE lead to
	Same    bool              `json:"same"`
	Open    int64             `json:"open"` // enrollments that are not closed
	Adopted bool              `json:"adopted,omitempty"`
}

// ask fills the view.
func (v *clusterView) ask(c *cobra.Command, s *app.Services) (err error) {
	if v.Found, err = s.Home.Ask(c.Context()); err != nil {
		return app.Unreachable("%w", err)
	}
	home, ok, err := cluster.Home(c.Context(), s.Store.Database)
	if err != nil {
		return err
	}
	if ok {
		v.Home, v.Same = &home, home.NamespaceID == v.Found.NamespaceID
	}
	counts, err := s.Store.Analytics.Counts(c.Context())
	for _, n := range counts.Open {
		v.Open += n
	}
	return err
}

// print prints both namespaces.
func (v *clusterView) print(p *terminal.Printer) {
	home := "none yet: the first start of tabi serve or tabi-worker decides"
	if v.Home != nil {
		home = v.Home.String()
	}
	p.Line("the database belongs to  %s", home)
	p.Line("Temporal is              %s", v.Found)
	p.Line("open enrollments         %d", v.Open)
}

func clusterStatusCommand(b app.Build) *cobra.Command {
	cfg, output := app.Config{Build: b}, ""
	c := &cobra.Command{
		Use: "status", Short: "Show the namespace that the database belongs to, and the one that is reached",
		Long: "Exit status: 0 they are the same, 1 they differ, 3 cannot reach the database or Temporal.", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return withAnyTemporal(c, &cfg, func(s *app.Services) error {
				var v clusterView
				if err := v.ask(c, s); err != nil {
					return err
				}
				if err := terminal.Show(c, output, v, v.print); err != nil || v.Same || v.Home == nil {
					return err
				}
				return &app.ExitError{Code: app.ExitBad, Err: &cluster.StrangerError{Home: *v.Home, Found: v.Found}}
			})
		},
	}
	cfg.Register(c.Flags(), app.Storage|app.Temporal)
	terminal.OutputFlag(c, &output)
	return c
}

func clusterAdoptCommand(b app.Build) *cobra.Command {
	cfg, output, yes := app.Config{Build: b}, "", false
	c := &cobra.Command{
		Use: "adopt", Short: "Make the namespace that is reached the one that the database belongs to",
		Long: "For an installation that has moved to another Temporal cluster or namespace for good, or whose Temporal was lost. " +
			"It changes one setting of the database, and neither enrollments nor runs: it shows both namespaces and asks for " +
			"confirmation. Stop all processes that use the old namespace first.\n\n" +
			"Open enrollments whose runs stayed in the old namespace have no run in the new one. They stay open and are not closed as " +
			"long as they are many; `tabi restart --lost` begins them again where they were, `tabi reconcile --dry-run` lists them.",
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return withAnyTemporal(c, &cfg, func(s *app.Services) error {
				var v clusterView
				if err := v.ask(c, s); err != nil {
					return err
				}
				if !v.Same {
					if err := v.confirm(c, yes); err != nil {
						return err
					}
					e := audit.Entry{What: "cluster.adopt", Kind: "namespace", ID: v.Found.NamespaceID}
					if err := app.Audited(c.Context(), s.Store.Database, e, func(ctx context.Context) error {
						return cluster.Adopt(ctx, s.Store.Database, v.Found)
					}); err != nil {
						return err
					}
					v.Adopted = true
				}
				return terminal.Show(c, output, v, func(p *terminal.Printer) {
					if !v.Adopted {
						p.Line("nothing to do: the database belongs to %s", v.Found)
						return
					}
					p.Line("the database now belongs to %s", v.Found)
					if v.Open > 0 {
						p.Line("%s open: tabi restart --lost begins those whose run is not there again",
							terminal.Several(v.Open, "enrollment"))
					}
				})
			})
		},
	}
	c.Flags().BoolVar(&yes, "yes", false, "do not ask for confirmation")
	cfg.Register(c.Flags(), app.Storage|app.Temporal)
	terminal.OutputFlag(c, &output)
	return c
}

// confirm shows what would happen, and asks on the terminal.
func (v *clusterView) confirm(c *cobra.Command, yes bool) error {
	if yes {
		return nil
	}
	v.print(terminal.To(c.ErrOrStderr()))
	in, ok := c.InOrStdin().(*os.File)
	if !ok || !term.IsTerminal(int(in.Fd())) {
		return app.Usage("cannot ask for confirmation without a terminal: check with tabi cluster status, then give --yes")
	}
	_, _ = fmt.Fprintf(c.ErrOrStderr(), "Make %s the one that the database belongs to? [y/N] ", terminal.Quote(fmt.Sprint(v.Found)))
	answer, err := bufio.NewReader(in).ReadString('\n')
	if word := strings.ToLower(strings.TrimSpace(answer)); err != nil || word != "y" && word != "yes" {
		return &app.ExitError{Code: app.ExitBad, Err: errors.New("nothing was changed")}
	}
	return nil
}

// withAnyTemporal connects, also to a Temporal that the database does not belong to.
func withAnyTemporal(c *cobra.Command, cfg *app.Config, do func(*app.Services) error) (err error) {
	if err := cfg.Load(c.Flags(), os.LookupEnv); err != nil {
		return err
	}
	devmode.UseDev(cfg, c.Flags())
	s, err := cfg.ConnectAny(c.Context(), zap.NewNop())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	return do(s)
}
