package simulate

import (
	"context"
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/tabi-journeys/tabi/internal/journey/scenario"
)

// BenchmarkScenarios runs the scenarios of the journeys that ship, one after the other.
func BenchmarkScenarios(b *testing.B) {
	jobs := everything(load(b, "../../journeys"))
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		j := jobs[n%len(jobs)]
		if r := Run(b.Context(), j.Content, j.Test, j.Scenario, Options{}); !r.Passed {
			b.Fatal(printed(b, r))
		}
		n++
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "scenarios/s")
}

// BenchmarkCustomers simulates customers of cart-recovery, each a scenario of its own: a third goes on to the
// end, a third orders after the reminder, a third empties the cart. -benchtime 20000x is 20,000 customers, as
// many at a time as there are processors.
func BenchmarkCustomers(b *testing.B) {
	content := load(b, "../../journeys").Content
	event := func(at time.Duration, name string, total float64) scenario.Line {
		return scenario.Line{
			At:    at,
			Event: &scenario.Event{Name: name, Properties: map[string]any{"cart_id": "k", "total": total, "items": []any{"tea", "cup"}}},
		}
	}
	test := &scenario.File{Journey: "cart-recovery", File: "cart-recovery.test.yaml"}
	for n := range b.N {
		id := fmt.Sprintf("c%05d", n)
		s := scenario.Scenario{
			Name: id, ID: id, Start: scenario.DefaultStart,
			Customer: map[string]any{
				"email":      id + "@example.com",
				"push_token": "t-" + id,
				"first_name": "Ana",
				"timezone":   "Asia/Tokyo",
				"consent":    map[string]any{"marketing": true},
			},
			Timeline: []scenario.Line{event(0, "Cart Updated", float64(60+n%200))},
		}
		switch n % 3 {
		case 1:
			s.Timeline = append(s.Timeline, event(2*time.Hour, "Order Completed", 90))
		case 2:
			s.Timeline = append(s.Timeline, event(30*time.Minute, "Cart Emptied", 0))
		}
		test.Scenarios = append(test.Scenarios, s)
	}
	jobs := make([]Job, b.N)
	for n := range jobs {
		jobs[n] = Job{Content: content, Test: test, Scenario: n}
	}
	b.ResetTimer()
	for _, r := range RunAll(context.Background(), jobs, runtime.GOMAXPROCS(0), Options{}, nil) {
		if !r.Passed {
			b.Fatal(printed(b, *r))
		}
		if len(r.Visited["cart-recovery"]) == 0 {
			b.Fatalf("%s took no step", r.Name)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "customers/s")
}
