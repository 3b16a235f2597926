package app

import (
	"context"
	"fmt"
	"os"
	"os/user"
	"strconv"

	"github.com/tabi-journeys/tabi/internal/audit"
	"github.com/tabi-journeys/tabi/internal/engine"
	"github.com/tabi-journeys/tabi/internal/sqldb"
)

// DatabaseRole is the role of those who open the database themselves, by a command: there is no other permission to have.
const DatabaseRole = "database"

// Audited runs do as an act of the user who runs this command, and records it with its result. do gets a context for the transactions
// that are the act.
func Audited(ctx context.Context, db *sqldb.Database, e audit.Entry, do func(ctx context.Context) error) error {
	e.Who, e.Subject, e.Role, e.Door = Whoami(), osUser(), DatabaseRole, audit.CLI
	return act(ctx, db, e, do)
}

// act runs do, and records it with its result.
func act(ctx context.Context, db *sqldb.Database, e audit.Entry, do func(ctx context.Context) error) error {
	inner, a := audit.New(db, nil).Begin(ctx, e)
	err := do(inner)
	result, reason := audit.OK, ""
	switch {
	case err != nil && sqldb.Refused(err):
		result, reason = audit.Refused, "refused"
	case err != nil:
		result, reason = audit.Failed, "internal"
	}
	if unrecorded := a.Done(ctx, result, reason); err == nil {
		err = unrecorded
	}
	return err
}

// OnlyAudited returns a context whose transactions fail unless they are part of an act, as those of Audited are. So a command that
// changes the database and forgets its entry in the audit log changes nothing.
func OnlyAudited(ctx context.Context, command string) context.Context {
	return sqldb.WithLast(ctx, unaudited(command))
}

// unaudited is the command whose transactions need an act.
type unaudited string

// Write implements sqldb.Last.
func (command unaudited) Write(context.Context, sqldb.Conn) error {
	return fmt.Errorf("nothing was changed: %s has no entry in the audit log for it, which is a fault of tabi", string(command))
}

// Committed implements sqldb.Last.
func (unaudited) Committed() {}

// migrated records that a process has changed the schema when it opened the database.
func migrated(ctx context.Context, st *engine.Engine) error {
	from, to, ok := st.Database.Migrated()
	if !ok {
		return nil
	}
	return st.Audit.Record(ctx, audit.Entry{
		Who: audit.Self, Door: audit.Automatic, What: "database.up", Kind: "schema", ID: strconv.FormatInt(to, 10),
		Detail: audit.Detail{"from": strconv.FormatInt(from, 10), "by": Whoami()},
	})
}

// Whoami returns the user and the machine that run this process, as in ana@laptop. A user whom the machine cannot name is a number, since
// the environment says anything.
func Whoami() string {
	who := osUser()
	if u, err := user.LookupId(strconv.Itoa(os.Getuid())); err == nil && u.Username != "" {
		who = u.Username
	}
	if host, err := os.Hostname(); err == nil {
		who += "@" + host
	}
	return who
}

// osUser returns the number of the user of this process, as in uid:1000.
func osUser() string { return "uid:" + strconv.Itoa(os.Getuid()) }
