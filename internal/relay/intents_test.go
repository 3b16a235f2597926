package relay

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/tabi-journeys/tabi/internal/clock"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/store"
)

const waiting = `journey: waiting
entry: {event: Hello}
goal: {event: Bye}
steps:
  - wait_for: {intent: churn, above: 0.6}
    timeout: 30d
`

// After a release that weighs evidence otherwise, instances learn of it though nothing happens to their customers.
func TestRelaySumsIntentsUpAnew(t *testing.T) {
	b := setup(t)
	b.relay.cfg.IntentEvery = 10 * time.Millisecond
	release := func(weight string) {
		t.Helper()
		content, problems := journey.Check([]journey.File{{Name: "waiting.yaml", Data: []byte(waiting)},
			{
				Name: "intents.yaml",
				Data: []byte(
					"intents:\n  churn:\n    half_life: 3d\n    evidence:\n      - {event: Cancel Page Viewed, weight: " + weight + "}\n",
				),
			}}, journey.Options{})
		if problems.Failed(false) {
			t.Fatal(problems)
		}
		if _, err := b.store.Publish(t.Context(), at, content); err != nil {
			t.Fatal(err)
		}
	}
	release("0.1")
	const n = 2*intentPage + 1
	var calls []store.Call
	for i := range n {
		for _, event := range []string{"Hello", "Cancel Page Viewed"} {
			calls = append(calls, store.Call{Type: "track", MessageID: fmt.Sprint(event, i), UserID: fmt.Sprintf("c%03d", i), Event: event})
		}
	}
	if _, err := b.store.Ingest(t.Context(), at, calls); err != nil {
		t.Fatal(err)
	}
	b.relay.cfg.Clock = journey.Clock{Origin: at, Epoch: clock.Wall(), Scale: 1}
	b.play("the starts", b.settled)
	release("2")
	b.play("all to be woken", func() bool { return len(b.fake.seen(&b.fake.updated)) == n && b.settled() })
	for _, id := range b.fake.seen(&b.fake.updated) {
		if !strings.HasPrefix(id, "intent/") {
			t.Error("delivered", id)
		}
	}
}
