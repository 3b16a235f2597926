package store

import "time"

// ErrClockFixed is returned where the clock would change though there are events.
var ErrClockFixed error = refusal("the clock cannot change once there are events")

// SegmentCall is one call of Segment's tracking API, after the gateway's checks.
type SegmentCall struct {
	Type        string // track identify page screen alias group
	MessageID   string // the event's id; an id counts once
	UserID      string
	AnonymousID string
	PreviousID  string // alias
	Event       string // name of a track event
	Properties  map[string]any
	Traits      map[string]any
	Timestamp   time.Time // of the event; zero: now. Clamped to now.
	Source      string    // http, temporal, cli, step
	Untrusted   bool      // from a web key: protected traits and aliases of identified users are refused by the gateway before this
	Enter       string    // tabi enroll: consider entry into this journey alone, without its entry event and when
	Depth       int       // emit chains

	classified *classification // of a message, before the transaction
}

// classification is what a text of the customer was taken for.

type classification struct {
	intent     string // empty: none of the intents
	confidence float64
	version    int // of the classifier
}

// Receipt is what became of a Call.
type Receipt struct {
	ID          string
	Customer    string
	Duplicate   bool
	DeliveredTo []string // enrollments it goes to
	Entered     []string // workflow ids of the instances it started
	Refused     string   // with Enter: why there was no entry
}

// Customer is a profile.
type Customer struct {
	ID      string
	Traits  map[string]any
	Merged  []string // ids that were merged into it
	Created time.Time
	Bounced map[string]string // address → reason
}

// Names of the events that Segment's calls other than track become.
const (
	eventUpdated = "Customer Updated"
	eventPage    = "Page Viewed"
	eventScreen  = "Screen Viewed"
	eventGroup   = "Group Joined"
	eventStarted = "Journey Started" // by hand, where the call names none
	eventNone    = ""                // an alias: kept for its id, no event of the customer
)

// maxDepth ends chains of events that journeys cause: a deeper event is kept, but it is not delivered and nobody enters by it.
const maxDepth = 10
