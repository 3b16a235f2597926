package handoff

import (
	"time"

	"github.com/tabi-journeys/tabi/internal/sqldb"
)

// Errors of Claim and Resolve.
var (
	ErrTooLate error = sqldb.Refusal("too late: it was resolved, withdrawn or timed out before")
	ErrTaken   error = sqldb.Refusal("claimed by another agent")
)

// Handoff states.
const (
	HandoffOpen      = "open"
	HandoffClaimed   = "claimed"
	HandoffResolved  = "resolved"
	HandoffWithdrawn = "withdrawn"
)

// A Handoff is a customer in an agents' queue.
type Handoff struct {
	ID, Enrollment, WorkflowID, Journey, Step, Customer string
	Queue, Priority, Note                               string
	Outcomes                                            []string // what the journey expects, sorted; free text is allowed too
	State, Agent, Outcome, AgentNote, Reason            string
	OpenedAt, ClaimedAt, ClosedAt, Until                time.Time
}

// Filter narrows List. Empty fields do not filter, except State.
type Filter struct {
	State, Queue, Customer string // State "" means open or claimed
	Limit                  int
}
