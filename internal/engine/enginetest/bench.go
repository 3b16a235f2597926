package enginetest

import (
	"fmt"
	"testing"

	"github.com/tabi-journeys/tabi/internal/customer"
	"github.com/tabi-journeys/tabi/internal/engine"
	"github.com/tabi-journeys/tabi/internal/journey"
)

// OpenBench opens an engine on a database, publishes content, and closes the engine when the benchmark ends.
func OpenBench(b *testing.B, url string, c *journey.Content) *engine.Engine {
	b.Helper()
	e, err := engine.Open(b.Context(), engine.Options{URL: url})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := e.Close(); err != nil {
			b.Error(err)
		}
	})
	if _, err := e.Catalog.Publish(b.Context(), Noon, c); err != nil {
		b.Fatal(err)
	}
	return e
}

// BenchIngest ingests batches of fifty events of 5,000 customers, of which one in ten can enter Cart, and reports events per
// second.
func BenchIngest(b *testing.B, e *engine.Engine) {
	n := 0
	for b.Loop() {
		var calls []customer.SegmentCall
		for range 50 {
			n++
			name := "Page Viewed"
			if n%10 == 0 {
				name = "Cart Updated"
			}
			calls = append(calls, customer.SegmentCall{
				Type: "track", MessageID: fmt.Sprint(n), UserID: fmt.Sprintf("c%d", n*7919%5000), Event: name,
				Properties: Props{"cart_id": "1"},
			})
		}
		if _, err := e.Intake.Ingest(b.Context(), Noon, calls); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "events/s")
}
