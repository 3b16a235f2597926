package relay

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"

	"github.com/tabi-journeys/tabi/internal/clock"
	"github.com/tabi-journeys/tabi/internal/outbox"
)

func TestClassifyErrors(t *testing.T) {
	t.Parallel()
	for err, want := range map[error]errorClass{
		serviceerror.NewInvalidArgument(
			"BlobSizeLimitError"): permanent,
		fmt.Errorf("wrapped: %w", serviceerror.NewInvalidArgument(
			"no")): permanent,
		serviceerror.NewInvalidArgument(
			"exceeded workflow execution limit for signal events"): transient,
		errors.New("rpc error: code = ResourceExhausted desc = grpc: received message " +
			"after decompression larger than max 4194304"): permanent,
		serviceerror.NewWorkflowNotReady(
			"its workflow task failed"): transient,
		serviceerror.NewResourceExhausted(enumspb.RESOURCE_EXHAUSTED_CAUSE_RPS_LIMIT, "namespace rate limit exceeded"): transient,
		serviceerror.NewUnavailable("away"):          transient,
		serviceerror.NewDeadlineExceeded("slow"):     transient,
		serviceerror.NewPermissionDenied("no", "no"): transient,
		context.DeadlineExceeded:                     transient,
		errAddressTaken:                              waiting,
		errors.Join(errStore, errors.New("full")):    transient,
		serviceerror.NewInternal("a bug"):            ambiguous,
		errors.New("the payload cannot be encoded"):  ambiguous,
	} {
		if got := classify(err); got != want {
			t.Errorf("%v: got %d, want %d", err, got, want)
		}
	}
}

func TestOutageMakesNoDeadLetters(t *testing.T) {
	t.Parallel()
	r := New(Config{})
	refusal, bug, away := serviceerror.NewInvalidArgument("no"), serviceerror.NewInternal("no"), serviceerror.NewUnavailable("no")
	type ask struct {
		attempts, passed int
		err              error
	}
	check := func(when string, want map[ask]bool) {
		t.Helper()
		for a, dead := range want {
			if got := r.isDead(a.attempts, a.passed, a.err); got != dead {
				t.Errorf("%s, attempt %d, %v: dead %t", when, a.attempts, a.err, got)
			}
		}
	}
	check(
		"nothing gets through",
		map[ask]bool{{3, 0, refusal}: false, {25, 0, refusal}: true, {25, 0, bug}: false, {500, 0, bug}: true, {9999, 0, away}: false,
			{9999, 9, away}: false},
	)
	r.lastSuccess.Store(clock.Wall().UnixMilli())
	check(
		"others get through",
		map[ask]bool{{2, 0, refusal}: false, {3, 0, refusal}: true, {24, 0, bug}: false, {25, 0, bug}: true, {9999, 9, away}: false,
			{19, 19, away}: false, {20, 10, away}: true, {20, 10, context.DeadlineExceeded}: true},
	)
}

// An event that Temporal refuses becomes a dead letter after a few attempts; events after it, and other enrollments, are delivered.
func TestRefusedEventBecomesDeadLetter(t *testing.T) {
	b := setup(t)
	b.fake.update = func(_ context.Context, id string) error {
		if id == "a2" {
			return serviceerror.NewInvalidArgument("the payload is too large")
		}
		return nil
	}
	b.event("e1", "Hello", map[string]any{"n": "1"})
	b.event("e2", "Hello", map[string]any{"n": "2"})
	for _, id := range []string{"a1", "a2", "a3"} {
		b.event(id, "Answer", nil)
	}
	b.play("all but the dead letters to be delivered", b.settled)
	asides, err := b.store.Outbox.DeadLetters(t.Context(), outbox.DeadLetterFilter{})
	if err != nil || len(asides) != 2 || asides[0].Event != "a2" || asides[0].Attempts != permanentAttempts {
		t.Fatalf("dead letters: %+v %v", asides, err)
	}
	last := map[string]bool{}
	for _, id := range b.fake.seen(&b.fake.updated) {
		last[id] = true
	}
	if !last["a3"] {
		t.Errorf("updated %v", b.fake.seen(&b.fake.updated))
	}
	// Once the cause is fixed, a retry delivers it.
	b.fake.mu.Lock()
	b.fake.update = nil
	before := len(b.fake.updated)
	b.fake.mu.Unlock()
	if n, err := b.store.Outbox.RetryDeadLetters(t.Context(), at, asides, false); err != nil || n != 2 {
		t.Fatal(n, err)
	}
	b.play("the retries to be delivered", b.settled)
	if got := b.fake.seen(&b.fake.updated)[before:]; len(got) != 2 || got[0] != "a2" {
		t.Errorf("updated again %v", got)
	}
}

func TestRefusedStartBecomesDeadLetter(t *testing.T) {
	b := setup(t)
	refused := true
	var first string
	b.fake.start = func() error {
		if first == "" {
			first = b.fake.started[0]
		}
		if refused && b.fake.started[len(b.fake.started)-1] == first {
			return serviceerror.NewInvalidArgument("the input is too large")
		}
		return nil
	}
	b.event("e1", "Hello", map[string]any{"n": "1"})
	b.event("e2", "Hello", map[string]any{"n": "2"})
	b.event("a1", "Answer", nil)
	list := func() []outbox.DeadLetter {
		got, err := b.store.Outbox.DeadLetters(t.Context(), outbox.DeadLetterFilter{})
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	b.play("the start to be set aside", func() bool { return len(list()) == 1 && b.pending() == 2 })
	if got := list()[0]; got.Kind != outbox.DeadLetterStart || got.Enrollment != first {
		t.Fatalf("%+v", got)
	}
	b.fake.mu.Lock()
	refused = false
	b.fake.mu.Unlock()
	if n, err := b.store.Outbox.RetryDeadLetters(t.Context(), at, list(), false); err != nil || n != 1 {
		t.Fatal(n, err)
	}
	b.play("all to be delivered", b.settled)
	if got := b.fake.seen(&b.fake.updated); len(got) != 2 {
		t.Errorf("updated %v", got)
	}
}

func TestRelayStopsInTimeWhenTemporalHangs(t *testing.T) {
	b := setup(t)
	hangs := make(chan struct{})
	b.relay.cfg.UpdateTimeout = time.Hour
	b.fake.update = func(ctx context.Context, _ string) error {
		close(hangs)
		<-ctx.Done()
		return ctx.Err()
	}
	b.fake.signal = func() error { return serviceerror.NewUnavailable("away") }
	b.event("e1", "Hello", map[string]any{"n": "1"})
	b.event("a1", "Answer", nil)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- b.relay.Run(ctx) }()
	<-hangs
	began := clock.Wall()
	cancel()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	if took := clock.Wall().Sub(began); took > 8*time.Second {
		t.Errorf("it took %s", took)
	}
	if b.pending() != 1 {
		t.Error("the delivery is lost")
	}
}
