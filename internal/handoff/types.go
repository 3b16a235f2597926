package handoff

import (
	"time"

	"github.com/tabi-journeys/tabi/internal/sqldb"
)

// Errors of acts on a hand-off.
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
	Acts                                                []Act // what agents did with it, oldest first
}

// Had returns the agent who had a hand-off that is back in the queue, or "".
func (h Handoff) Had() string {
	if h.State != HandoffOpen || len(h.Acts) == 0 {
		return ""
	}
	return h.Acts[len(h.Acts)-1].Agent
}

// An Act is what somebody did with a hand-off.
type Act struct {
	Kind  string    `json:"kind"`         // one of the constants below
	Agent string    `json:"agent"`        // who has it, or had it
	By    string    `json:"by,omitempty"` // who did it, if not the agent
	At    time.Time `json:"at"`           // virtual
}

// Kinds of acts.
const (
	ActClaimed   = "claimed"
	ActTakenOver = "taken over" // from another agent
	ActReleased  = "released"   // back to the queue
	ActReturned  = "returned"   // back to the queue, because its agent gave no sign for a while
	ActResolved  = "resolved"
)

// Over is who may act on a hand-off that another agent has claimed.
type Over bool

// An agent must take a hand-off over first; an admin may act on it as it is.
const (
	AsAgent Over = false
	AsAdmin Over = true
)

// Filter narrows List. Empty fields do not filter, except State.
type Filter struct {
	State, Queue, Customer string   // State "" means open or claimed
	Queues                 []string // empty: of all queues
	Limit                  int
}
