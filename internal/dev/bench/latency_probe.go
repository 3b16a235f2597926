package main

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"go.temporal.io/sdk/worker"

	"github.com/tabi-journeys/tabi/internal/clock"
	"github.com/tabi-journeys/tabi/internal/unit"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// latencyProbe measures the time from an event to the channel for waiting enrollments. Each customer has one
// enrollment and sends one event.
type latencyProbe struct {
	w       *environment
	gate    *httpClient
	mu      sync.Mutex
	began   map[string]time.Time
	arrived map[string]chan time.Duration
}

func newLatencyProbe(w *environment, g *httpClient) *latencyProbe {
	h := &latencyProbe{w: w, gate: g, began: map[string]time.Time{}, arrived: map[string]chan time.Duration{}}
	sent, accepted := h.sent, h.accepted
	w.stub.onSend.Store(&sent)
	g.onRequest.Store(&accepted)
	return h
}

func (h *latencyProbe) accepted(customer string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, known := h.arrived[customer]; known {
		h.began[customer] = clock.Wall()
	}
}

func (h *latencyProbe) sent(customer string) {
	now := clock.Wall()
	h.mu.Lock()
	defer h.mu.Unlock()
	if c := h.arrived[customer]; c != nil {
		c <- now.Sub(h.began[customer])
		delete(h.arrived, customer)
	}
}

// expect prepares the measurement of a customer's event.
func (h *latencyProbe) expect(customer string) <-chan time.Duration {
	c := make(chan time.Duration, 1)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.arrived[customer] = c
	return c
}

// route is one of the two ways that are compared.
type route struct {
	name      string
	customers []string // enrolled and waiting, without an event so far
	send      func(ctx context.Context, customer string) error
}

// take returns n customers without an event.
func (w *route) take(n int) []string {
	out := w.customers[:n]
	w.customers = w.customers[n:]
	return out
}

// measure sends a customer's event and returns the time until it reached the channel.
func (h *latencyProbe) measure(ctx context.Context, v *route, customer string) (time.Duration, error) {
	done := h.expect(customer)
	if err := v.send(ctx, customer); err != nil {
		return 0, fmt.Errorf("%s: %w", v.name, err)
	}
	limit := time.NewTimer(pollTimeout)
	defer limit.Stop()
	select {
	case d := <-done:
		return d, nil
	case <-limit.C:
		return 0, fmt.Errorf("%s: no send followed the event: %w within %s", v.name, errLate, pollTimeout)
	case <-ctx.Done():
		return 0, context.Cause(ctx)
	}
}

// product is tabi's route: gateway, store, relay, run, ledger, channel.
func (h *latencyProbe) product(ctx context.Context, n int) (*route, error) {
	ids := h.w.newCustomers(n)
	if err := h.w.ingestEvents(ctx, ids, "Bench Readied"); err != nil {
		return nil, err
	}
	if err := h.w.awaitParked(ctx, "hop", n); err != nil {
		return nil, err
	}
	return &route{name: "tabi", customers: ids, send: func(ctx context.Context, customer string) error {
		return h.gate.track(ctx, call{UserID: customer, Event: "Bench Pinged", Properties: map[string]any{"plan": "gold"}})
	}}, nil
}

// bareHop is Temporal's route alone: a signal to a waiting workflow, and an activity as the channel.
func (h *latencyProbe) bareHop(ctx context.Context, n int) (*route, error) {
	const queue = "hop-bare"
	if err := h.w.startWorker(queue, func(k worker.Worker) {
		(&handWritten{h.w}).register(k, map[string]any{"hop": plainHop})
	}); err != nil {
		return nil, err
	}
	start := h.w.startByHand(queue, false)
	v := &route{name: "bare hop", customers: h.w.newCustomers(n)}
	at := func(customer string) entrant {
		return entrant{enrollment: unit.Enrollment{ID: customer, WorkflowID: "bare/" + customer, Journey: "hop", Customer: customer}}
	}
	v.send = func(ctx context.Context, customer string) error {
		h.accepted(customer)
		return h.w.signal(ctx, at(customer), contract.Delivery{ID: customer,
			Event: &contract.CustomerEvent{Properties: json.RawMessage(`{"plan":"gold"}`)}})
	}
	return v, eachOf(ctx, v.customers, 20, func(ctx context.Context, customer string) error {
		_, err := start(ctx, at(customer))
		return err
	})
}

// awaitParked waits until n enrollments of a journey wait.
func (w *environment) awaitParked(ctx context.Context, journey string, n int) error {
	return pollFor(ctx, time.Hour, time.Second, func() (bool, error) {
		if l, err := w.store.Analytics.Live(ctx); err != nil || l.Pending > 0 {
			return false, err
		}
		at, err := w.store.Analytics.StepCounts(ctx, journey)
		found := int64(0)
		for _, s := range at {
			if s.Step != "" && s.State == unit.StateOpen {
				found += s.Enrollments
			}
		}
		return found >= int64(n), err
	})
}

// eachOf calls f for every item, on `slots` goroutines, until one fails.
func eachOf[T any](ctx context.Context, items []T, slots int, f func(context.Context, T) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	todo := make(chan T)
	var busy sync.WaitGroup
	for range min(slots, len(items)) {
		busy.Go(func() {
			for item := range todo {
				if err := f(ctx, item); err != nil {
					cancel(err)
				}
			}
		})
	}
	for _, item := range items {
		if ctx.Err() != nil {
			break
		}
		todo <- item
	}
	close(todo)
	busy.Wait()
	return context.Cause(ctx)
}
