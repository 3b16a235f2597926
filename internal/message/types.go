package message

import (
	"strings"
	"time"

	"github.com/tabi-journeys/tabi/internal/customer"
	"github.com/tabi-journeys/tabi/internal/decisioning"
	"github.com/tabi-journeys/tabi/internal/event"
	"github.com/tabi-journeys/tabi/internal/human"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/journey/expr"
	"github.com/tabi-journeys/tabi/internal/sqldb"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// ErrBusy is returned while another attempt of a send holds its lease.
var ErrBusy error = sqldb.Refusal("another attempt of this send is running")

// A Reservation is a decided send, leased with a fencing token.
type Reservation struct {
	Key       string
	Customer  string // the enrollment's customer at the time of the reservation
	Token     int64
	Done      *contract.SendResult // not nil: nothing to send (settled before, suppressed, held, or the journey is paused)
	Unsettled bool                 // an earlier attempt took the lease and never settled; it may have gone out
	Attempts  int                  // provider calls so far that were answered
	Slot      time.Time            // wall time that the rate limit reserved for an earlier attempt; zero: none
	Release   int
	Message   *journey.Message
	Verdict   decisioning.Verdict
	Vars      expr.Vars // for the templates: customer, entry, event, steps (with their events' properties), vars, intent, now
	Language  string    // customer.language
	Category  string
}

// treatmentLanguage returns the key of the language in which the message speaks to the customer; empty: the message's own.
func (r *Reservation) treatmentLanguage() string {
	if r.Message == nil {
		return ""
	}
	name, _ := human.MatchLanguage(r.Message.Languages, r.Language)
	return name
}

// A Settlement is the result of a Reservation.
type Settlement struct {
	Status     string // contract.StatusSent, StatusFailed, StatusRetry (safe to repeat), StatusSuppressed
	Reason     string
	ProviderID string
	Unknown    bool                 // it may or may not have gone out
	Waits      bool                 // with StatusRetry: the provider was not called, so it is no attempt
	Slot       time.Time            // with Waits: the wall time that the rate limit reserved
	RetryAfter time.Duration        // with StatusRetry: the back-off that the provider asks for
	Gone       []string             // dead addresses
	GoneReason string               // why they are dead; empty: Reason
	GoneSince  map[string]time.Time // since when dead addresses are dead, by the provider's clock
	OptedOut   []string             // addresses whose reader has opted out at the provider
	Segments   int                  // of a text message that was sent; 0: the channel counts none
	// the rendered treatment, if it is stored: for GET /v1/inbox (app) and the conversation (questions)
	Said map[string]string
}

// A Send is a row of sends.
type Send struct {
	Key, Enrollment, Journey, Step, Message, Customer string
	Addresses                                         []string `personal:"drop"` // folded; those of the last attempt
	Channel, Category, Topic, Status, Reason          string
	ProviderID                                        string
	Action                                            string // the next best action it belongs to
	Tone                                              string // empty: plain
	Unknown                                           bool
	Attempts, Release, Segments                       int
	At                                                time.Time                    // virtual time of the last change
	Until                                             time.Time                    // of a held send: the end of the quiet hours
	Said                                              map[string]string            `personal:"drop"`
	Tried                                             []decisioning.ChannelVerdict `personal:"drop"` // the policy's verdict on each channel
}

// Call returns an event of the customer about the send: what they did with the message, or what became of it.
func (s *Send) Call(name string) customer.SegmentCall {
	call := customer.SegmentCall{
		Type: "track", Event: name, Source: "http",
		Properties: map[string]any{
			"message": s.Message, "step": s.Step, "journey": s.Journey, "channel": s.Channel, "key": s.Key,
		},
	}
	call.UserID, call.AnonymousID = event.Identity(s.Customer)
	return call
}

// HidePersonal hides a reason in a provider's words.
func (s *Send) HidePersonal() { s.Reason = human.HideReason(s.Reason) }

// Why returns for people what the policy said about each channel that it did not simply permit: its reason, and which
// addresses are not used and why. Empty: nothing.
func (s *Send) Why() string {
	var parts []string
	for _, v := range s.Tried {
		switch {
		case v.Detail != "" && v.Reason != "":
			parts = append(parts, v.Channel+": "+v.Reason+", "+v.Detail)
		case v.Detail != "":
			parts = append(parts, v.Channel+": "+v.Detail)
		case v.Reason != "" && len(s.Tried) > 1:
			parts = append(parts, v.Channel+": "+v.Reason)
		}
	}
	return strings.Join(parts, "; ")
}

// SendFilter narrows Sends. Empty fields do not filter.
type SendFilter struct {
	Journey, Customer, Enrollment, Channel, Status string
	Limit                                          int  // default 100, max 1000
	said                                           bool // only sends whose rendered text is stored
	kept                                           bool // only channels that keep content
}
