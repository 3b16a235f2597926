package engine_test

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tabi-journeys/tabi/internal/customer"
	"github.com/tabi-journeys/tabi/internal/engine"
	"github.com/tabi-journeys/tabi/internal/engine/enginetest"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/message"
	"github.com/tabi-journeys/tabi/internal/outbox"
	"github.com/tabi-journeys/tabi/internal/unit"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// hotPath is an engine whose statements are counted.
type hotPath struct {
	*testing.B
	*engine.Engine
	statements atomic.Int64
	n          int
}

// benchHotPath benchmarks f on both databases. It also reports the statements of an operation, without begin and commit.
func benchHotPath(b *testing.B, f func(h *hotPath)) {
	enginetest.BenchEach(b, func(b *testing.B, url string) {
		h := &hotPath{B: b}
		var err error
		h.Engine, err = engine.Open(b.Context(), engine.Options{URL: url, Channels: enginetest.Channels, Statements: &h.statements})
		h.must(err)
		defer func() { h.must(h.Engine.Close()) }()
		_, err = h.Catalog.Publish(
			b.Context(),
			enginetest.Noon,
			enginetest.Content([]*journey.Definition{enginetest.Cart()}, enginetest.Reminder()),
		)
		h.must(err)
		b.ReportAllocs()
		f(h)
	})
}

func (h *hotPath) must(err error) {
	h.Helper()
	if err != nil {
		h.Fatal(err)
	}
}

// measure runs an operation b.N times. It runs prepare before each, without measuring it.
func (h *hotPath) measure(prepare, operate func()) {
	var used int64
	h.ResetTimer()
	for range h.N {
		h.StopTimer()
		prepare()
		before := h.statements.Load()
		h.StartTimer()
		operate()
		used += h.statements.Load() - before
	}
	h.StopTimer()
	h.ReportMetric(float64(used)/float64(h.N), "statements/op")
}

// calls makes n calls of different customers.
func (h *hotPath) calls(event string, n int) []customer.SegmentCall {
	out := make([]customer.SegmentCall, n)
	for i := range out {
		h.n++
		out[i] = customer.SegmentCall{
			Type:       "track",
			MessageID:  fmt.Sprintf("hot-%d", h.n),
			UserID:     fmt.Sprintf("hot%d", h.n),
			Event:      event,
			Properties: enginetest.Props{"cart_id": "k", "total": 12.5, "url": "https://shop.example.com/tea"},
		}
	}
	return out
}

// enrollment returns an enrollment that has been started.
func (h *hotPath) enrollment() (unit.Enrollment, outbox.Lease) {
	h.Helper()
	calls := h.calls("Cart Updated", 1)
	_, err := h.Intake.Ingest(
		h.Context(),
		enginetest.Noon,
		append(
			[]customer.SegmentCall{
				{Type: "identify", MessageID: calls[0].MessageID + "-i", UserID: calls[0].UserID, Traits: enginetest.ByEmail},
			},
			calls...),
	)
	h.must(err)
	leases, err := h.Outbox.Lease(h.Context(), enginetest.Wall, 1, time.Minute)
	h.must(err)
	if len(leases) != 1 {
		h.Fatalf("%d leases, want one", len(leases))
	}
	return leases[0].Enrollment, leases[0]
}

// BenchmarkIntake ingests events that no enrollment listens for, of new customers, one by one and in batches.
func BenchmarkIntake(b *testing.B) {
	for _, size := range []int{1, 250} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			benchHotPath(b, func(h *hotPath) {
				var calls []customer.SegmentCall
				h.measure(func() { calls = h.calls("Product Viewed", size) }, func() {
					_, err := h.Intake.Ingest(h.Context(), enginetest.Noon, calls)
					h.must(err)
				})
			})
		})
	}
}

// BenchmarkDelivery leases the one delivery that is due, and marks it as delivered.
func BenchmarkDelivery(b *testing.B) {
	benchHotPath(b, func(h *hotPath) {
		h.measure(func() {
			_, err := h.Intake.Ingest(h.Context(), enginetest.Noon, h.calls("Cart Updated", 1))
			h.must(err)
		}, func() {
			leases, err := h.Outbox.Lease(h.Context(), enginetest.Wall, 32, time.Minute)
			h.must(err)
			for _, l := range leases {
				h.must(h.Outbox.Delivered(h.Context(), l, l.Deliveries[len(l.Deliveries)-1].Seq))
			}
		})
	})
}

// BenchmarkSend reserves a send and settles it as sent.
func BenchmarkSend(b *testing.B) {
	benchHotPath(b, func(h *hotPath) {
		var e unit.Enrollment
		h.measure(func() { e, _ = h.enrollment() }, func() {
			r, err := h.Messages.Reserve(
				h.Context(),
				enginetest.Noon,
				enginetest.Wall,
				contract.Send{Ref: enginetest.Ref(e), EvalContext: contract.EvalContext{EntryEvent: e.EntryEvent}, Key: e.ID + "/nudge/1",
					Step: "nudge", Visit: 1,
					Spec: journey.Send{Message: "reminder", Via: []string{"email"}}},
				time.Minute,
			)
			h.must(err)
			h.must(h.Messages.Settle(h.Context(), enginetest.Noon, r, message.Settlement{Status: contract.StatusSent}))
		})
	})
}

// BenchmarkReport reports the step of an enrollment, and its end.
func BenchmarkReport(b *testing.B) {
	for _, end := range []bool{false, true} {
		name := map[bool]string{false: "parked", true: "ended"}[end]
		b.Run(name, func(b *testing.B) {
			benchHotPath(b, func(h *hotPath) {
				var r contract.Report
				h.measure(func() {
					e, _ := h.enrollment()
					r = contract.Report{
						Ref: enginetest.Ref(e),
						Seq: 1,
						Parked: &contract.Position{
							Step:  "response",
							Kind:  "wait_for",
							Since: enginetest.Noon,
							Until: enginetest.Noon.Add(time.Hour),
						},
					}
					if end {
						h.must(h.Enrollments.Report(h.Context(), enginetest.Noon, r))
						r = contract.Report{
							Ref:   enginetest.Ref(e),
							Seq:   2,
							Ended: &contract.Ended{Outcome: contract.Completed, At: enginetest.Noon},
							Passed: []contract.StepVisit{
								{Step: "response", Kind: "wait_for", Visit: 1, At: enginetest.Noon, Arm: "1"},
								{Step: "nudge", Kind: "send", Visit: 1, At: enginetest.Noon, Outcome: "sent"},
							},
						}
					}
				}, func() { h.must(h.Enrollments.Report(h.Context(), enginetest.Noon, r)) })
			})
		})
	}
}
