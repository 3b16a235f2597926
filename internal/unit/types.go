package unit

import (
	"time"

	"github.com/tabi-journeys/tabi/internal/sqldb"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// ErrSuperseded is returned to a run or a relay that does not own the enrollment, or no longer does.
var ErrSuperseded error = sqldb.Refusal("the enrollment is closed or belongs to another run")

// An EndedError is an ErrSuperseded for the chain that owned the enrollment when it ended, and says how it ended. A run
// needs it when its last workflow task was lost after that end.
type EndedError struct{ Ended contract.Ended }

// Error implements error.
func (e *EndedError) Error() string {
	return "the enrollment is closed: it ended as " + e.Ended.Outcome
}

// Is reports whether target is ErrSuperseded.
func (e *EndedError) Is(target error) bool { return target == ErrSuperseded }

// Enrollment states.
const (
	StateOpen         = "open"
	StateAwaitingGoal = "awaiting_goal" // the path has ended; only the goal is awaited
	StateClosed       = "closed"
)

// LostReason begins the reason of an enrollment that was closed because Temporal has no run of it: enrollment.Restart may
// begin it again.
const LostReason = "its run is no longer in Temporal"

// An Enrollment is one entry of a customer into a journey.
type Enrollment struct {
	ID, WorkflowID, Journey, Revision, Customer, Key string
	EntryEvent, EntryName                            string
	EnteredAt, ClosedAt                              time.Time // virtual
	State, Outcome, Reason                           string
	Value                                            float64
	Holdout                                          bool
	Draw                                             string // the customer's draw id at the entry; see LockedCustomer
	Chain                                            string // first run id of the Temporal workflow; empty until claimed
	Step, StepKind                                   string // the step that is waiting
	Since, Until                                     time.Time
	Paused                                           bool
	MissingSince                                     time.Time // wall time since which Temporal has no run of it; zero: it has one
	DeliveryError                                    string    // why the last attempt to deliver to it failed; empty: it did not
}
