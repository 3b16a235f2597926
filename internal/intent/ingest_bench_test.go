package intent_test

import (
	"testing"

	"github.com/tabi-journeys/tabi/internal/engine/enginetest"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/journey/expr"
)

// BenchmarkIngestIntents ingests the load of BenchmarkIngest without intents, with intents for which no event is
// evidence, and with events that are all evidence: of one intent, and of three with conditions.
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
			all := enginetest.Content([]*journey.Definition{enginetest.Cart()}, enginetest.Reminder())
			all.Intents = c.intents
			enginetest.BenchIngest(b, enginetest.OpenBench(b, b.TempDir()+"/tabi.db", all))
		})
	}
}
