// Package enginetest opens engines for tests, on SQLite and PostgreSQL, and has helpers for what the tests of many rooms do: enter
// a journey, ingest events, drain the outbox. A room's tests are external tests (package customer_test), so that they can import
// the engine, which imports the room.
package enginetest

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tabi-journeys/tabi/channel"
	"github.com/tabi-journeys/tabi/internal/customer"
	"github.com/tabi-journeys/tabi/internal/dev/pgtest"
	"github.com/tabi-journeys/tabi/internal/engine"
	"github.com/tabi-journeys/tabi/internal/enrollment"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/outbox"
	"github.com/tabi-journeys/tabi/internal/unit"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// Main runs the tests of a package, with PostgreSQL if it is available. Call it from TestMain.
func Main(m *testing.M) { pgtest.Main(m) }

// Noon is the virtual time at which the tests begin; Wall is the real time at that moment.
var (
	Noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	Wall = time.Date(2026, 11, 23, 1, 0, 0, 0, time.UTC)
)

// Channels are the channels of the engine under test.
var Channels = []channel.Spec{
	{
		Name:    "email",
		Address: "email",
	}, {Name: "push", Address: "push_token"}, {Name: "sms", Address: "phone"}, {Name: "app", KeepsContent: true}, {Name: "log", Any: true},
}

// A Suite is an engine under test, with helpers for what the tests of all rooms do.
type Suite struct {
	T *testing.T
	*engine.Engine
	Ctx context.Context
	URL string // of the database
	N   int    // number of calls made, for message ids
}

// Each runs f on SQLite, and on PostgreSQL if it is available.
func Each(t *testing.T, f func(s *Suite)) {
	t.Helper()
	t.Parallel()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		f(New(t, filepath.Join(t.TempDir(), "tabi.db")))
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		f(New(t, pgtest.URL(t)))
	})
}

// BenchEach benchmarks f on the URL of an empty SQLite file, and of a PostgreSQL database if it is available.
func BenchEach(b *testing.B, f func(b *testing.B, url string)) {
	b.Run("sqlite", func(b *testing.B) { f(b, filepath.Join(b.TempDir(), "tabi.db")) })
	b.Run("postgres", func(b *testing.B) { f(b, pgtest.URL(b)) })
}

// New opens an engine on a database, and closes it when the test ends.
func New(t *testing.T, url string) *Suite {
	t.Helper()
	s, err := engine.Open(t.Context(), engine.Options{URL: url, Channels: Channels})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return &Suite{T: t, Engine: s, Ctx: t.Context(), URL: url}
}

// Must fails the test on an error.
func (s *Suite) Must(err error) {
	s.T.Helper()
	if err != nil {
		s.T.Fatal(err)
	}
}

// WantError fails the test unless err is want.
func (s *Suite) WantError(err, want error) {
	s.T.Helper()
	if !errors.Is(err, want) {
		s.T.Fatalf("got error %v, want %v", err, want)
	}
}

// CloseLost closes an enrollment whose run is gone.
func (s *Suite) CloseLost(id, outcome, reason string) {
	s.T.Helper()
	_, err := s.Enrollments.CloseLost(s.Ctx, Noon, id, outcome, reason)
	s.Must(err)
}

// Equal fails the test unless got equals want.
func (s *Suite) Equal(got, want any) {
	s.T.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		s.T.Fatalf("not as wanted (- want, + got):\n%s", diff)
	}
}

// Props are properties of an event, or traits.
type Props = map[string]any

// Track returns a track call with a new message id.
func (s *Suite) Track(customerID, event string, p Props) customer.SegmentCall {
	s.N++
	return customer.SegmentCall{Type: "track", MessageID: fmt.Sprintf("m%d", s.N), UserID: customerID, Event: event, Properties: p,
		Source: "http"}
}

// Identify returns an identify call with a new message id.
func (s *Suite) Identify(customerID string, traits Props) customer.SegmentCall {
	s.N++
	return customer.SegmentCall{Type: "identify", MessageID: fmt.Sprintf("m%d", s.N), UserID: customerID, Traits: traits}
}

// Ingest ingests calls at a moment.
func (s *Suite) Ingest(now time.Time, calls ...customer.SegmentCall) []customer.Receipt {
	s.T.Helper()
	r, err := s.Intake.Ingest(s.Ctx, now, calls)
	s.Must(err)
	return r
}

// Publish makes journeys and messages the current release.
func (s *Suite) Publish(journeys []*journey.Definition, messages ...*journey.Message) int {
	s.T.Helper()
	n, err := s.Catalog.Publish(s.Ctx, Noon, Content(journeys, messages...))
	s.Must(err)
	return n
}

// Enter opens an enrollment of Cart, and drains the outbox.
func (s *Suite) Enter(customerID string, p Props) unit.Enrollment {
	s.T.Helper()
	r := s.Ingest(Noon, s.Track(customerID, "Cart Updated", p))
	if len(r[0].Entered) != 1 {
		s.T.Fatalf("entered %v, want one enrollment", r[0].Entered)
	}
	e := s.OpenAt(r[0].Entered[0])
	s.Drain()
	return e
}

// OpenAt returns the open enrollment with a workflow id.
func (s *Suite) OpenAt(workflowID string) unit.Enrollment {
	s.T.Helper()
	all, err := s.Enrollments.List(s.Ctx, enrollment.Filter{WorkflowID: workflowID})
	s.Must(err)
	for _, e := range all {
		if e.State != unit.StateClosed {
			return e
		}
	}
	s.T.Fatalf("no enrollment is open at %s", workflowID)
	return unit.Enrollment{}
}

func (s *Suite) Enrollment(id string) unit.Enrollment {
	s.T.Helper()
	e, err := enrollment.Get(s.Ctx, s.Database.Reader, id)
	s.Must(err)
	return e.Enrollment
}

// Lease leases everything that is due, at most 100 enrollments, for a minute from Wall.
func (s *Suite) Lease() []outbox.Lease {
	s.T.Helper()
	l, err := s.Outbox.Lease(s.Ctx, Wall, 100, time.Minute)
	s.Must(err)
	return l
}

// Drain delivers everything and describes it, the oldest queue first: "start cart/ana", "event Order Completed
// cart/ana".
func (s *Suite) Drain() []string {
	s.T.Helper()
	var out []string
	for range 100 {
		leases := s.Lease()
		for _, l := range leases {
			for _, d := range l.Deliveries {
				out = append(out, Describe(l, d))
			}
			s.Must(s.Outbox.Delivered(s.Ctx, l, l.Deliveries[len(l.Deliveries)-1].Seq))
			s.Must(s.Outbox.ReleaseLease(s.Ctx, l, "", time.Time{}))
		}
		c, err := s.Analytics.Counts(s.Ctx)
		s.Must(err)
		if c.Pending == 0 {
			return out
		}
	}
	s.T.Fatal("the outbox does not become empty")
	return nil
}

// Describe returns what is delivered, as in Drain.
func Describe(l outbox.Lease, d outbox.Delivery) string {
	if d.Start != nil {
		return "start " + l.Enrollment.WorkflowID
	}
	switch m := d.Delivery; {
	case m.Command != nil:
		return m.Command.Kind + " " + l.Enrollment.WorkflowID
	case m.HandoffResult != nil:
		return "handoff result " + l.Enrollment.WorkflowID
	case m.ScoresChanged != nil:
		return "scores changed " + l.Enrollment.WorkflowID
	}
	return "event " + d.Delivery.Event.Name + " " + l.Enrollment.WorkflowID
}

// Ref returns the reference to an enrollment by its first run.
func Ref(e unit.Enrollment) contract.Ref {
	return contract.Ref{Enrollment: e.ID, Chain: "run-" + e.ID, Journey: e.Journey, Revision: e.Revision}
}

// End reports the end of an enrollment.
func (s *Suite) End(e unit.Enrollment, outcome string, at time.Time) {
	s.T.Helper()
	s.Must(s.Enrollments.Report(s.Ctx, at, contract.Report{Ref: Ref(e), Seq: 99, Ended: &contract.Ended{Outcome: outcome, At: at}}))
}

func (s *Suite) Customer(id string) customer.Customer {
	s.T.Helper()
	c, err := s.Customers.Get(s.Ctx, id)
	s.Must(err)
	return c
}

const Day = 24 * time.Hour

// CountEntries ingests calls one by one, and returns how many enrollments each of them opened.
func (s *Suite) CountEntries(calls ...customer.SegmentCall) []int {
	s.T.Helper()
	var out []int
	for _, c := range calls {
		for _, r := range s.Ingest(Noon, c) {
			out = append(out, len(r.Entered))
		}
	}
	return out
}

// RunSchedules runs schedules at a moment until nothing is left to do, and returns the customers who entered "digest", in order.
func (s *Suite) RunSchedules(now time.Time) []string {
	s.T.Helper()
	for n := 0; ; n++ {
		more, err := s.Enrollments.RunSchedules(s.Ctx, now, Wall)
		s.Must(err)
		if !more {
			break
		}
		if n > 10000 {
			s.T.Fatal("the schedules never end")
		}
	}
	var out []string
	for _, told := range s.Drain() {
		id, _, _ := strings.Cut(told[len("start digest/"):], "#") // the number of another enrollment that is open
		out = append(out, id)
	}
	return out
}

// EnterCart opens an enrollment of Cart in a release in which the event enters other journeys too.
func (s *Suite) EnterCart(customerID string) unit.Enrollment {
	s.T.Helper()
	s.Ingest(Noon, s.Track(customerID, "Cart Updated", nil))
	s.Drain()
	return s.OpenAt("cart/" + customerID)
}

// OpenHandoff opens a hand-off in the queue "support", for an hour, with the outcomes resolved and refunded.
func (s *Suite) OpenHandoff(e unit.Enrollment, id, priority string, at time.Time) {
	s.T.Helper()
	s.Must(s.Handoffs.Open(s.Ctx, at, contract.OpenHandoff{Ref: Ref(e), ID: id, Step: "help", Until: at.Add(time.Hour),
		Spec: journey.Handoff{
			Queue:    "support",
			Priority: priority,
			Outcomes: map[string]*int{"resolved": new(1), "refunded": new(2)},
		}}, "call "+id))
}
