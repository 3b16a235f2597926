package app

import (
	"context"

	"github.com/tabi-journeys/tabi/internal/audit"
	"github.com/tabi-journeys/tabi/internal/sqldb"
)

// DatabaseRole is the role of those who open the database themselves, by a command: there is no other permission to have.
const DatabaseRole = "database"

// Audited runs do as an act of whoever runs this command, or of by, and records it with its result. do gets a context for the
// transactions that are the act.
func Audited(ctx context.Context, db *sqldb.Database, e audit.Entry, by string, do func(ctx context.Context) error) error {
	if by == "" {
		by = Whoami()
	}
	e.Who, e.Role, e.Door = by, DatabaseRole, audit.CLI
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
