package activities

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"

	"github.com/tabi-journeys/tabi/activities/channels"
	"github.com/tabi-journeys/tabi/channel"
	"github.com/tabi-journeys/tabi/channel/channeltest"
	"github.com/tabi-journeys/tabi/internal/customer"
	"github.com/tabi-journeys/tabi/internal/engine"
	"github.com/tabi-journeys/tabi/internal/enrollment"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/journey/expr"
	"github.com/tabi-journeys/tabi/internal/journey/lint"
	"github.com/tabi-journeys/tabi/internal/message"
	"github.com/tabi-journeys/tabi/internal/signedlink"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

const (
	newsJourney = `journey: news
entry: {event: Subscribed, reentry: always}
goal: {event: Bought}
steps:
  - {id: hello, send: hello, via: [email, push], data: {points: customer.points, missing: customer.nothing}}
  - wait: 1d
`
	helloMessage = `message: hello
email:
  subject: "Hello {{ customer.first_name }}{{ data.points }}{{ data.missing }}"
  html: "<p>{% for i in (1..customer.loops) %}{% endfor %}</p>"
push: {title: Hello, body: you}
`
)

type bundle struct {
	t          *testing.T
	store      *engine.Engine
	email      *channeltest.Fake
	push       *channeltest.Fake
	activities *Activities
	ref        contract.Ref
	event      string
}

func setup(t *testing.T, traits map[string]any) *bundle {
	t.Helper()
	t.Parallel()
	s, err := engine.Open(t.Context(), engine.Options{URL: filepath.Join(t.TempDir(), "tabi.db"), Channels: channels.Shipped().Specs()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	content, problems := lint.Check([]lint.File{
		{Name: "news.yaml", Data: []byte(newsJourney)}, {Name: "messages/hello.yaml", Data: []byte(helloMessage)},
	}, lint.Options{Channels: channels.Shipped().Specs()})
	if problems.Failed(false) {
		t.Fatal(problems)
	}
	now := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	if _, err := s.Catalog.Publish(t.Context(), now, content); err != nil {
		t.Fatal(err)
	}
	all := map[string]any{"email": "ana@example.com", "loops": 5, "first_name": "Ana"}
	for k, v := range traits {
		all[k] = v
	}
	got, err := s.Intake.Ingest(t.Context(), now, []customer.SegmentCall{
		{Type: "identify", MessageID: "i1", UserID: "ana", Traits: all},
		{Type: "track", MessageID: "e1", UserID: "ana", Event: "Subscribed", Properties: map[string]any{"plan": "pro", "note": "x"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	list, err := s.Enrollments.List(t.Context(), enrollment.Filter{WorkflowID: got[1].Entered[0]})
	if err != nil {
		t.Fatal(err)
	}
	b := &bundle{t: t, store: s, event: "e1",
		email: channeltest.NewFake(channels.Shipped().Spec("email"), channel.Receipt{Outcome: channel.Sent, ProviderID: "p1"}),
		push:  channeltest.NewFake(channels.Shipped().Spec("push"), channel.Receipt{Outcome: channel.Sent, ProviderID: "p2"}),
	}
	b.activities = New(Config{Rooms: roomsOf(s), Channels: map[string]channel.Channel{"email": b.email, "push": b.push},
		Links: signedlink.Links{PublicURL: "https://tabi.example.com", Secrets: signedlink.MustSecrets("0123456789abcdef")}})
	b.ref = contract.Ref{Enrollment: list[0].ID, Chain: "chain", Journey: "news", Revision: list[0].Revision}
	return b
}

// order is the send of step hello.
func (b *bundle) order(category string) contract.Send {
	spec := journey.Send{Message: "hello", Via: []string{"email", "push"}, Category: category,
		Data: map[string]expr.Expr{"points": "customer.points", "missing": "customer.nothing"}}
	return contract.Send{
		Ref:         b.ref,
		EvalContext: contract.EvalContext{EntryEvent: b.event, Event: b.event},
		Key:         b.ref.Enrollment + "/hello/1",
		Step:        "hello",
		Visit:       1,
		Spec:        spec,
	}
}

func (b *bundle) contact() message.Send {
	b.t.Helper()
	rows, err := b.store.Messages.Sends(b.t.Context(), message.SendFilter{Enrollment: b.ref.Enrollment})
	if err != nil || len(rows) != 1 {
		b.t.Fatal(rows, err)
	}
	return rows[0]
}

func TestSendOutcomes(t *testing.T) {
	receipt := func(o channel.Outcome, reason string) []channel.Receipt {
		return []channel.Receipt{{Outcome: o, Reason: reason}}
	}
	for _, c := range []struct {
		name     string
		traits   map[string]any
		category string
		email    []channel.Receipt
		dedupes  bool
		want     contract.SendResult
		unknown  bool
	}{
		{"sent", nil, journey.Marketing, nil, false, contract.SendResult{Status: "sent", Channel: "email"}, false},
		{"refused", nil, journey.Marketing, receipt(channel.Refused, "550 no such user"), false,
			contract.SendResult{Status: "failed", Reason: "550 no such user", Channel: "email"}, false},
		{"not sent", nil, journey.Marketing, receipt(channel.NotSent, "451 later"), false,
			contract.SendResult{Status: "retry", Reason: "451 later", RetryAfter: contract.SendInterval}, false},
		{"unknown, marketing", nil, journey.Marketing, receipt(channel.Unknown, "gone silent"), false,
			contract.SendResult{Status: "sent", Reason: ReasonUnknown, Channel: "email"}, true},
		{"unknown, transactional", nil, journey.Transactional, receipt(channel.Unknown, "gone silent"), false,
			contract.SendResult{Status: "retry", Reason: "gone silent", RetryAfter: contract.SendInterval}, true},
		{"unknown, but the provider drops repeats", nil, journey.Marketing, receipt(channel.Unknown, "gone silent"), true,
			contract.SendResult{Status: "retry", Reason: "gone silent", RetryAfter: contract.SendInterval}, true},
		{"no address", map[string]any{"email": nil}, journey.Marketing, nil, false,
			contract.SendResult{Status: "suppressed", Reason: "NO_ADDRESS"}, false},
		{"opted out", map[string]any{"consent": map[string]any{"marketing": false}}, journey.Marketing, nil, false,
			contract.SendResult{Status: "suppressed", Reason: "NO_CONSENT"}, false},
		{"a template that fails for this customer", map[string]any{"loops": 200_000}, journey.Marketing, nil, false,
			contract.SendResult{Status: "failed", Channel: "email"}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := setup(t, c.traits)
			b.email.Deduping(c.dedupes)
			if c.email != nil {
				b.email.Answer(c.email...)
			}
			got, err := b.activities.Send(t.Context(), b.order(c.category))
			if err != nil {
				t.Fatal(err)
			}
			if c.want.Reason == "" && strings.HasPrefix(got.Reason, ReasonTemplate) {
				got.Reason = ""
			}
			if got != c.want {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
			row := b.contact()
			if row.Unknown != c.unknown || row.Status != c.want.Status {
				t.Errorf("ledger: status %s, unknown %v; want %s, %v", row.Status, row.Unknown, c.want.Status, c.unknown)
			}
			if strings.Contains(row.Reason, "@") {
				t.Errorf("customer data in the ledger's reason: %s", row.Reason)
			}
		})
	}
}

// What the store cannot tell just now is no fault of the message: it is repeated, and not in doubt.
func TestASendOutlivesTheStore(t *testing.T) {
	b := setup(t, nil)
	order := b.order(journey.Marketing)
	order.Revision = "0123456789ab"
	if got, err := b.activities.Send(t.Context(), order); err != nil || got.Status != contract.StatusRetry {
		t.Fatal(got, err)
	}
	if row := b.contact(); row.Unknown || row.Status != contract.StatusRetry || len(b.email.Sent()) > 0 {
		t.Errorf("%+v", row)
	}
	if got, err := b.activities.Send(t.Context(), b.order(journey.Marketing)); err != nil || got.Status != contract.StatusSent {
		t.Error(got, err)
	}
}

func TestRepeatedSendIsSentOnce(t *testing.T) {
	b := setup(t, map[string]any{"points": 12})
	for range 3 {
		got, err := b.activities.Send(t.Context(), b.order(journey.Marketing))
		if err != nil || got.Status != contract.StatusSent {
			t.Fatal(got, err)
		}
	}
	if len(b.email.Sent()) != 1 {
		t.Fatalf("the provider was called %d times", len(b.email.Sent()))
	}
	m := b.email.Sent()[0]
	if m.Fields["subject"] != "Hello Ana12" || m.Address != "ana@example.com" ||
		!strings.HasPrefix(m.Unsubscribe, "https://tabi.example.com/u/") ||
		m.Key != b.ref.Enrollment+"/hello/1" {
		t.Errorf("%+v", m)
	}
}

func TestRepeatAfterNotSent(t *testing.T) {
	b := setup(t, nil)
	b.email.Answer(
		channel.Receipt{Outcome: channel.NotSent, Reason: "451 later", RetryAfter: 30 * time.Second},
		channel.Receipt{Outcome: channel.Sent},
	)
	if got, err := b.activities.Send(t.Context(), b.order(journey.Marketing)); err != nil || got.Status != contract.StatusRetry {
		t.Fatal(got, err)
	}
	var suite testsuite.WorkflowTestSuite
	env := suite.NewTestActivityEnvironment()
	Register(env, b.activities)
	value, err := env.ExecuteActivity(contract.DeliverActivity, b.order(journey.Marketing))
	if err != nil {
		t.Fatal(err)
	}
	var got contract.SendResult
	if err := value.Get(&got); err != nil || got.Status != contract.StatusSent || b.contact().Attempts != 2 {
		t.Errorf("%+v %v %+v", got, err, b.contact())
	}
}

func TestDeliverShowsWhyItWaits(t *testing.T) {
	b := setup(t, nil)
	b.email.Answer(channel.Receipt{Outcome: channel.NotSent, Reason: "451 later", RetryAfter: 30 * time.Second})
	var suite testsuite.WorkflowTestSuite
	env := suite.NewTestActivityEnvironment()
	Register(env, b.activities)
	_, err := env.ExecuteActivity(contract.DeliverActivity, b.order(journey.Marketing))
	var app *temporal.ApplicationError
	if !errors.As(err, &app) || !strings.Contains(app.Message(), "451 later") || app.NonRetryable() ||
		app.NextRetryDelay() != 30*time.Second {
		t.Errorf("%v", err)
	}
	order := b.order(journey.Marketing)
	order.GiveUp = contract.RetriesEnded
	got, err := b.activities.Send(t.Context(), order)
	if err != nil || got.Status != contract.StatusFailed || got.Reason != contract.RetriesEnded {
		t.Errorf("given up: %+v %v", got, err)
	}
}

// A send rests twice as long each time its provider was asked, and no longer for attempts that asked nobody.
func TestRetryDelay(t *testing.T) {
	b := setup(t, nil)
	at := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	b.email.Answer(channel.Receipt{Outcome: channel.NotSent, Reason: "451 later"})
	var suite testsuite.WorkflowTestSuite
	env := suite.NewTestActivityEnvironment()
	Register(env, b.activities)
	deliver := func() time.Duration {
		t.Helper()
		_, err := env.ExecuteActivity(contract.DeliverActivity, b.order(journey.Marketing))
		var app *temporal.ApplicationError
		if !errors.As(err, &app) {
			t.Fatal(err)
		}
		return app.NextRetryDelay()
	}
	want := time.Second
	for n := range 12 {
		if got := deliver(); got != min(want, contract.MaxSendInterval) {
			t.Errorf("it rests %s after it was asked %d times, want %s", got, n+1, want)
		}
		want *= 2
		held, err := b.store.Messages.Reserve(
			t.Context(),
			at,
			time.Now(),
			b.order(journey.Marketing),
			time.Hour,
		) // another worker has it for a while
		if err != nil {
			t.Fatal(err)
		}
		for range 3 {
			if got := deliver(); got != 5*time.Second {
				t.Errorf("while another attempt is under way it rests %s", got)
			}
		}
		if err := b.store.Messages.Settle(t.Context(), at, held,
			message.Settlement{Status: contract.StatusRetry, Waits: true}); err != nil {
			t.Fatal(err)
		}
	}
}

// A provider that asks to be left alone is: the first attempt to repeat only waits, in sight of Temporal, with
// what it said.
func TestDeliverHonorsRetryAfter(t *testing.T) {
	b := setup(t, nil)
	b.email.Answer(
		channel.Receipt{Outcome: channel.NotSent, Reason: "429 slow down", RetryAfter: 30 * time.Second},
		channel.Receipt{Outcome: channel.Sent},
	)
	first, err := b.activities.Send(t.Context(), b.order(journey.Marketing))
	if err != nil || first.RetryAfter != 30*time.Second {
		t.Fatal(first, err)
	}
	order := b.order(journey.Marketing)
	order.After, order.Why = first.RetryAfter, first.Reason
	var suite testsuite.WorkflowTestSuite
	env := suite.NewTestActivityEnvironment()
	Register(env, b.activities)
	_, err = env.ExecuteActivity(contract.DeliverActivity, order)
	var app *temporal.ApplicationError
	if !errors.As(err, &app) || !strings.Contains(app.Message(), "429 slow down") || app.NextRetryDelay() != 30*time.Second {
		t.Errorf("%v", err)
	}
	if n := b.contact().Attempts; n != 1 {
		t.Errorf("the provider was tried %d times", n)
	}
}

// A worker that died between taking the lease and settling it left a send of which nobody knows whether it went out.
func TestUnsettled(t *testing.T) {
	for _, c := range []struct {
		category string
		dedupes  bool
		calls    int
		reason   string
	}{
		{journey.Marketing, false, 0, ReasonUnknown},
		{journey.Transactional, false, 1, ""},
		{journey.Marketing, true, 1, ""},
	} {
		t.Run(c.category, func(t *testing.T) {
			b := setup(t, nil)
			b.email.Deduping(c.dedupes)
			order := b.order(c.category)
			a := b.activities
			a.cfg.Timeout = -5*time.Second - time.Millisecond // the lease is over at once
			if held, err := a.reserve(t.Context(), order); err != nil || held.Done != nil {
				t.Fatal(held, err)
			}
			a.cfg.Timeout = 25 * time.Second
			got, err := a.Send(t.Context(), order)
			if err != nil || got.Status != contract.StatusSent || got.Reason != c.reason || len(b.email.Sent()) != c.calls {
				t.Errorf("%+v %v, %d calls", got, err, len(b.email.Sent()))
			}
		})
	}
}

func TestBusyIsRepeated(t *testing.T) {
	b := setup(t, nil)
	if _, err := b.activities.reserve(t.Context(), b.order(journey.Marketing)); err != nil {
		t.Fatal(err)
	}
	got, err := b.activities.Send(t.Context(), b.order(journey.Marketing))
	if err != nil || got.Status != contract.StatusRetry || len(b.email.Sent()) != 0 {
		t.Errorf("%+v %v", got, err)
	}
}

func TestSeveralTokens(t *testing.T) {
	b := setup(t, map[string]any{"email": nil, "push_token": []any{"t1", "t2", "t3"}})
	b.push.Answer(
		channel.Receipt{Outcome: channel.Refused, Gone: true, Reason: "UNREGISTERED"},
		channel.Receipt{Outcome: channel.Sent, ProviderID: "p"},
		channel.Receipt{Outcome: channel.NotSent},
	)
	got, err := b.activities.Send(t.Context(), b.order(journey.Marketing))
	if err != nil || got.Status != contract.StatusSent || got.Channel != "push" {
		t.Fatal(got, err)
	}
	if keys := []string{b.push.Sent()[0].Key, b.push.Sent()[1].Key}; keys[0] == keys[1] {
		t.Errorf("two tokens share a key: %v", keys)
	}
	ada, err := b.store.Customers.Get(t.Context(), "ana")
	if err != nil || len(ada.Bounced) != 1 || ada.Bounced["t1"] == "" {
		t.Errorf("the dead token is not remembered: %v %v", ada.Bounced, err)
	}
}

func TestSupersededSend(t *testing.T) {
	b := setup(t, nil)
	if _, err := b.activities.Send(t.Context(), b.order(journey.Marketing)); err != nil {
		t.Fatal(err)
	}
	other := b.order(journey.Marketing)
	other.Chain = "another"
	_, err := b.activities.Send(t.Context(), other)
	var app *temporal.ApplicationError
	if !errors.As(err, &app) || app.Type() != contract.Superseded || !app.NonRetryable() {
		t.Errorf("%v", err)
	}
}

func roomsOf(e *engine.Engine) Rooms {
	return Rooms{
		Catalog: e.Catalog, Enrollments: e.Enrollments, Handoffs: e.Handoffs, Intake: e.Intake, Intents: e.Intents,
		Messages: e.Messages, Offers: e.Offers, Outbox: e.Outbox, Variables: e.Variables,
	}
}
