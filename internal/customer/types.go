package customer

import (
	"net/url"
	"strings"
	"time"

	"github.com/tabi-journeys/tabi/internal/address"
	"github.com/tabi-journeys/tabi/internal/event"
	"github.com/tabi-journeys/tabi/internal/journey/expr"
	"github.com/tabi-journeys/tabi/internal/limits"
	"github.com/tabi-journeys/tabi/internal/sqldb"
)

// Trust says what a call may say about identities. See docs/decisions/0025.
type Trust int

// Levels of trust.
const (
	// Trusted calls come from servers, operators, Temporal and tabi itself. They may say anything about anybody.
	Trusted Trust = iota
	// Proven calls come from a web key, with a proof of who the user is. Which visitor that user was, is not proven: a merge carries over
	// no protected trait.
	Proven
	// Untrusted calls come from a web key without a proof. They speak of a visitor only: they name no user, and link no ids.
	Untrusted
)

// ProtectedTraits are addresses and permissions. Only Trusted calls set them, or carry them from one customer to another.
var ProtectedTraits = map[string]bool{
	"email": true, "phone": true, "push_token": true, "line_id": true, "web_push": true, "consent": true, "topics": true,
}

// A SegmentCall is one call of Segment's tracking API, after the gateway's checks.
type SegmentCall struct {
	Type        string // track, identify, page, screen, alias or group
	MessageID   string // the event's id; each id is stored once
	UserID      string
	AnonymousID string
	PreviousID  string // for alias
	Event       string // name of a track event
	Properties  map[string]any
	Traits      map[string]any
	Timestamp   time.Time // time of the event; zero or future: now
	Source      string    // http, temporal, cli or step; the event of a backfill has backfill
	Enter       string    // enter only this journey, ignoring its entry event and condition (tabi enroll)
	Origin      string    // the id that the event came from; default: Subject
	Depth       int       // length of the chain of events that journeys caused
	Root        string    // with Depth: the id of the event at the beginning of the chain
	Trust       Trust     // what it may say about identities
	Space       string    // of message ids: those of a web key are apart from all others; empty: the ids of servers, and of tabi itself
	UserHash    string    // the proof that the sender gave for UserID; never stored
	// Context has the traits that the context of a client library knows: email, timezone, push_token … They fill what the profile
	// lacks; see ApplyTraits.
	Context map[string]any
	// Backfill marks history: the call teaches profile, counts, intents and engagement, and reaches no journey.
	Backfill bool

	Trace      string          // the trace that the call belongs to, as a W3C traceparent; empty: none
	Classified *Classification // set by intent.Classify
	Meter      *expr.Meter     // of the request: what the conditions that the call makes true or false have cost
}

// NeverRefused reports whether the call must be stored however much the customer has: what makes a customer get fewer messages.
func (c *SegmentCall) NeverRefused() bool {
	return strings.HasPrefix(c.MessageID, event.PreferencePrefix) ||
		c.Event == event.Unsubscribed || c.Event == event.EmailMarkedAsSpam || c.Event == event.EmailBounced ||
		c.Event == event.MessageBounced
}

// EventID returns the id of the event that a call becomes. Message ids of web keys are known to everybody who opens a page, and often
// easy to guess: they must not take the ids of a server's events. So each web key has a space of its own.
func (c *SegmentCall) EventID() string {
	if c.Space == "" {
		return c.MessageID
	}
	return event.WebPrefix + c.Space + "/" + c.MessageID
}

// A Classification is the intent that a customer's message was classified as.

type Classification struct {
	Intent     string // empty: none of the intents
	Confidence float64
	Version    int // of the classifier
}

// A Receipt is the result of a SegmentCall.
type Receipt struct {
	ID          string
	Customer    string
	Duplicate   bool
	Forgotten   bool     // the customer was forgotten: nothing was stored
	Taken       bool     // the id is that of another event, or of another customer: the call is not stored; see ErrTaken
	Kept        bool     // traits of a user were not changed, since the call is not proven
	Stayed      bool     // a merge left protected traits with the visitor, since the call may not carry them over; see Proven
	DeliveredTo []string // ids of the enrollments that get the event
	Entered     []string // workflow ids of the enrollments it opened
	Refused     string   // with Enter: why the customer did not enter
	Unnamed     bool     // the current release does not name the event: see catalog.Release.Names
	Warnings    []string // for the sender: what of the call was not understood, or did nothing
	// Over is set if the call was refused because of a limit. Nothing of it is stored, and the fields above but ID and Customer are empty.
	Over *limits.Error
}

// ErrTaken is the error of a call whose message id is that of another event, or of an event of another customer. It does not say whose.
var ErrTaken = sqldb.InputError("this messageId was used before, for another event or another customer: send each event with an id " +
	"of its own, and only a repeat with the same one")

// A Customer is a profile.
type Customer struct {
	ID      string
	Traits  map[string]any `personal:"mask"`
	Merged  []string       // ids that were merged into it
	Created time.Time
	// Bounced has the customer's dead addresses with the reasons, and OptedOut those that have refused marketing, whichever
	// customer did so; as they are written in the traits.
	Bounced  map[string]string `personal:"drop"`
	OptedOut []string          `personal:"drop"`
	// Addresses are where the channels reach the customer, in the order of channels, with what is known of them; those that cannot be
	// used too.
	Addresses []ChannelAddress `personal:"drop"`
}

// A ChannelAddress is an address that a customer has on a channel.
type ChannelAddress struct {
	Channel string
	Address string // as it is written for sending; of a browser its endpoint
	State   address.State
	Wrong   string // why it cannot be used; empty: it can
}

// Service returns for people whose a device is; empty for other addresses.
func (a ChannelAddress) Service() string {
	switch {
	case a.Channel == "push" && address.APNs(a.Address):
		return "an Apple device"
	case a.Channel == "push" && a.Wrong == "":
		return "a device, by Firebase"
	case a.Channel == "web_push":
		u, err := url.Parse(a.Address)
		if err == nil && u.Host != "" {
			return "a browser, by " + u.Host
		}
	}
	return ""
}

// EventNone is the name of an alias. An alias is stored for its id and is no event of the customer.
const EventNone = ""

// MaxDepth ends chains of events that journeys cause: a step can cause no deeper event.
const MaxDepth = 10
