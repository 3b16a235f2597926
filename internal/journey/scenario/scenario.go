package scenario

import (
	"time"

	"github.com/tabi-journeys/tabi/internal/journey/source"
)

// File is a checked scenario file, `<journey>.test.yaml`.
type File struct {
	Journey   string
	File      string
	Scenarios []Scenario
}

// DefaultStart is the default start of a scenario: a Monday morning.
var DefaultStart = time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC)

// DefaultCustomer is the default id of a scenario's customer.
const DefaultCustomer = "customer"

// Scenario is one story in simulated time. The file's settings for all scenarios are already merged into it.
type Scenario struct {
	Name     string
	Place    source.Place
	ID       string         // of the customer; default DefaultCustomer
	Customer map[string]any // traits, without id
	Start    time.Time      // in the zone it was written in
	With     []string       // other journeys that run in the scenario
	Arms     map[string]string
	Calls    map[string]CallAnswer // by step id; a call without an entry receives status 200 and an empty object
	// by step id; an activity without an entry returns an empty object
	Activities map[string]ActivityAnswer
	Holdout    bool
	Timeline   []Line
	Expect     *Expect // nil: a line of the timeline has expectations
}

// CallAnswer is the response to a call in a scenario. A status of 400 or more fails the call.
type CallAnswer struct {
	Status int // default 200
	Body   any
}

// ActivityAnswer is what an activity returns in a scenario, or the text of the error by which it fails for good.
type ActivityAnswer struct {
	Result any
	Error  string // empty: it returns Result
}

// Line is one entry of a timeline; exactly one of the pointers and maps is set.
type Line struct {
	At    time.Duration // from the start
	Place source.Place

	Event    *Event
	Intent   map[string]float64 // intent → score it is set to
	Customer map[string]any     // traits to change
	Fail     *Fault
	Resolve  *Resolve
	Expect   *Expect
}

// Event is an event of the customer.
type Event struct {
	Name       string
	Properties map[string]any
	ID         string // empty: a unique one
}

// Fault makes the next attempts to send through a channel fail.
type Fault struct {
	Via       string // empty: any channel
	Times     int    // default 1
	Permanent bool   // permanently refused; otherwise the send is retried
}

// Resolve resolves the oldest open handoff of a queue.
type Resolve struct {
	Queue   string // empty: any
	Outcome string
	Agent   string // default "agent"
	Note    string
}

// Expect is an expectation at a moment of a timeline, or at the end. Nil and empty fields are not checked. In a
// timeline, Latest is the latest message sent so far and Sent, if it is a list, all messages so far.
type Expect struct {
	Place    source.Place
	Key      *string // the entry key of the enrollment to check; nil: the latest enrollment
	Outcome  string
	Step     string
	Latest   *Said
	Sent     *[]Said // exactly these, in this order
	NotSent  []string
	Blocked  *[]Said // exactly these, in this order
	Visited  []string
	Handoffs *[]string // queues: exactly these, in this order
	Vars     map[string]any
	Places   map[string]source.Place // of the values: key → place
}

// Said is a message in an expectation. Empty fields are not checked.
type Said struct {
	Message string
	Via     string
	Reason  string // of a blocked message
	// Of a message that was sent:
	Language    string   // of the treatment
	Subject     *string  // the whole of it
	Contains    []string // each is somewhere in the texts
	NotContains []string // none is anywhere in them
}
