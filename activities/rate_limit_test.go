package activities

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"

	"github.com/tabi-journeys/tabi/activities/call"
	"github.com/tabi-journeys/tabi/channel"
	"github.com/tabi-journeys/tabi/internal/clock"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/ratelimit"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// limited returns the activities a limiter whose wall clock the test moves.
func (b *bundle) limited(rates string) (wall *time.Time) {
	b.t.Helper()
	parsed, err := ratelimit.Parse(rates, []string{"email", "push", ratelimit.Call})
	if err != nil {
		b.t.Fatal(err)
	}
	now := clock.Wall().Truncate(time.Millisecond)
	b.activities.cfg.Limits = ratelimit.New(b.store.Messages, func() time.Time { return now }, parsed, nil)
	return &now
}

// deliver runs the normal activity once.
func (b *bundle) deliver(order contract.Send) (contract.SendResult, error) {
	b.t.Helper()
	var suite testsuite.WorkflowTestSuite
	env := suite.NewTestActivityEnvironment()
	Register(env, b.activities)
	value, err := env.ExecuteActivity(contract.DeliverActivity, order)
	var got contract.SendResult
	if err == nil {
		err = value.Get(&got)
	}
	return got, err
}

// A send without a token is put off to its own moment: nothing is called, no attempt is counted, and the place
// in the limits is kept.
func TestSendWaitsForItsRate(t *testing.T) {
	b := setup(t, nil)
	wall := b.limited("email=1/s")
	if got := b.mail(nil); got.Status != contract.StatusSent {
		t.Fatal(got)
	}
	again := b.order(journey.Marketing)
	again.Key, again.Visit, again.Spec.Via = b.ref.Enrollment+"/hello/2", 2, []string{"email"}
	first, err := b.activities.Send(t.Context(), again)
	if err != nil || first.Status != contract.StatusRetry || first.RetryAfter != time.Second || !strings.Contains(first.Reason, "rate") ||
		len(b.email.Sent()) != 1 {
		t.Fatalf("%+v %v, %d calls", first, err, len(b.email.Sent()))
	}
	row, err := b.store.Messages.Send(t.Context(), again.Key)
	if err != nil || row.Status != contract.StatusRetry || row.Attempts != 0 || row.Unknown {
		t.Fatalf("%+v %v", row, err)
	}
	again.After, again.Why = first.RetryAfter, first.Reason
	if _, err := b.deliver(again); err == nil {
		t.Fatal("the first attempt did not wait")
	}
	again.After = 0 // as a later attempt
	var app *temporal.ApplicationError
	if _, err := b.deliver(again); !errors.As(err, &app) || app.NextRetryDelay() <= 0 || app.NextRetryDelay() > time.Second {
		t.Fatalf("too early: %v", err)
	}
	*wall = wall.Add(time.Second)
	if got, err := b.deliver(again); err != nil || got.Status != contract.StatusSent || len(b.email.Sent()) != 2 {
		t.Fatalf("%+v %v", got, err)
	}
	if row, err := b.store.Messages.Send(t.Context(), again.Key); err != nil || row.Attempts != 1 {
		t.Errorf("%+v %v", row, err)
	}
}

// What a provider asks of one send holds for all that go to it, in every process.
func TestRetryAfterPausesAllSends(t *testing.T) {
	b := setup(t, nil)
	wall := b.limited("")
	b.email.Answer(
		channel.Receipt{Outcome: channel.NotSent, Reason: "429", RetryAfter: time.Minute, Busy: true},
		channel.Receipt{Outcome: channel.Sent},
	)
	if got := b.mail(nil); got.Status != contract.StatusRetry || got.RetryAfter != time.Minute {
		t.Fatal(got)
	}
	another := ratelimit.New(b.store.Messages, func() time.Time { return *wall }, nil, nil)
	if got, err := another.Ask(t.Context(), ratelimit.Lane{Provider: "email"}, 1, time.Time{}); err != nil ||
		got.Wait < time.Minute-time.Second {
		t.Error("another process:", got, err)
	}
	other := b.order(journey.Marketing)
	other.Key, other.Visit, other.Spec.Via = b.ref.Enrollment+"/hello/2", 2, []string{"email"}
	if got, err := b.activities.Send(t.Context(), other); err != nil || got.RetryAfter < time.Minute-time.Second ||
		len(b.email.Sent()) != 1 {
		t.Fatalf("%+v %v, %d calls", got, err, len(b.email.Sent()))
	}
	*wall = wall.Add(2 * time.Minute)
	if got := b.mail(nil); got.Status != contract.StatusSent {
		t.Error(got)
	}
}

// busyServer is a Caller that asks to be left alone.
type busyServer struct{ calls int }

func (s *busyServer) Call(context.Context, CallRequest) (contract.CallResult, error) {
	s.calls++
	return contract.CallResult{}, temporal.NewApplicationErrorWithOptions("busy", call.Repeatable,
		temporal.ApplicationErrorOptions{NextRetryDelay: time.Minute, Details: []any{contract.CallResult{Status: 503, Failed: true}}})
}

func TestRetryAfterPausesCalls(t *testing.T) {
	b := setup(t, nil)
	b.limited("")
	server := &busyServer{}
	b.activities.cfg.Call = server
	ask := func(url string) error {
		_, err := b.activities.callOut(t.Context(), CallRequest{URL: url})
		return err
	}
	var app *temporal.ApplicationError
	for range 3 {
		if err := ask("https://crm.example/x"); !errors.As(err, &app) || app.Type() != call.Repeatable ||
			app.NextRetryDelay() < time.Minute-time.Second {
			t.Fatal(err)
		}
	}
	if server.calls != 1 {
		t.Errorf("it was called %d times", server.calls)
	}
	if err := ask("https://other.example/x"); err == nil || server.calls != 2 {
		t.Error("another host was left alone too")
	}
}
