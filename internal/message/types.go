package message

import (
	"time"

	"github.com/tabi-journeys/tabi/internal/decisioning"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/journey/expr"
	"github.com/tabi-journeys/tabi/internal/sqldb"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// ErrBusy is returned while another attempt of a send holds its lease.
var ErrBusy error = sqldb.Refusal("another attempt of this send is running")

// Reservation is a permitted send, leased under a fencing token.
type Reservation struct {
	Key       string
	Token     int64
	Done      *contract.SendResult // set: it was settled before (or is suppressed or held, or the journey is paused); nothing to do
	Unsettled bool                 // an earlier attempt took the lease and never settled: it may have gone out
	Attempts  int                  // how often its provider was asked before, and answered
	Slot      time.Time            // wall: when it may go by its provider's rate, as an earlier attempt was told; zero: it asks
	Release   int
	Message   *journey.Message
	Verdict   decisioning.Verdict
	Vars      expr.Vars // for the templates: customer, entry, event, steps (with their events' properties), vars, intent, now
	Language  string    // customer.language
	Category  string
}

// Settlement ends a Reservation.
type Settlement struct {
	Status     string // workflows.StatusSent, StatusFailed, StatusRetry (safe to repeat), StatusSuppressed
	Reason     string
	ProviderID string
	Unknown    bool          // it may or may not have gone out
	Waits      bool          // with StatusRetry: the provider was not called, which is no attempt
	Slot       time.Time     // with Waits: when it may go by its provider's rate (wall)
	RetryAfter time.Duration // with StatusRetry: the provider's wish, for the activity
	Gone       []string      // addresses that are dead
	// the rendered treatment, where it is kept: of the app channel for GET /v1/inbox, of a question for the conversation
	Said map[string]string
}

// Send is a row of the ledger.
type Send struct {
	Key, Enrollment, Journey, Step, Message, Customer string
	Channel, Category, Topic, Status, Reason          string
	ProviderID                                        string
	Action                                            string // the next best action whose message it is
	Tone                                              string // empty: plain
	Unknown                                           bool
	Attempts, Release                                 int
	At                                                time.Time // virtual, of the last change
	Until                                             time.Time // of a send that is held: the end of the quiet hours
	Said                                              map[string]string
	Tried                                             []decisioning.ChannelVerdict // what the policy said to each channel
}

// SendFilter narrows Contacts; empty fields do not.
type SendFilter struct {
	Journey, Customer, Enrollment, Channel, Status string
	Limit                                          int  // default 100, max 1000
	said                                           bool // what was said is kept
	kept                                           bool // by a channel that keeps content
}
