package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tabi-journeys/tabi/internal/clock"
)

// The load: events of many customers, most of which no journey listens for.
const (
	intakeBatch   = 250
	batchClients  = 8 // sending at a time
	singleClients = 64
	listenedEvery = 20 // one event of 20 is listened for: 5 %
)

// intakeEvent is an event in the form that both sides use.
type intakeEvent struct {
	id, customer, name string
	properties         map[string]any
	enters             bool // it opens an enrollment; otherwise, where heard, an open enrollment listens for it
	heard              bool
	hears              string // id of the enrollment, for the plain side
	seq                int64  // of its outbox entry
}

// intakeTarget is what is measured. Its methods return when the events are committed.
type intakeTarget interface {
	batch(ctx context.Context, client int, events []intakeEvent) error
	single(ctx context.Context, client int, e intakeEvent) error
	close() error
}

// eventSource makes the events of one client. Events that are listened for belong to customers of this client alone,
// so that it knows who is enrolled.
type eventSource struct {
	name    string // unique for each source
	client  int
	clients int
	draw    *rand.Rand
	ids     []string
	n       int
	entered map[int]int64 // by customer: sequence number of the last outbox entry
}

func newEventSource(name string, ids []string, client, clients int) *eventSource {
	return &eventSource{
		name:    name,
		client:  client,
		clients: clients,
		ids:     ids,
		draw:    rand.New(rand.NewPCG(1, uint64(client))),
		entered: map[int]int64{},
	}
}

// own returns how many customers belong to this client: those whose index, modulo the number of clients, is the
// client's number. No customer belongs to two clients, also where the number of customers is no multiple of the
// clients; otherwise both would open the same enrollment, and the plain side would fail on its primary key.
func (s *eventSource) own() int { return (len(s.ids) - s.client + s.clients - 1) / s.clients }

func (s *eventSource) next() intakeEvent {
	s.n++
	e := intakeEvent{id: fmt.Sprintf("%s-%02d-%08d", s.name, s.client, s.n), name: "Product Viewed", properties: map[string]any{
		"plan": "gold", "product_id": s.draw.IntN(100_000), "price": float64(s.draw.IntN(10_000)) / 100, "category": "tea",
		"url": "https://shop.example.com/tea/green"}}
	at := s.draw.IntN(len(s.ids))
	if own := s.own(); own > 0 && s.n%listenedEvery == 0 {
		at = at%own*s.clients + s.client
		e.heard = true
		last, in := s.entered[at]
		e.enters = !in
		e.name = "Bench Answered"
		if e.enters {
			e.name = "Bench Started"
		}
		s.entered[at] = last + 1
		e.seq, e.hears = last+1, s.name+"/"+s.ids[at]
	}
	e.customer = s.ids[at]
	return e
}

// intakePart measures committed events per second, in batches and one by one, in turns with the same rows written by
// plain SQL.
func intakePart(ctx context.Context, b *bench, s *server, out *section) error {
	w, err := openEnvironment(ctx, s, "intake")
	if err != nil {
		return err
	}
	defer w.close()
	ids := w.newCustomers(b.customers)
	if err := w.ingestEvents(ctx, ids); err != nil {
		return err
	}
	g, err := w.gateway(singleClients)
	if err != nil {
		return err
	}
	defer g.stop()
	takers := []struct {
		name string
		t    intakeTarget
	}{{"tabi", &httpTarget{g}}, {"plain SQL", nil}, {"plain SQL, events alone", nil}}
	for i, whole := range []bool{true, false} {
		t, err := openSQL(ctx, s, fmt.Sprintf("intake-sql-%d", i), ids, whole)
		if err != nil {
			return err
		}
		defer func() { _ = t.close() }()
		takers[i+1].t = t
	}
	forms := []struct {
		name, label   string
		clients, size int
		rates, costs  map[string][]float64
	}{
		{
			"batch",
			fmt.Sprintf("batches of %d from %d clients", intakeBatch, batchClients),
			batchClients,
			intakeBatch,
			map[string][]float64{},
			map[string][]float64{},
		},
		{
			"single",
			fmt.Sprintf("single calls from %d connections", singleClients),
			singleClients,
			1,
			map[string][]float64{},
			map[string][]float64{},
		},
	}
	for round := range b.rounds + 1 { // the first is warm-up
		for _, t := range takers {
			for _, f := range forms {
				stop, err := profiled(b.profile(round, t.name+"-intake-"+f.name))
				if err != nil {
					return err
				}
				used := cpuTime(s.pids())
				taken, took, err := intake(ctx, b.turnTime, t.t, ids, fmt.Sprintf("%s%d%s", w.prefix, round, f.name), f.clients, f.size)
				used = cpuTime(s.pids()) - used
				stop()
				if err != nil {
					return fmt.Errorf("%s, %s: %w", t.name, f.label, err)
				}
				if round > 0 {
					rate, cpu := float64(taken)/took.Seconds(), 1000*milliseconds(used)/float64(taken)
					f.rates[t.name], f.costs[t.name] = append(f.rates[t.name], rate), append(f.costs[t.name], cpu)
					b.logf("%s, %s, round %d: %s %.0f events/s, %.0f µs of CPU each", s.name, f.label, round, t.name, rate, cpu)
				}
			}
		}
	}
	for _, f := range forms {
		for _, to := range takers[1:] {
			out.putComparison("tabi, "+f.label, f.rates["tabi"], "events/s", to.name, f.rates[to.name])
		}
		out.putComparison("tabi, "+f.label, f.costs["tabi"], "µs CPU/event", "plain SQL", f.costs["plain SQL"])
		for _, to := range takers[1:] {
			out.putRounds(to.name+", "+f.label, f.rates[to.name], "events/s")
		}
	}
	return nil
}

// intake lets clients send events for the time of limit, size at a time. It returns how many were committed, and how
// long it took.
func intake(
	ctx context.Context,
	limit time.Duration,
	t intakeTarget,
	ids []string,
	stock string,
	clients, size int,
) (int64, time.Duration, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var taken atomic.Int64
	var busy sync.WaitGroup
	began := clock.Wall()
	for client := range clients {
		busy.Go(func() {
			from := newEventSource(stock, ids, client, clients)
			for clock.Wall().Sub(began) < limit && ctx.Err() == nil {
				events := make([]intakeEvent, size)
				for i := range events {
					events[i] = from.next()
				}
				var err error
				if size == 1 {
					err = t.single(ctx, client, events[0])
				} else {
					err = t.batch(ctx, client, events)
				}
				if err != nil {
					cancel(err)
					return
				}
				taken.Add(int64(size))
			}
		})
	}
	busy.Wait()
	took := clock.Wall().Sub(began)
	if err := context.Cause(ctx); err != nil {
		return 0, 0, err
	}
	return taken.Load(), took, nil
}

// httpTarget sends events as channels do.
type httpTarget struct{ gate *httpClient }

func (o *httpTarget) batch(ctx context.Context, _ int, events []intakeEvent) error {
	calls := make([]call, len(events))
	for i, e := range events {
		calls[i] = call{Type: "track", MessageID: e.id, UserID: e.customer, Event: e.name, Properties: e.properties}
	}
	return o.gate.batch(ctx, calls)
}

func (o *httpTarget) single(ctx context.Context, _ int, e intakeEvent) error {
	return o.gate.track(ctx, call{MessageID: e.id, UserID: e.customer, Event: e.name, Properties: e.properties})
}

func (o *httpTarget) close() error { return nil }
