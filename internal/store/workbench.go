package store

import (
	"context"
	"errors"
	"time"

	"github.com/tabi-journeys/tabi/workflows"
)

var errNotBuilt = errors.New("not built")

// Move writes that an instance goes over to another revision, or refuses to (see workflows.Move). A repeat changes nothing.
func (s *Store) Move(ctx context.Context, now time.Time, in workflows.Move) (workflows.MoveResult, error) {
	return workflows.MoveResult{}, errNotBuilt
}

// Migration asks the instances of a journey to go over to the current release's revision.
type Migration struct {
	Journey string
	Renamed map[string]string // old step id → new one
	By      string
	DryRun  bool
	After   string // enrolment id, for paging
	Limit   int    // instances looked at; default 100, max 1000
}

// Verdicts on an instance of a migration.
const (
	MoveOrdered = "ordered" // it was told to move (in a dry run: it would be)
	MoveDone    = "moved"
	MoveRefused = "refused" // it stays, for Reason
)

// Moving is what a migration makes of one instance.
type Moving struct {
	Enrolment, WorkflowID, Customer string
	From, To                        string // revisions
	Step, Target                    string // where it stands, and where it goes on
	State                           string // MoveOrdered, MoveDone or MoveRefused
	Reason                          string
}

// MigrationPage is a page of a migration; Next is the After of the next page, empty at the end.
type MigrationPage struct {
	Instances []Moving
	Next      string
}

// Migrate looks at a page of open instances that are not on the current revision, in id order, and orders those to move that can. One that was ordered
// before and has not answered is listed as it stands, not ordered twice. ErrNotFound where the current release has no such journey.
func (s *Store) Migrate(ctx context.Context, now time.Time, m Migration) (MigrationPage, error) {
	return MigrationPage{}, errNotBuilt
}

// Moves lists what became of the orders of a journey's migrations to the current revision, by enrolment id.
func (s *Store) Moves(ctx context.Context, journey, after string, limit int) ([]Moving, error) {
	return nil, errNotBuilt
}
