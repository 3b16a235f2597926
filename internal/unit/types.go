package unit

import (
	"time"

	"github.com/tabi-journeys/tabi/internal/sqldb"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// ErrSuperseded is returned to a run that does not own the enrollment, or not any more.
var ErrSuperseded error = sqldb.Refusal("the enrollment is closed or belongs to another run")

// EndedError is ErrNotMine where the chain that asks has ended the enrollment itself, or somebody for it: how
// it ended. A run learns it whose last workflow task was lost behind that end.
type EndedError struct{ Ended contract.Ended }

// Error implements error.
func (e *EndedError) Error() string {
	return "the enrollment is closed: it ended as " + e.Ended.Outcome
}

// Is makes it an ErrNotMine.
func (e *EndedError) Is(target error) bool { return target == ErrSuperseded }

// Enrollment states.
const (
	StateOpen         = "open"
	StateAwaitingGoal = "awaiting_goal" // its path has ended; it waits silently for its goal
	StateClosed       = "closed"
)

// Enrollment is one entry of a customer into a journey.
type Enrollment struct {
	ID, WorkflowID, Journey, Revision, Customer, Key string
	EntryEvent, EntryName                            string
	EnteredAt, ClosedAt                              time.Time // virtual
	State, Outcome, Reason                           string
	Value                                            float64
	Holdout                                          bool
	Chain                                            string // first run id; empty until claimed
	Step, StepKind                                   string // where it is parked
	Since, Until                                     time.Time
	Paused                                           bool
}
