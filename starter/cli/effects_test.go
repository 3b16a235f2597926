package cli

import (
	"context"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"go.temporal.io/sdk/testsuite"

	"github.com/tabi-journeys/tabi/internal/access"
	"github.com/tabi-journeys/tabi/internal/app"
	"github.com/tabi-journeys/tabi/internal/audit"
	"github.com/tabi-journeys/tabi/internal/dev/testservers"
	"github.com/tabi-journeys/tabi/internal/engine"
	"github.com/tabi-journeys/tabi/internal/gateway"
	"github.com/tabi-journeys/tabi/internal/gateway/adminapi"
	"github.com/tabi-journeys/tabi/internal/gateway/auth"
	"github.com/tabi-journeys/tabi/internal/signedlink"
	"github.com/tabi-journeys/tabi/internal/sqldb"
)

// TestEveryCommandIsDeclared: a new command needs a row in effects, and one that changes an installation the acts that it leaves.
func TestEveryCommandIsDeclared(t *testing.T) {
	t.Parallel()
	known, run := map[string]bool{}, map[string]bool{}
	for _, one := range slices.Concat(changing, withTemporal) {
		c, _, err := newRoot(app.Build{}).Find(strings.Fields(one.line))
		if err != nil {
			t.Fatal(err)
		}
		run[pathOf(c)] = true
	}
	for _, c := range runs(newRoot(app.Build{})) {
		path := pathOf(c)
		known[path] = true
		row, ok := effects[path]
		switch {
		case !ok:
			t.Errorf("%s: say in effects what it does to an installation", path)
		case row.kind == changes && row.acts == "":
			t.Errorf("%s: say in effects which acts the audit log has of it", path)
		case row.kind == changes && !run[path]:
			t.Errorf("%s: run it in TestChangesAreAudited", path)
		}
	}
	for path := range effects {
		if !known[path] {
			t.Errorf("%s: there is no such command", path)
		}
	}
}

// A changed is a command line that changes something, and the entry of it: "act result: reason".
type changed struct{ line, want string }

// changing has command lines that change something, in their order. FOLDER is the data folder, and --url and --token are set for those
// that use a gateway.
var changing = []changed{
	// By the database.
	{"publish FOLDER/one --by admin", "release.publish ok"},
	{"publish FOLDER/two", "release.publish ok"},
	{"rollback 1", "release.rollback ok"},
	{"intents train --csv FOLDER/texts.csv --save", "classifier.save ok"},
	{"db up --database FOLDER/empty.db", "database.up ok"},
	{"db down", "database.down refused: refused"},
	{"masterkey rewrap --master-keys @FOLDER/master", "masterkey.rewrap ok"},
	{"keys create token ci --role reader --offline", "key.create ok"},
	{"keys create token ci --role reader", "key.create refused: conflict"},
	{"keys rotate ci --overlap 0s --offline", "key.rotate ok"},
	{"keys revoke nobody --offline", "key.revoke refused: not_found"},
	{"keys revoke ci", "key.revoke ok"},

	// By the admin API.
	{"enroll kept --customer ana", "enrollment.enroll ok"},
	{"enroll kept --customer ana", "enrollment.enroll refused: refused"},
	{"enroll nothing --customer ana", "enrollment.enroll refused: unknown_journey"},
	{"pause kept/ana", "enrollment.command ok"},
	{"pause --journey kept", "journey.pause ok"},
	{"resume kept/nobody", "enrollment.command refused: not_found"},
	{"resume --journey kept", "journey.pause ok"},
	{"publish FOLDER/two", "release.publish ok"},
	{"migrate kept --yes --no-wait", "journey.migrate ok"},
	{"cancel kept/ana", "enrollment.command ok"},
	{"sessions end --all", "session.end ok"},
	{"customer split ana --user-id ben", "customer.split refused: "},
	{"customer drop-backlog ana", "backlog.drop ok"},
	{"customer forget ana --reason asked --no-wait", "customer.forget ok"},
	{"customer remember ben", "customer.remember refused: not_forgotten"},
	{"handoff assign h1 --agent lea", "handoff.act refused: not_found"},
	{"handoff release h1", "handoff.act refused: not_found"},
	{"handoff resolve h1 --outcome won", "handoff.act refused: not_found"},
	{"deadletter retry --all", "dead_letter.retry ok"},
	{"deadletter drop kept/ana", "dead_letter.drop refused: not_found"},
	{"rejected drop", "rejected_call.drop ok"},
	{"send-test hello --dir FOLDER/three --to eve@example.com", "message.test refused: forbidden"},
	{"addresses revive ana@example.com", "address.revive refused: not_found"},
}

// withTemporal has those that need a Temporal of their own.
var withTemporal = []changed{
	{"reconcile", "enrollment.reconcile ok"}, {"restart --lost", "enrollment.restart ok"}, {"cluster adopt --yes", "cluster.adopt ok"},
}

// ground is an installation without Temporal: a database, and a gateway on it.
type ground struct {
	t      *testing.T
	folder string
	url    string
	token  string
	store  *engine.Engine
}

func newGround(t *testing.T) *ground {
	t.Helper()
	g := &ground{t: t, folder: t.TempDir()}
	g.token = filepath.Join(g.folder, "token")
	const journey = "journey: kept\nentry: {event: Go}\ngoal: {event: Done}\nsteps: [{id: first, wait: %dh}]\n"
	for name, text := range map[string]string{
		"token": "olgas-token-0123456789", "one/kept.yaml": fmt.Sprintf(journey, 1), "two/kept.yaml": fmt.Sprintf(journey, 2),
		"three/hello.yaml": "journey: hello\nentry: {event: Go}\ngoal: {event: Done}\n" +
			"steps: [{id: first, send: hello, via: email}]\n",
		"three/messages/hello.yaml": "message: hello\nemail: {subject: Hello, html: <p>Hello</p>}\n",
		"texts.csv": "text,label\nwhere is it,tracking\nwhere is my parcel,tracking\n" +
			"money back,refund\nI want my money,refund\n",
		"empty.db": "", "master": strings.Repeat("0123456789abcdef", 4),
	} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(g.folder, name)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(g.folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	g.store = g.open("tabi.db")
	secrets := signedlink.MustSecrets("a secret of thirty-two bytes ...")
	gw, err := gateway.New(gateway.Config{
		Rooms: app.GatewayRooms(g.store), Ping: g.store.Database.Ping, Secrets: secrets, LinkSecrets: secrets,
		PublicURL: "http://tabi.example.com",
		Tokens:    []auth.Token{{Value: "olgas-token-0123456789", Name: "Olga", Role: access.Admin}},
		Tests:     adminapi.Tests{Channels: app.Build{}.Specs()},
	})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(gw.Handler())
	t.Cleanup(server.Close)
	g.url = server.URL
	return g
}

func (g *ground) open(name string) *engine.Engine {
	g.t.Helper()
	st, err := engine.Open(g.t.Context(), engine.Options{URL: filepath.Join(g.folder, name)})
	if err != nil {
		g.t.Fatal(err)
	}
	g.t.Cleanup(func() { _ = st.Close() })
	return st
}

// run runs a command line, and returns the entries that it left.
func (g *ground) run(line string) (left []audit.Entry, said string) {
	g.t.Helper()
	name := "tabi.db"
	if strings.Contains(line, "empty.db") {
		name = "empty.db"
	}
	last := int64(0)
	if name == "tabi.db" {
		list, err := g.store.Audit.List(g.t.Context(), audit.Filter{Limit: 1})
		if err != nil {
			g.t.Fatal(err)
		}
		if len(list) > 0 {
			last = list[0].Seq
		}
	}
	args := strings.Fields(strings.ReplaceAll(line, "FOLDER", g.folder))
	args = append(args, "--data-dir", g.folder)
	c, _, err := newRoot(app.Build{}).Find(args)
	if err != nil {
		g.t.Fatal(err)
	}
	if c.Flags().Lookup("token") != nil && !strings.Contains(line, "--offline") {
		args = append(args, "--url", g.url, "--token", "@"+g.token)
	}
	status, out, errs := tabi(g.t.Context(), args...)
	store := g.store
	if name != "tabi.db" {
		store = g.open(name)
	}
	list, err := store.Audit.List(g.t.Context(), audit.Filter{After: last, OldestFirst: true})
	if err != nil {
		g.t.Fatal(err)
	}
	return list, fmt.Sprintf("status %d\n%s%s", status, out, errs)
}

// check runs a command line and wants its entry: by whom, in which role, by which door, of which act, with which result.
func (g *ground) check(one changed) {
	g.t.Helper()
	c, _, err := newRoot(app.Build{}).Find(strings.Fields(one.line))
	if err != nil {
		g.t.Fatal(err)
	}
	acts := strings.Fields(effects[pathOf(c)].acts)
	left, said := g.run(one.line)
	var own []audit.Entry
	for _, e := range left {
		for _, act := range acts {
			if e.What == act {
				own = append(own, e)
			}
		}
	}
	if len(own) != 1 {
		g.t.Errorf("%s: %d entries of %v in %+v\n%s", one.line, len(own), acts, left, said)
		return
	}
	e := own[0]
	got := e.What + " " + e.Result
	if e.Reason != "" {
		got += ": " + e.Reason
	}
	if !strings.HasPrefix(got, one.want) || strings.HasSuffix(one.want, "ok") && got != one.want {
		g.t.Errorf("%s: the entry is %q, want %q\n%s", one.line, got, one.want, said)
	}
	from := [5]string{"Olga", "token:Olga", "admin", audit.API, "127.0.0.1"}
	switch {
	case strings.Contains(one.line, "--offline"):
		from = [5]string{app.Whoami() + " (offline)", "token:" + app.Whoami() + " (offline)", "admin", audit.CLI, "127.0.0.1"}
	case c.Flags().Lookup("token") == nil:
		from = [5]string{app.Whoami(), fmt.Sprintf("uid:%d", os.Getuid()), app.DatabaseRole, audit.CLI, ""}
	}
	if is := [5]string{e.Who, e.Subject, e.Role, e.Door, e.Peer}; is != from {
		g.t.Errorf("%s: it was %q, want %q", one.line, is, from)
	}
}

// Each command that changes an installation leaves an entry that says who, what, on whom, the result and from where, also where it is
// refused. A name in --by is no other person.
func TestChangesAreAudited(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	for _, one := range changing {
		g.check(one)
	}
	list, err := g.store.Audit.List(t.Context(), audit.Filter{What: "release.publish", OldestFirst: true})
	if err != nil || list[0].Detail["by"] != "admin" {
		t.Errorf("%+v, %v", list, err)
	}
	list, err = g.store.Audit.List(t.Context(), audit.Filter{Customers: []string{"ana"}, What: "enrollment.enroll", Result: audit.OK})
	if err != nil || len(list) == 0 || list[0].ID != "kept/ana" {
		t.Errorf("%+v, %v", list, err)
	}
	v, err := g.store.Audit.Verify(t.Context())
	if err != nil || len(v.Problems) > 0 {
		t.Errorf("%+v, %v", v, err)
	}
}

// Those that need Temporal do so too.
func TestChangesWithTemporalAreAudited(t *testing.T) {
	t.Parallel()
	bin, err := testservers.Find("temporal")
	if err != nil {
		t.Fatal(err)
	}
	server, err := testsuite.StartDevServer(t.Context(), testsuite.DevServerOptions{ExistingPath: bin, LogLevel: "error"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Stop() })
	g := newGround(t)
	for _, one := range withTemporal {
		if strings.HasPrefix(one.line, "cluster adopt") {
			if err := g.store.Database.Write(t.Context(), func(tx sqldb.Conn) error {
				return sqldb.SetSetting(t.Context(), tx, "temporal", `{"namespace":"old","namespace_id":"00000000"}`)
			}); err != nil {
				t.Fatal(err)
			}
		}
		g.check(changed{one.line + " --temporal-address " + server.FrontendHostPort(), one.want})
	}
}

// A command that changes the database without an entry changes nothing.
func TestUnauditedChangesFail(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	write := func(ctx context.Context) error {
		return g.store.Database.Write(ctx, func(tx sqldb.Conn) error { return sqldb.SetSetting(ctx, tx, "done", "yes") })
	}
	root := &cobra.Command{Use: "tabi", SilenceUsage: true, SilenceErrors: true}
	root.AddCommand(&cobra.Command{Use: "quiet", RunE: func(c *cobra.Command, _ []string) error { return write(c.Context()) }},
		&cobra.Command{Use: "fair", RunE: func(c *cobra.Command, _ []string) error {
			return app.Audited(c.Context(), g.store.Database, audit.Entry{What: "setting.change"}, write)
		}})
	audited(root)
	for name, want := range map[string]string{"quiet": "", "fair": "yes"} {
		root.SetArgs([]string{name})
		err := root.ExecuteContext(t.Context())
		done, bad := g.store.Database.Setting(t.Context(), "done")
		if (err == nil) != (want != "") || bad != nil || name == "quiet" && done != "" {
			t.Errorf("%s: %v, %q, %v", name, err, done, bad)
		}
		if name == "quiet" && !strings.Contains(fmt.Sprint(err), "tabi quiet has no entry in the audit log") {
			t.Errorf("%v", err)
		}
		if err := g.store.Database.Write(t.Context(), func(tx sqldb.Conn) error {
			return sqldb.SetSetting(t.Context(), tx, "done", "")
		}); err != nil {
			t.Fatal(err)
		}
	}
}
