// Package limits has the limits that keep what one customer, one event or one request can cause from growing without bound, and the
// error by which a call that would exceed one is refused. docs/guarantees.md lists them all, with what happens at each.
package limits

import (
	"fmt"
	"net/http"
	"time"

	"github.com/tabi-journeys/tabi/internal/sqldb"
)

// Limits of one customer, one event and one request. Zero values take the defaults.
type Limits struct {
	// Open is the maximum number of enrollments of one customer in one journey that have not ended; default 200.
	Open int
	// Backlog is the maximum number of outbox entries that wait for the enrollments of one customer; default 5,000.
	Backlog int
	// EventEntries is the maximum number of outbox entries that one event may write; default 1,000.
	EventEntries int
	// RequestEntries is the maximum number of outbox entries that one request may write, and one transaction; default 10,000.
	RequestEntries int
	// TraitBytes, TraitKeys and TraitDepth bound the traits of a customer: their size as JSON, the number of names on all levels, and
	// the number of levels. Defaults: 64 KiB, 500, 8.
	TraitBytes, TraitKeys, TraitDepth int
	// IDs is the maximum number of ids that are merged into one customer; default 1,000.
	IDs int
	// Descendants is the maximum number of events within DescendantsWithin that steps may cause from one event; default 200.
	Descendants int
	// Cost is the maximum cost of all conditions that a request evaluates, in units of CEL; default 5 million, about half a second.
	Cost uint64
}

// DescendantsWithin is the time (virtual) in which Limits.Descendants is counted. An enrollment that lives for a year and sets a trait
// every day is no chain reaction.
const DescendantsWithin = 24 * time.Hour

// WithDefaults returns l with its zero values replaced.
func (l Limits) WithDefaults() Limits {
	for _, one := range []struct {
		value   *int
		initial int
	}{
		{&l.Open, 200}, {&l.Backlog, 5_000}, {&l.EventEntries, 1_000}, {&l.RequestEntries, 10_000}, {&l.TraitBytes, 64 << 10},
		{&l.TraitKeys, 500}, {&l.TraitDepth, 8}, {&l.IDs, 1_000}, {&l.Descendants, 200},
	} {
		if *one.value <= 0 {
			*one.value = one.initial
		}
	}
	if l.Cost == 0 {
		l.Cost = 5_000_000
	}
	return l
}

// An Error refuses a call because it would exceed a limit. Nothing of the call is stored. It is an sqldb.InputError too.
type Error struct {
	Status  int    // of the HTTP answer
	Code    string // as in tolerant.Problem
	Message string // for the sender: what the limit is and what to do, without customer data
}

// Error implements error.
func (e *Error) Error() string { return e.Message }

// Refusal marks the error; see sqldb.DatabaseError.
func (e *Error) Refusal() {}

// As makes the error an sqldb.InputError.
func (e *Error) As(target any) bool {
	input, ok := target.(*sqldb.InputError)
	if ok {
		*input = sqldb.InputError(e.Message)
	}
	return ok
}

// Retry reports whether the same call may be accepted later.
func (e *Error) Retry() bool { return e.Status == http.StatusTooManyRequests }

// Codes of an Error.
const (
	ProfileTooLarge = "profile_too_large"      // the traits of the customer
	OpenEnrollments = "too_many_enrollments"   // enrollments of the customer in a journey
	CustomerBacklog = "customer_backlog"       // outbox entries of the customer
	Listeners       = "too_many_deliveries"    // outbox entries of an event
	RequestTooWide  = "request_too_wide"       // outbox entries of a request
	TooManyIDs      = "too_many_ids"           // ids of the customer
	ChainReaction   = "too_many_caused_events" // descendants of an event; no call from outside gets it
	TooCostly       = "conditions_too_costly"  // conditions of a request
)

// statuses of HTTP answers: 413 where less at once may be taken, 409 where it may not, 429 where the same may be taken later.
var statuses = map[string]int{
	ProfileTooLarge: http.StatusRequestEntityTooLarge, RequestTooWide: http.StatusRequestEntityTooLarge,
	TooCostly: http.StatusRequestEntityTooLarge, OpenEnrollments: http.StatusConflict, Listeners: http.StatusConflict,
	TooManyIDs: http.StatusConflict, ChainReaction: http.StatusConflict, CustomerBacklog: http.StatusTooManyRequests,
}

// Status returns the HTTP status of a code, or 0 if it is none of an Error.
func Status(code string) int { return statuses[code] }

func refused(code, format string, args ...any) *Error {
	return &Error{Status: statuses[code], Code: code, Message: fmt.Sprintf(format, args...)}
}

// BacklogFull refuses a call while too many outbox entries of its customer wait.
func (l Limits) BacklogFull() *Error {
	return refused(CustomerBacklog, "more than %d outbox entries of this "+
		"customer wait for delivery to journeys; nothing of the call was stored, send it again in a few seconds", l.Backlog)
}

// TooManyOpen refuses an event that would enter a journey in which the customer has too many open enrollments.
func (l Limits) TooManyOpen(journey string) *Error {
	return refused(OpenEnrollments, "the customer has %d open enrollments in "+
		"journey %s and cannot have more, so it was not entered", l.Open, journey)
}

// TooManyListeners refuses an event that too many enrollments would get.
func (l Limits) TooManyListeners(n int) *Error {
	return refused(Listeners, "the event would be delivered to %d enrollments of "+
		"the customer; at most %d are possible. Nothing of the call was stored", n, l.EventEntries)
}

// RequestFull refuses the calls of a request after those that wrote as many outbox entries as one request may.
func (l Limits) RequestFull() *Error {
	return refused(RequestTooWide, "the calls of this request would "+
		"be delivered to more than %d enrollments; this call and those after it were not stored, send them in another request",
		l.RequestEntries)
}

// TooManyMerged refuses a call that would merge one more id into a customer.
func (l Limits) TooManyMerged() *Error {
	return refused(TooManyIDs, "the customer has %d merged ids, and cannot have "+
		"more; nothing of the call was stored", l.IDs)
}

// CausedTooMany refuses an event that a step causes where one event has caused too many already. The step's run says so in its log.
func (l Limits) CausedTooMany(root string) *Error {
	return refused(ChainReaction, "journeys have caused %d events within a day "+
		"from the event %q, and cannot cause more: do journeys trigger each other?", l.Descendants, root)
}

// TooDeep refuses an event that a step causes at the end of a chain of depth events that journeys have caused from each other.
func (l Limits) TooDeep(depth int) *Error {
	return refused(ChainReaction, "it would be event %d in a chain of events "+
		"that journeys cause from each other; at most %d are possible", depth, depth-1)
}

// CostExceeded refuses a call whose request has evaluated conditions that cost too much.
func (l Limits) CostExceeded() *Error {
	return refused(TooCostly, "the conditions that journeys have for the calls of "+
		"this request cost too much to evaluate; this call was not stored. Send fewer calls at once, or simplify the conditions")
}
