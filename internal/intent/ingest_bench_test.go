package intent_test

import (
	"fmt"
	"testing"

	"github.com/tabi-journeys/tabi/internal/customer"
	"github.com/tabi-journeys/tabi/internal/engine"
	"github.com/tabi-journeys/tabi/internal/engine/enginetest"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/journey/expr"
)

// BenchmarkIngestIntents is BenchmarkIngest's load without intents, with intents that no event of it is
// evidence of, and with events that are all evidence: of one intent, and of three with conditions.
func BenchmarkIngestIntents(b *testing.B) {
	viewed := func(when string) journey.Evidence {
		return journey.Evidence{Events: []string{"Page Viewed", "Cart Updated"}, When: expr.Expr(when), Weight: 0.4}
	}
	interest := func(name string, evidence ...journey.Evidence) *journey.Intent {
		return &journey.Intent{Name: name, HalfLife: 3 * enginetest.Day, Evidence: evidence}
	}
	for _, c := range []struct {
		name    string
		intents map[string]*journey.Intent
	}{
		{"none", nil},
		{"no-evidence", map[string]*journey.Intent{"x": interest("x", journey.Evidence{Events: []string{"Other"}, Weight: 1})}},
		{"evidence", map[string]*journey.Intent{"x": interest("x", viewed(""))}},
		{"three-with-conditions", map[string]*journey.Intent{
			"x": interest("x", viewed(`event.cart_id == "1"`)), "y": interest("y", viewed("intent.x < 0.9")),
			"z": interest("z", viewed(`customer.tier != "gold"`), viewed(`event_name == "Page Viewed"`))}},
	} {
		b.Run(c.name, func(b *testing.B) {
			s, err := engine.Open(b.Context(), engine.Options{URL: b.TempDir() + "/tabi.db"})
			if err != nil {
				b.Fatal(err)
			}
			defer s.Close()
			all := enginetest.Content([]*journey.Definition{enginetest.Cart()}, enginetest.Reminder())
			all.Intents = c.intents
			if _, err := s.Catalog.Publish(b.Context(), enginetest.Noon, all); err != nil {
				b.Fatal(err)
			}
			n := 0
			for b.Loop() {
				var calls []customer.SegmentCall
				for range 50 {
					n++
					name := "Page Viewed"
					if n%10 == 0 {
						name = "Cart Updated"
					}
					calls = append(
						calls,
						customer.SegmentCall{
							Type:       "track",
							MessageID:  fmt.Sprint(n),
							UserID:     fmt.Sprintf("c%d", n*7919%5000),
							Event:      name,
							Properties: enginetest.Props{"cart_id": "1"},
						},
					)
				}
				if _, err := s.Intake.Ingest(b.Context(), enginetest.Noon, calls); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "events/s")
		})
	}
}
