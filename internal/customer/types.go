package customer

import (
	"time"
)

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
	Enter       string    // tabi enroll: consider entry into this journey alone, without its entry event and when
	Depth       int       // emit chains

	Classified *Classification // of a message, before the transaction
}

// classification is what a text of the customer was taken for.

type Classification struct {
	Intent     string // empty: none of the intents
	Confidence float64
	Version    int // of the classifier
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
	EventUpdated = "Customer Updated"
	EventPage    = "Page Viewed"
	EventScreen  = "Screen Viewed"
	EventGroup   = "Group Joined"
	EventStarted = "Journey Started" // by hand, where the call names none
	EventNone    = ""                // an alias: kept for its id, no event of the customer
)

// MaxDepth ends chains of events that journeys cause: a deeper event is kept, but it is not delivered and nobody enters by it.
const MaxDepth = 10
