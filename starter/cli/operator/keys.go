package operator

import (
	"errors"
	"os"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"github.com/tabi-journeys/tabi/internal/api"
	"github.com/tabi-journeys/tabi/internal/app"
	"github.com/tabi-journeys/tabi/internal/clock"
	"github.com/tabi-journeys/tabi/internal/offline"
	"github.com/tabi-journeys/tabi/starter/cli/remote"
	"github.com/tabi-journeys/tabi/starter/cli/terminal"
)

func keysCommand(b app.Build) *cobra.Command {
	c := &cobra.Command{
		Use: "keys", Short: "Create, list, rotate and revoke API keys",
		Long: "API keys are kept in the database as digests: write keys of back ends (server) and of pages and apps (web), and tokens " +
			"with a role. A secret is shown once. All commands use the admin API, and need a token of the role admin. With " +
			"--offline they " +
			"use the database itself, by TABI_DATABASE and TABI_SECRET: for the first key, and when no token is left.",
	}
	c.AddCommand(keysCreateCommand(b), keysListCommand(b), keysRotateCommand(b), keysRevokeCommand(b), keysWebPushCommand())
	return c
}

// keyCommand is what the commands of keys share.
type keyCommand struct {
	build   app.Build
	remote  remote.Client
	offline bool
	output  string
}

func (k *keyCommand) register(c *cobra.Command) {
	k.remote.Register(c, false, true)
	c.Flags().BoolVar(&k.offline, "offline", false, "use the database itself, which TABI_DATABASE or --data-dir names, and no gateway")
	terminal.OutputFlag(c, &k.output)
}

// with connects.
func (k *keyCommand) with(c *cobra.Command, do func(*remote.Client) error) (err error) {
	if err := k.remote.Load(c); err != nil {
		return err
	}
	if k.offline {
		dir := ""
		if f := c.Flags().Lookup("data-dir"); f != nil && f.Changed {
			dir = k.remote.DataDir
		}
		o, err := offline.Open(c.Context(), k.build, dir, os.LookupEnv)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, o.Close()) }()
		k.remote.URL, k.remote.Token, k.remote.HTTP.Transport = "http://localhost", o.Token, o
	}
	return do(&k.remote)
}

func keysCreateCommand(b app.Build) *cobra.Command {
	k := keyCommand{build: b}
	var body api.CreateKeyRequest
	var expires string
	c := &cobra.Command{
		Use: "create KIND NAME", Short: "Create a key: server, web or token, with the name of what uses it",
		Long: "Creates a key and shows its secret once. A key of kind server may do what a back end does, or only what --route names. " +
			"One of kind web tracks the events and sets the traits that are listed, and gets a proof secret, by which the site's server " +
			"makes userHash. A token has a role.",
		Example: "  tabi keys create server shop\n  tabi keys create server mail-provider --route mail\n" +
			"  tabi keys create web site --event 'Product Viewed' --trait language\n" +
			"  tabi keys create token ci --role designer --expires 90d",
		Args: cobra.ExactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			body.Kind, body.Name = args[0], args[1]
			if expires != "" {
				life, err := clock.ParseDuration(expires)
				if err != nil || life < time.Second {
					return app.Usage("--expires is %q: give a duration such as 90d", expires)
				}
				body.ExpiresIn = int64(life / time.Second)
			}
			return k.with(c, func(r *remote.Client) error {
				out, err := api.CreateKey.Call(c.Context(), r, api.CreateKeyInput{Body: body})
				if err != nil {
					return err
				}
				return terminal.Show(c, k.output, out, func(p *terminal.Printer) { printIssued(p, out) })
			})
		},
	}
	f := c.Flags()
	f.StringArrayVar(&body.Events, "event", nil, "web: an event that it may track; may be repeated")
	f.StringArrayVar(&body.Traits, "trait", nil, "web: a trait that it may set; may be repeated")
	f.StringArrayVar(&body.Routes, "route", nil, "server: track, mail, inbox or decide; may be repeated; default: all")
	f.StringVar(&body.Role, "role", "", "token: reader, agent, designer, operator or admin")
	f.StringArrayVar(&body.Queues, "queue", nil, "token of an agent: a queue; may be repeated; default: all")
	f.StringVar(&expires, "expires", "", "how long it is valid, such as 90d; default: until it is revoked")
	k.register(c)
	return c
}

// printIssued prints a new key.
func printIssued(p *terminal.Printer, k api.IssuedKey) {
	p.Line("created %s key %s (%s)", k.Key.Kind, k.Key.Name, k.Key.ID)
	p.Fact("secret", k.Secret)
	p.Fact("proof", k.Proof)
	if k.Key.ExpiresAt != nil {
		p.Fact("ends", terminal.UTC(*k.Key.ExpiresAt))
	}
	if k.Proof != "" {
		p.Line("Pages send the secret with their calls. Keep the proof on the site's server: it is shown this once.")
		return
	}
	p.Line("Keep the secret where it is used: it is shown this once.")
}

func keysListCommand(b app.Build) *cobra.Command {
	k := keyCommand{build: b}
	var filter api.APIKeyFilter
	c := &cobra.Command{
		Use: "list", Short: "List the keys that are valid, without their secrets", Args: cobra.NoArgs,
		Long: "Lists the keys that are valid. LAST USED is exact to the minute. Keys of TABI_WRITE_KEYS and TABI_TOKENS are not listed.",
		RunE: func(c *cobra.Command, _ []string) error {
			return k.with(c, func(r *remote.Client) error {
				out, err := api.ListKeys.Call(c.Context(), r, filter)
				if err != nil {
					return err
				}
				return terminal.Show(c, k.output, out, func(p *terminal.Printer) {
					if len(out.Keys) == 0 {
						p.Line("no key is in the store; those of TABI_WRITE_KEYS and TABI_TOKENS are not listed")
						return
					}
					rows := make([]table.Row, len(out.Keys))
					for i, one := range out.Keys {
						rows[i] = table.Row{one.Name, one.Kind, keyScope(one), one.Hint, one.CreatedBy, keyUsed(one), keyEnds(one), one.ID}
					}
					p.Table(table.Row{"NAME", "KIND", "MAY", "SECRET", "CREATED BY", "LAST USED (UTC)", "ENDS (UTC)", "ID"}, rows)
				})
			})
		},
	}
	c.Flags().BoolVar(&filter.All, "all", false, "also keys that have expired or were revoked")
	k.register(c)
	return c
}

func keyScope(k api.APIKey) string {
	switch {
	case k.Kind == "web":
		parts := append([]string{}, k.Events...)
		for _, t := range k.Traits {
			parts = append(parts, "trait."+t)
		}
		return strings.Join(parts, ", ")
	case k.Kind == "server" && len(k.Routes) == 0:
		return "everything"
	case k.Kind == "server":
		return strings.Join(k.Routes, ", ")
	case len(k.Queues) > 0:
		return k.Role + " of " + strings.Join(k.Queues, ", ")
	}
	return k.Role
}

func keyUsed(k api.APIKey) string {
	if k.UsedAt == nil {
		return "never"
	}
	return terminal.Stamp(*k.UsedAt)
}

func keyEnds(k api.APIKey) string {
	switch {
	case k.RevokedAt != nil:
		return "revoked " + terminal.Stamp(*k.RevokedAt) + " by " + k.RevokedBy
	case k.ExpiresAt != nil:
		return terminal.Stamp(*k.ExpiresAt)
	}
	return ""
}

func keysRotateCommand(b app.Build) *cobra.Command {
	k := keyCommand{build: b}
	var overlap string
	c := &cobra.Command{
		Use: "rotate KEY", Short: "Make a second key like this one; both are valid until the old one ends",
		Long: "KEY is an id or a name. The new key has the same kind, name and scope, and a new secret. Put it where the old one is " +
			"used; the old one ends after --overlap. A web key accepts the proof secrets of both until then.",
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			length, err := clock.ParseDuration(overlap)
			if err != nil || length < 0 || length > 365*24*time.Hour {
				return app.Usage("--overlap is %q: give a duration of at most a year, such as 7d; 0s ends the old key now", overlap)
			}
			return k.with(c, func(r *remote.Client) error {
				in := api.RotateKeyInput{Key: args[0], Body: api.RotateKeyRequest{Overlap: int64(length / time.Second)}}
				out, err := api.RotateKey.Call(c.Context(), r, in)
				if err != nil {
					return err
				}
				return terminal.Show(c, k.output, out, func(p *terminal.Printer) {
					printIssued(p, out.New)
					p.Line("The old key %s ends %s.", out.Old.ID, terminal.UTC(*out.Old.ExpiresAt))
				})
			})
		},
	}
	c.Flags().StringVar(&overlap, "overlap", "24h", "how long the old key stays valid")
	k.register(c)
	return c
}

func keysRevokeCommand(b app.Build) *cobra.Command {
	k := keyCommand{build: b}
	c := &cobra.Command{
		Use: "revoke KEY", Short: "End a key now",
		Long: "KEY is an id or a name. The key opens nothing any more: at once in the gateway that is asked, and within five seconds in " +
			"all others. It cannot be taken back.",
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return k.with(c, func(r *remote.Client) error {
				out, err := api.RevokeKey.Call(c.Context(), r, api.KeyInput{Key: args[0]})
				if err != nil {
					return err
				}
				return terminal.Show(c, k.output, out, func(p *terminal.Printer) {
					p.Line("revoked %s key %s (%s); every gateway notices within five seconds", out.Kind, out.Name, out.ID)
				})
			})
		},
	}
	k.register(c)
	return c
}
