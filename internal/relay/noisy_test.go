package relay

import (
	"fmt"
	"slices"
	"testing"

	"github.com/tabi-journeys/tabi/internal/customer"
)

// One worker delivers one customer's 10,000 events, and the later events of others before most of them. The test looks at
// the order, not at time.
func TestNoisyCustomerDoesNotDelayOthers(t *testing.T) {
	const noise, page = 4000, 1000 // less than one customer may have waiting
	b := setup(t)
	b.relay.cfg.Workers = 1 // the hardest case
	b.event("e1", "Hello", map[string]any{"n": "1"})
	b.play("the start", b.settled)
	for from := 0; from < noise; from += page {
		calls := make([]customer.SegmentCall, page)
		for i := range calls {
			calls[i] = customer.SegmentCall{Type: "track", MessageID: fmt.Sprintf("noise%05d", from+i), UserID: "ana", Event: "Answer"}
		}
		if _, err := b.store.Intake.Ingest(t.Context(), at, calls); err != nil {
			t.Fatal(err)
		}
	}
	var calls []customer.SegmentCall
	for i := range 10 {
		who := fmt.Sprintf("other%d", i)
		calls = append(calls, customer.SegmentCall{Type: "track", MessageID: who, UserID: who, Event: "Hello",
			Properties: map[string]any{"n": "1"}},
			customer.SegmentCall{Type: "track", MessageID: "answer of " + who, UserID: who, Event: "Answer"})
	}
	if _, err := b.store.Intake.Ingest(t.Context(), at, calls); err != nil {
		t.Fatal(err)
	}
	var others int
	b.play("the others' events", func() bool {
		b.fake.mu.Lock()
		defer b.fake.mu.Unlock()
		others = 0
		for _, id := range b.fake.updated {
			if id[0] == 'a' {
				others++
			}
		}
		return others == 10
	})
	// Ten enrollments of others take at most two turns each; the noisy one has the first turn, and one in four.
	updated := b.fake.seen(&b.fake.updated)
	last := slices.IndexFunc(updated, func(id string) bool { return id == "answer of other9" })
	if last > 10*50 {
		t.Errorf("%d deliveries of one customer came before the last of the others", last)
	}
	if left := b.pending(); left < noise/2 {
		t.Errorf("only %d of the noisy customer's deliveries were left", left)
	}
}
