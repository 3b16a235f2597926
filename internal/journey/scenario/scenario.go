package scenario

import (
	"time"

	"github.com/tabi-journeys/tabi/internal/journey"
)

// File is a scenario file: `<journey>.test.yaml`, checked.
type File struct {
	Journey   string
	File      string
	Scenarios []Scenario
}

// DefaultStart is when a scenario starts that says nothing: a Monday morning.
var DefaultStart = time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC)

// DefaultCustomer is the id of a scenario's customer that has none.
const DefaultCustomer = "customer"

// Scenario is one story in simulated time, with what the file says for all already laid under it.
type Scenario struct {
	Name     string
	Place    journey.Place
	ID       string         // of the customer; default DefaultCustomer
	Customer map[string]any // traits, without id
	Start    time.Time      // in the zone it was written in
	With     []string       // other journeys that run too
	Arms     map[string]string
	Calls    map[string]CallAnswer // by step id; a call without one is answered by status 200 and an empty object
	Holdout  bool
	Timeline []Line
	Expect   *Expect // nil: a line of the timeline expects
}

// CallAnswer is what a call gets in a scenario. A status of 400 or more fails the call.
type CallAnswer struct {
	Status int // default 200
	Body   any
}

// Line is one entry of a timeline; exactly one of the pointers and maps is set.
type Line struct {
	At    time.Duration // from the start
	Place journey.Place

	Event    *Event
	Intent   map[string]float64 // intent → score it is set to
	Customer map[string]any     // traits that change
	Fail     *Fault
	Resolve  *Resolve
	Expect   *Expect
}

// Event is an event of the customer.
type Event struct {
	Name       string
	Properties map[string]any
	ID         string // empty: one that is unique in the scenario
}

// Fault makes the next attempts to send by a channel fail.
type Fault struct {
	Via       string // empty: any channel
	Times     int    // default 1
	Permanent bool   // refused for good; otherwise it is tried again
}

// Resolve is an agent's word on the oldest open hand-off of a queue.
type Resolve struct {
	Queue   string // empty: any
	Outcome string
	Agent   string // default "agent"
	Note    string
}

// Expect is what must be so: at its moment in a timeline, or at the end. What is nil or empty is not looked at.
// Within a timeline, Latest is the latest message sent so far and Sent, where a list stands, all of them.
type Expect struct {
	Place    journey.Place
	Key      *string // looks at the instance of this entry key; nil: the one entered last
	Outcome  string
	Step     string
	Latest   *Said
	Sent     *[]Said // exactly these, in this order
	NotSent  []string
	Blocked  *[]Said // exactly these, in this order
	Visited  []string
	Handoffs *[]string // queues: exactly these, in this order
	Vars     map[string]any
	Places   map[string]journey.Place // of the values: key → place
}

// Said is a message in an expectation. Empty fields are not looked at.
type Said struct {
	Message string
	Via     string
	Reason  string // of a blocked one
}
