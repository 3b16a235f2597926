package doctor

import (
	"context"
	"errors"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/tabi-journeys/tabi/internal/clock"
	"github.com/tabi-journeys/tabi/internal/sqldb"
)

// openDatabase reaches the database, and opens its rooms if this build can use its schema. It migrates nothing.
func openDatabase(ctx context.Context, p *Patient, r *report) {
	db, err := p.Config.OpenDatabase(ctx, silent)
	if err != nil {
		r.fail(databaseRemedy(p, err), "%s", err)
		return
	}
	p.db = db
	r.ok("%s", p.Config.DatabaseWords())
	if have, err := db.Schema(ctx); err == nil && have.Check() == nil {
		store, err := p.Config.OpenStoreAsIs(ctx, silent)
		if err != nil {
			r.fail("see the log of the gateway", "its rooms cannot be opened: %s", err)
			return
		}
		p.store = store
	}
}

// databaseRemedy returns what to do about a database that cannot be opened.
func databaseRemedy(p *Patient, err error) string {
	if !p.Config.Postgres() {
		return "start tabi serve once, or set TABI_DATABASE to the database of the processes"
	}
	var state interface{ SQLState() string } // of PostgreSQL
	if errors.As(err, &state) {
		switch state.SQLState() {
		case "28P01", "28000":
			return "correct user and password in TABI_DATABASE; a server that refuses this host needs a line in pg_hba.conf"
		case "3D000":
			return "create the database, or correct its name in TABI_DATABASE"
		case "53300":
			return "raise max_connections, or lower TABI_DB_CONNECTIONS of the processes"
		}
	}
	return certificateRemedy(err, "start it, or correct host and port in TABI_DATABASE")
}

// ask reads one value from the database.
func (p *Patient) ask(ctx context.Context, query string) (out string, err error) {
	err = p.db.Reader.QueryRowContext(ctx, query).Scan(&out)
	return out, sqldb.DatabaseError(err)
}

// leastPostgres is the oldest major version of PostgreSQL that is still maintained.
const leastPostgres = 14

func databaseVersion(ctx context.Context, p *Patient, r *report) {
	if !p.Config.Postgres() {
		version, err := p.ask(ctx, `select sqlite_version()`)
		if err != nil {
			r.fail("", "%s", err)
			return
		}
		r.ok("SQLite %s, part of this build", version)
		return
	}
	text, err := p.ask(ctx, `select current_setting('server_version_num')`)
	number, bad := strconv.Atoi(text)
	switch {
	case err != nil || bad != nil:
		r.fail("", "the version cannot be read: %v", err)
	case number/10000 < leastPostgres:
		r.warn("upgrade: it gets no security fixes any more", "PostgreSQL %d is older than %d", number/10000, leastPostgres)
	default:
		r.ok("PostgreSQL %d.%d", number/10000, number%10000)
	}
}

func schema(ctx context.Context, p *Patient, r *report) {
	have, err := p.db.Schema(ctx)
	switch {
	case err != nil:
		r.fail("", "it cannot be read: %s", err)
	case have.Version == 0:
		r.warn("start tabi serve, or run tabi db up", "the database is empty")
	case have.Behind():
		if p.Config.NoMigrate {
			r.fail("tabi db up", "version %d is older than this build (%d), which does not start so", have.Version, have.Known)
			return
		}
		r.warn("the next start brings it up, or tabi db up", "version %d; this build has %d", have.Version, have.Known)
	case have.Check() != nil:
		r.fail("run a newer build", "%s", have.Check())
	case have.Newer():
		r.warn("run the newer build soon", "version %d is newer than this build (%d), and compatible", have.Version, have.Known)
	default:
		r.ok("version %d", have.Version)
	}
}

// poolSize is how many connections a process opens to PostgreSQL at most.
const poolSize = 16

func connections(ctx context.Context, p *Patient, r *report) {
	if !p.Config.Postgres() {
		r.ok("one process uses a SQLite file at a time for writing")
		return
	}
	limit, err := p.number(ctx, `select current_setting('max_connections')`)
	used, err2 := p.number(ctx, `select cast(count(*) as text) from pg_stat_activity where backend_type = 'client backend'`)
	switch {
	case err != nil || err2 != nil:
		r.warn("", "the limit cannot be read")
	case used+poolSize > limit:
		r.fail(
			"raise max_connections, or put PgBouncer before it",
			"%d of %d are used: another process of tabi opens up to %d",
			used,
			limit,
			poolSize,
		)
	case used+2*poolSize > limit:
		r.warn(
			"raise max_connections before you add processes",
			"%d of %d are used; each process of tabi opens up to %d",
			used,
			limit,
			poolSize,
		)
	default:
		r.ok("%d of %d are used; each process of tabi opens up to %d", used, limit, poolSize)
	}
	p.pooler(ctx, r)
}

// pooler warns of a pooler that may run each transaction on another connection, where no prepared statement exists.
func (p *Patient) pooler(ctx context.Context, r *report) {
	u, err := url.Parse(p.Config.DatabaseURL())
	if err != nil || u.Query().Get("default_query_exec_mode") == "cache_describe" {
		return
	}
	port := u.Port()
	if port == "" {
		port = "5432"
	}
	real, err := p.ask(ctx, `select coalesce(cast(inet_server_port() as text), '')`)
	if err == nil && real != "" && real != port {
		r.warn("for PgBouncer in transaction mode add default_query_exec_mode=cache_describe to TABI_DATABASE",
			"something is between tabi and PostgreSQL: it was reached at port %s, and listens on %s", port, real)
	}
}

func (p *Patient) number(ctx context.Context, query string) (int, error) {
	text, err := p.ask(ctx, query)
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(strings.TrimSpace(text))
}

// Clock skews from which on a finding is no longer ok. Leases and keys are by the wall clocks of the processes.
const (
	skewWarn = 2 * time.Second
	skewFail = 30 * time.Second
)

func clockSkew(ctx context.Context, p *Patient, r *report) {
	if !p.Config.Postgres() {
		r.ok("the database is on this machine")
		return
	}
	before := clock.Wall()
	text, err := p.ask(ctx, `select cast(cast(extract(epoch from clock_timestamp()) * 1000 as bigint) as text)`)
	took := clock.Wall().Sub(before)
	ms, bad := strconv.ParseInt(text, 10, 64)
	if err != nil || bad != nil {
		r.warn("", "its clock cannot be read")
		return
	}
	judgeSkew(r, before.Add(took/2).Sub(time.UnixMilli(ms)).Abs())
}

func judgeSkew(r *report, skew time.Duration) {
	const do = "synchronize both clocks (NTP)"
	switch {
	case skew > skewFail:
		r.fail(do, "this machine and the database differ by %s", skew.Round(time.Second))
	case skew > skewWarn:
		r.warn(do, "this machine and the database differ by %s", skew.Round(time.Millisecond))
	default:
		r.ok("this machine and the database differ by less than %s", skewWarn)
	}
}

func transport(ctx context.Context, p *Patient, r *report) {
	if !p.Config.Postgres() {
		r.ok("a file")
		return
	}
	u, err := url.Parse(p.Config.DatabaseURL())
	if err != nil || localURL(u) || u.Hostname() == "" || net.ParseIP(u.Hostname()).IsLoopback() {
		r.ok("on this machine")
		return
	}
	text, err := p.ask(ctx, `select coalesce((select cast(ssl as text) from pg_stat_ssl where pid = pg_backend_pid()), 'unknown')`)
	if err == nil && text == "true" {
		r.ok("encrypted")
		return
	}
	r.warn("add sslmode=verify-full to TABI_DATABASE, unless the network is trusted", "the connection to %s is not encrypted", u.Hostname())
}

func sameSecrets(ctx context.Context, p *Patient, r *report) {
	if have, err := p.db.Schema(ctx); err != nil || have.Version == 0 {
		r.skip("the database is empty")
		return
	}
	if err := p.Config.SecretsFit(ctx, p.db); err != nil {
		r.fail("", "%s", err)
		return
	}
	r.ok("the secrets are those of this installation")
}
