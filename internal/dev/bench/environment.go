package main

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"sync/atomic"
	"time"

	"github.com/spf13/pflag"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.uber.org/zap"

	"github.com/tabi-journeys/tabi/activities"
	"github.com/tabi-journeys/tabi/activities/channels"
	"github.com/tabi-journeys/tabi/internal/app"
	"github.com/tabi-journeys/tabi/internal/catalog"
	"github.com/tabi-journeys/tabi/internal/clock"
	"github.com/tabi-journeys/tabi/internal/customer"
	"github.com/tabi-journeys/tabi/internal/engine"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/journey/lint"
	"github.com/tabi-journeys/tabi/internal/signedlink"
)

//go:embed content
var contentFiles embed.FS

// masterKey is that of the environments that encrypt.
const masterKey = "198d61367e7bb98580a462acde99f6715045cd0c125bc8fb21c7749a49f4dfe1"

// benchSecrets are those of every environment.
var benchSecrets = signedlink.MustSecrets("a secret of the bench")

// content returns the journeys of the bench.
func content() (*journey.Content, error) {
	var files []lint.File
	err := fs.WalkDir(contentFiles, "content", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := contentFiles.ReadFile(path)
		files = append(files, lint.File{Root: "content", Name: path, Data: data})
		return err
	})
	if err != nil {
		return nil, err
	}
	c, found := app.Build{}.Check(files)
	if found.Failed(false) {
		return nil, fmt.Errorf("the journeys of the bench do not lint: %+v", found)
	}
	return c, nil
}

// environment is one installation: a store of its own, and a client of the server's Temporal. tabi and what it is
// compared with run in this process.
type environment struct {
	server   *server
	config   *app.Config
	store    *engine.Engine
	temporal client.Client
	options  client.Options  // of temporal
	clients  []client.Client // others
	stub     *stub
	acts     *activities.Activities
	prefix   string // of customer ids, so that environments on one server do not meet
	next     atomic.Int64
	// statements counts what the store has sent to its database.
	statements atomic.Int64
	sent       atomic.Int64 // events sent by track
	workers    []worker.Worker
}

// openEnvironment creates a store on the server, publishes the content and connects to Temporal.
func openEnvironment(ctx context.Context, s *server, name string) (w *environment, err error) {
	w = &environment{server: s, config: &app.Config{}, stub: newStub(), prefix: fmt.Sprintf("%s-%x-", name, clock.Wall().UnixMilli())}
	w.config.Register(
		pflag.NewFlagSet("", pflag.ContinueOnError),
		app.Storage|app.Logging|app.Temporal|app.HTTP|app.Channels|app.Work|app.Relay,
	)
	w.config.TemporalAddr = s.temporal
	if w.config.Database, err = s.database(name); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			w.close()
		}
	}()
	if w.store, err = engine.Open(ctx, engine.Options{URL: w.config.Database, Channels: channels.Shipped().Specs(),
		Statements: &w.statements}); err != nil {
		return nil, err
	}
	if err := w.publish(ctx); err != nil {
		return nil, err
	}
	if w.temporal, w.options, err = w.config.DialTemporal(ctx, zap.NewNop(), nil); err != nil {
		return nil, err
	}
	worker.SetStickyWorkflowCacheSize(w.config.StickyCache)
	w.acts = activities.New(
		activities.Config{
			Rooms:    app.ActivityRooms(w.store),
			Channels: w.stub.channels(),
			Links:    signedlink.Links{PublicURL: "http://127.0.0.1", Secrets: benchSecrets},
		},
	)
	return w, nil
}

func (w *environment) publish(ctx context.Context) error {
	c, err := content()
	if err != nil {
		return err
	}
	_, err = app.Publish(ctx, w.store, c, catalog.Origin{})
	return err
}

// startWorker starts a worker with tabi's options on a task queue.
func (w *environment) startWorker(queue string, register func(worker.Worker)) error {
	return w.startWorkerBy(w.temporal, queue, register)
}

func (w *environment) startWorkerBy(c client.Client, queue string, register func(worker.Worker)) error {
	k := worker.New(c, queue, w.config.WorkerOptions())
	register(k)
	if err := k.Start(); err != nil {
		return err
	}
	w.workers = append(w.workers, k)
	return nil
}

func (w *environment) close() {
	for _, k := range w.workers {
		k.Stop()
	}
	for _, c := range w.clients {
		c.Close()
	}
	if w.temporal != nil {
		w.temporal.Close()
	}
	if w.store != nil {
		_ = w.store.Close()
	}
}

// newCustomers returns n unused ids.
func (w *environment) newCustomers(n int) []string {
	last := w.next.Add(int64(n))
	ids := make([]string, n)
	for i := range ids {
		ids[i] = fmt.Sprintf("%s%07d", w.prefix, last-int64(n)+int64(i))
	}
	return ids
}

// traits returns a customer's traits: an address of each kind, a name, consent.
func traits(id string) map[string]any {
	return map[string]any{
		"email":      id + "@example.com",
		"push_token": "token-" + id,
		"first_name": "Ana",
		"consent":    map[string]any{"marketing": true},
	}
}

// batchSize is the number of calls in one transaction of the store.
const batchSize = 200

// ingestEvents identifies each customer and then records the events for them, in order.
func (w *environment) ingestEvents(ctx context.Context, ids []string, events ...string) error {
	var calls []customer.SegmentCall
	flush := func() error {
		if len(calls) == 0 {
			return nil
		}
		_, err := w.store.Intake.Ingest(ctx, clock.Wall(), calls)
		calls = nil
		return err
	}
	for _, id := range ids {
		calls = append(calls, customer.SegmentCall{Type: "identify", MessageID: id + "-0", UserID: id, Traits: traits(id), Source: "http"})
		for n, name := range events {
			calls = append(calls, customer.SegmentCall{Type: "track", MessageID: fmt.Sprintf("%s-%d", id, n+1), UserID: id, Event: name,
				Properties: map[string]any{"plan": "gold", "source": "bench"}, Source: "http"})
		}
		if len(calls) >= batchSize {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	return flush()
}

// track records one event for each of the customers, in one transaction.
func (w *environment) track(ctx context.Context, ids []string, event string) error {
	calls := make([]customer.SegmentCall, len(ids))
	for i, id := range ids {
		calls[i] = customer.SegmentCall{
			Type:       "track",
			MessageID:  fmt.Sprintf("%s+%d", id, w.sent.Add(1)),
			UserID:     id,
			Event:      event,
			Properties: map[string]any{"plan": "gold"},
			Source:     "http",
		}
	}
	_, err := w.store.Intake.Ingest(ctx, clock.Wall(), calls)
	return err
}

// takeOutbox returns everything that is due in the outbox and marks it as delivered: the bench delivers it itself, in
// place of the relay.
func (w *environment) takeOutbox(ctx context.Context) ([]entrant, error) {
	var out []entrant
	for {
		leases, err := w.store.Outbox.Lease(ctx, clock.Wall(), 100, time.Minute)
		if err != nil || len(leases) == 0 {
			return out, err
		}
		for _, l := range leases {
			in := entrant{enrollment: l.Enrollment}
			for _, d := range l.Deliveries {
				switch {
				case d.Start != nil:
					in.start = d.Start
				case d.Delivery != nil:
					in.events = append(in.events, *d.Delivery)
				}
			}
			if in.start == nil {
				return nil, errors.New("a lease without a start: another process uses the bench's store")
			}
			out = append(out, in)
			last := l.Deliveries[len(l.Deliveries)-1].Seq
			if err := w.store.Outbox.Delivered(ctx, l, last); err != nil {
				return nil, err
			}
		}
	}
}

// enrollCustomers opens n enrollments and returns what is to be delivered to them: the first event starts the run,
// the others follow.
func (w *environment) enrollCustomers(ctx context.Context, n int, events ...string) ([]entrant, error) {
	if err := w.ingestEvents(ctx, w.newCustomers(n), events...); err != nil {
		return nil, err
	}
	all, err := w.takeOutbox(ctx)
	if err == nil && len(all) != n {
		err = fmt.Errorf("want %d entries by %q, got %d", n, events[0], len(all))
	}
	return all, err
}
