package analytics

import (
	"context"
	"slices"
	"time"

	"github.com/tabi-journeys/tabi/internal/human"
	"github.com/tabi-journeys/tabi/internal/retention"
	"github.com/tabi-journeys/tabi/internal/sqldb"
)

// What the numbers are made of, by kind of data.
var (
	ofAcceptance = []string{retention.Decisions}
	ofNumbers    = []string{retention.Events, retention.Enrollments, retention.Sends, retention.Visitors}
)

// Begins returns from when on there are all rows of each kind of data.
func (s *Room) Begins(ctx context.Context) (retention.Begins, error) {
	begins, err := retention.ReadBegins(ctx, s.db.Reader)
	return begins, sqldb.DatabaseError(err)
}

// TimelineEntry is one line of a customer's story, newest first in Timeline.
type TimelineEntry struct {
	At      time.Time
	Kind    string // event, contact, handoff, entered, ended
	Title   string
	Journey string
	Detail  map[string]any
}

// shown are the details that hold nothing that customers or agents wrote. A value of another name, and every value of an event, is
// personal.
var shown = []string{
	"id", "message", "channel", "status", "step", "queue", "state", "agent", "workflow_id", "event", "holdout", "value",
}

// HidePersonal keeps the names of all details, and the values of those that are shown to every role.
func (e *TimelineEntry) HidePersonal() {
	out := make(map[string]any, len(e.Detail))
	for name, v := range e.Detail {
		reason, _ := v.(string)
		switch {
		case e.Kind == "event":
			v = human.Hidden
		case name == "reason" && e.Kind == "send":
			v = human.HideReason(reason)
		case name == "reason" && e.Kind == "ended":
			v = human.HideEnd(reason)
		case name == "outcome" && e.Kind == "ended" || slices.Contains(shown, name):
		default:
			v = human.Hidden
		}
		out[name] = v
	}
	e.Detail = out
}

// Live are the current numbers. Reading them costs the same however much history there is.
type Live struct {
	Pending        int64            // deliveries not yet done
	OldestPending  time.Time        // virtual; zero: none
	Failing        int64            // enrollments whose first delivery failed five times or more
	Open           map[string]int64 // by journey
	Handoffs       int64            // open and claimed
	PausedJourneys []string
	DeadLetters    int64 // deliveries that were set aside
	Rejected       int64 // refused calls that are kept
}

// Totals are numbers over all time. Counting takes longer the more rows there are.
type Totals struct {
	Events, Customers int64
	Outcomes          map[string]map[string]int64 // of closed enrollments, by journey
	Sends             map[string]int64            // "channel/status"
}

// Counts for metrics and lists.
type Counts struct {
	Live
	Totals
}
