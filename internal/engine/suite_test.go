package engine

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tabi-journeys/tabi/channel"
	"github.com/tabi-journeys/tabi/internal/customer"
	"github.com/tabi-journeys/tabi/internal/dev/pgtest"
	"github.com/tabi-journeys/tabi/internal/enrollment"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/outbox"
	"github.com/tabi-journeys/tabi/internal/unit"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// noon is the virtual time at which the tests begin; wall is the wall's.
var (
	noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	wall = time.Date(2026, 11, 23, 1, 0, 0, 0, time.UTC)
)

// channels are some, as a build may have them.
var channels = []channel.Spec{
	{
		Name:    "email",
		Address: "email",
	}, {Name: "push", Address: "push_token"}, {Name: "sms", Address: "phone"}, {Name: "app", KeepsContent: true}, {Name: "log", Any: true},
}

// suite is a store under test with short forms for what the tests do.
type suite struct {
	T *testing.T
	*Engine
	ctx context.Context
	url string
	n   int
}

// each runs f on SQLite, and on PostgreSQL where there is one.
func each(t *testing.T, f func(s *suite)) {
	t.Helper()
	t.Parallel()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		f(opened(t, filepath.Join(t.TempDir(), "tabi.db")))
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		f(opened(t, pgtest.URL(t)))
	})
}

// engines benchmarks f on the URL of an empty SQLite file, and of a PostgreSQL database where there is one.
func engines(b *testing.B, f func(b *testing.B, url string)) {
	b.Run("sqlite", func(b *testing.B) { f(b, filepath.Join(b.TempDir(), "tabi.db")) })
	b.Run("postgres", func(b *testing.B) { f(b, pgtest.URL(b)) })
}

func opened(t *testing.T, url string) *suite {
	t.Helper()
	s, err := Open(t.Context(), Options{URL: url, Channels: channels})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return &suite{T: t, Engine: s, ctx: t.Context(), url: url}
}

// must fails the test on an error.
func (s *suite) must(err error) {
	s.T.Helper()
	if err != nil {
		s.T.Fatal(err)
	}
}

// refused fails the test unless err is want.
func (s *suite) refused(err, want error) {
	s.T.Helper()
	if !errors.Is(err, want) {
		s.T.Fatalf("got error %v, want %v", err, want)
	}
}

// loses closes an enrollment whose run is gone.
func (s *suite) loses(id, outcome, reason string) {
	s.T.Helper()
	_, err := s.Enrollments.CloseLost(s.ctx, noon, id, outcome, reason)
	s.must(err)
}

// same compares what is with what should be.
func (s *suite) same(got, want any) {
	s.T.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		s.T.Fatalf("not as it should be (- want, + got):\n%s", diff)
	}
}

type props = map[string]any

// track is a call; id "" gets one.
func (s *suite) track(customerID, event string, p props) customer.SegmentCall {
	s.n++
	return customer.SegmentCall{Type: "track", MessageID: fmt.Sprintf("m%d", s.n), UserID: customerID, Event: event, Properties: p,
		Source: "http"}
}

func (s *suite) identify(customerID string, traits props) customer.SegmentCall {
	s.n++
	return customer.SegmentCall{Type: "identify", MessageID: fmt.Sprintf("m%d", s.n), UserID: customerID, Traits: traits}
}

// ingest takes calls at a moment.
func (s *suite) ingest(now time.Time, calls ...customer.SegmentCall) []customer.Receipt {
	s.T.Helper()
	r, err := s.Intake.Ingest(s.ctx, now, calls)
	s.must(err)
	return r
}

// publishes makes journeys and messages the current release.
func (s *suite) publishes(journeys []*journey.Definition, messages ...*journey.Message) int {
	s.T.Helper()
	n, err := s.Catalog.Publish(s.ctx, noon, content(journeys, messages...))
	s.must(err)
	return n
}

func content(journeys []*journey.Definition, messages ...*journey.Message) *journey.Content {
	c := &journey.Content{Journeys: map[string]*journey.Definition{}, Messages: map[string]*journey.Message{}}
	for _, d := range journeys {
		c.Journeys[d.Journey] = d
	}
	for _, m := range messages {
		c.Messages[m.Name] = m
	}
	return c
}

// cart is a journey that is entered by Cart Updated, waits for Order Completed and ends.
func cart(change ...func(*journey.Definition)) *journey.Definition {
	d := &journey.Definition{
		Journey: "cart",
		Entry:   journey.Entry{Events: []string{"Cart Updated"}, Reentry: journey.ReentryAfterExit},
		Goal:    &journey.Goal{Events: []string{"Order Completed"}, When: `event.cart_id == entry.cart_id`},
		Timeout: journey.DefaultTimeout,
		Paths:   []journey.Path{{Name: journey.Main, Start: 0}},
		Steps: []journey.Step{{ID: "response", Kind: "wait_for", Path: journey.Main, Next: 1, Spec: &journey.WaitFor{
			Arms: []journey.EventArm{{Events: []string{"Cart Viewed"}, Then: 1}}, Timeout: time.Hour, OnTimeout: 1}},
			{ID: "nudge", Kind: "send", Path: journey.Main, Next: journey.End, Spec: &journey.Send{
				Message: "reminder", Via: []string{"email"}, Category: journey.Marketing, OnBlocked: journey.End, OnFailure: journey.End}}},
	}
	for _, f := range change {
		f(d)
	}
	return d
}

// carts is cart alone, as what is published.
func carts(change ...func(*journey.Definition)) []*journey.Definition {
	return []*journey.Definition{cart(change...)}
}

func keyed(d *journey.Definition) { d.Entry.Key = "event.cart_id" }

func reentry(mode string, after time.Duration) func(*journey.Definition) {
	return func(d *journey.Definition) { d.Entry.Reentry, d.Entry.After = mode, after }
}

func named(name string) func(*journey.Definition) {
	return func(d *journey.Definition) { d.Journey = name }
}

func reminder() *journey.Message {
	return &journey.Message{Name: "reminder", Treatments: map[string]journey.Treatment{
		"email": {
			"subject": "Your cart",
			"html":    "<p>Hello</p>",
		}, "push": {"title": "Your cart"}, "sms": {"text": "Your cart"}, "app": {"title": "Your cart"}}}
}

// enters opens an enrollment of cart and takes its start from the outbox.
func (s *suite) enters(customerID string, p props) unit.Enrollment {
	s.T.Helper()
	r := s.ingest(noon, s.track(customerID, "Cart Updated", p))
	if len(r[0].Entered) != 1 {
		s.T.Fatalf("entered %v, want one instance", r[0].Entered)
	}
	e := s.at(r[0].Entered[0])
	s.drain()
	return e
}

// at is the enrollment that is not closed at an address.
func (s *suite) at(workflowID string) unit.Enrollment {
	s.T.Helper()
	all, err := s.Enrollments.List(s.ctx, enrollment.Filter{WorkflowID: workflowID})
	s.must(err)
	for _, e := range all {
		if e.State != unit.StateClosed {
			return e
		}
	}
	s.T.Fatalf("nothing is open at %s", workflowID)
	return unit.Enrollment{}
}

func (s *suite) byID(id string) unit.Enrollment {
	s.T.Helper()
	e, err := enrollment.Get(s.ctx, s.Database.Reader, id)
	s.must(err)
	return e.Enrollment
}

// lease takes everything that is due.
func (s *suite) lease() []outbox.Lease {
	s.T.Helper()
	l, err := s.Outbox.Lease(s.ctx, wall, 100, time.Minute)
	s.must(err)
	return l
}

// drain delivers everything and says what it was, oldest queue first: "start cart/ana", "event Order Completed
// cart/ana".
func (s *suite) drain() []string {
	s.T.Helper()
	var out []string
	for range 100 {
		leases := s.lease()
		for _, l := range leases {
			for _, d := range l.Deliveries {
				out = append(out, told(l, d))
			}
			s.must(s.Outbox.Delivered(s.ctx, l, l.Deliveries[len(l.Deliveries)-1].Seq))
			s.must(s.Outbox.ReleaseLease(s.ctx, l, "", time.Time{}))
		}
		c, err := s.Analytics.Counts(s.ctx)
		s.must(err)
		if c.Pending == 0 {
			return out
		}
	}
	s.T.Fatal("the outbox does not get empty")
	return nil
}

func told(l outbox.Lease, d outbox.Delivery) string {
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

func ref(e unit.Enrollment) contract.Ref {
	return contract.Ref{Enrollment: e.ID, Chain: "run-" + e.ID, Journey: e.Journey, Revision: e.Revision, Customer: e.Customer}
}

// ends reports the end of an enrollment.
func (s *suite) ends(e unit.Enrollment, outcome string, at time.Time) {
	s.T.Helper()
	s.must(s.Enrollments.Report(s.ctx, at, contract.Report{Ref: ref(e), Seq: 99, Ended: &contract.Ended{Outcome: outcome, At: at}}))
}

func (s *suite) customer(id string) customer.Customer {
	s.T.Helper()
	c, err := s.Customers.Get(s.ctx, id)
	s.must(err)
	return c
}
