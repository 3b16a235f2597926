// Package relay brings what the store has committed to Temporal: starts, events and orders, strictly in order
// per instance, each at least once. Any number of relays may run; a lease per instance keeps them apart.
package relay

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"go.temporal.io/sdk/client"
	"go.uber.org/zap"

	"github.com/tabi-journeys/tabi/internal/clock"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/store"
)

// Config is what a relay needs.
type Config struct {
	Store  *store.Store
	Client client.Client
	Clock  journey.Clock // of the installation
	Logger *zap.Logger   // default: none

	Workers        int           // instances served at once; default 32
	Poll           time.Duration // how often other processes' commits are looked for; default 200 ms
	LeaseTime      time.Duration // default 30 s
	UpdateTimeout  time.Duration // after it an event goes by signal; default 2 s
	ReconcileEvery time.Duration // default 1 min; negative: never
	ScheduleEvery  time.Duration // how often schedules of other processes' releases are looked for; default 1 s; negative: schedules are not run
	LearnEvery     time.Duration // how often outcomes of offers are learned; default 5 s; negative: never
	Keep           time.Duration // how long decisions are kept, in virtual time; 0: for ever
	PruneEvery     time.Duration // how often what is older is looked for; default 1 min
	IntentEvery    time.Duration // how often releases of other processes that define intents otherwise are looked for; default 1 s; negative: intents are not summed up anew
}

// Relay delivers until its context ends.
type Relay struct {
	cfg    Config
	routes routes
	wake   chan struct{}
	// through is when something was delivered last, in milliseconds: that others get through tells a poison
	// from an outage.
	through atomic.Int64
}

// New makes a relay.
func New(cfg Config) *Relay {
	if cfg.Logger == nil {
		cfg.Logger = zap.NewNop()
	}
	if cfg.Workers <= 0 {
		cfg.Workers = 32
	}
	if cfg.Poll <= 0 {
		cfg.Poll = 200 * time.Millisecond
	}
	if cfg.LeaseTime <= 0 {
		cfg.LeaseTime = 30 * time.Second
	}
	if cfg.UpdateTimeout <= 0 {
		cfg.UpdateTimeout = 2 * time.Second
	}
	if cfg.ReconcileEvery == 0 {
		cfg.ReconcileEvery = time.Minute
	}
	if cfg.ScheduleEvery == 0 {
		cfg.ScheduleEvery = time.Second
	}
	if cfg.LearnEvery == 0 {
		cfg.LearnEvery = 5 * time.Second
	}
	if cfg.PruneEvery <= 0 {
		cfg.PruneEvery = time.Minute
	}
	if cfg.IntentEvery == 0 {
		cfg.IntentEvery = time.Second
	}
	return &Relay{cfg: cfg, wake: make(chan struct{}, 1)}
}

// Run delivers and reconciles until ctx ends; what is under way is finished first.
func (r *Relay) Run(ctx context.Context) error {
	var background sync.WaitGroup
	defer background.Wait()
	if r.cfg.ReconcileEvery > 0 {
		background.Go(func() { r.reconcileForEver(ctx) })
	}
	if r.cfg.ScheduleEvery > 0 {
		background.Go(func() { r.scheduleForEver(ctx) })
	}
	if r.cfg.IntentEvery > 0 {
		background.Go(func() { r.refreshIntents(ctx) })
	}
	if r.cfg.LearnEvery > 0 {
		background.Go(func() { r.learnForEver(ctx) })
	}
	if r.cfg.Keep > 0 {
		background.Go(func() { r.pruneForEver(ctx) })
	}
	free := make(chan struct{}, r.cfg.Workers)
	tick := time.NewTicker(r.cfg.Poll)
	defer tick.Stop()
	failing := false
	for ctx.Err() == nil {
		room := r.cfg.Workers - len(free)
		var leases []store.Lease
		if room > 0 {
			var err error
			leases, err = r.cfg.Store.Lease(ctx, clock.Wall(), room, r.cfg.LeaseTime)
			switch {
			case ctx.Err() != nil:
				return nil
			case err != nil && !failing:
				failing = true
				r.cfg.Logger.Error("the relay cannot read the store; it goes on trying", zap.Error(err))
			case err == nil && failing:
				failing = false
				r.cfg.Logger.Info("the relay reads the store again")
			}
		}
		for _, lease := range leases {
			free <- struct{}{}
			background.Go(func() {
				r.serve(ctx, lease)
				<-free
				r.stir()
			})
		}
		if len(leases) > 0 && len(leases) < room || len(leases) == 0 {
			select {
			case <-ctx.Done():
			case <-tick.C:
			case <-r.cfg.Store.Committed():
			case <-r.wake:
			}
		}
	}
	return nil
}

// stir lets Run look again: a worker is free.
func (r *Relay) stir() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

const (
	stopPatience = 4 * time.Second // a delivery under way may still take when the relay is told to stop; with markTime it ends within eight seconds
	markTime     = 4 * time.Second // of telling the store what became of deliveries
)

// serve brings the deliveries of one lease, in order, and marks how far it came.
func (r *Relay) serve(ctx context.Context, l store.Lease) {
	patience, cancel := context.WithTimeout(context.WithoutCancel(ctx), r.cfg.LeaseTime*8/10)
	defer cancel()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(stopPatience, cancel) })() // told to stop: what is under way has this long
	var done int64
	var cause error
	for _, d := range l.Deliveries {
		if cause = r.deliver(patience, l, d); cause != nil {
			if done > 0 {
				l.Attempts = 0 // those were of the first
			}
			if !r.poison(l.Attempts+1, cause) {
				break
			}
			r.setAside(ctx, l, d, cause)
			return
		}
		r.through.Store(clock.Wall().UnixMilli())
		done = d.Seq
		if ctx.Err() != nil {
			break // told to stop: the rest is another relay's
		}
	}
	// What was delivered is marked whatever has become of the delivery's own time.
	marking, cancelMarking := context.WithTimeout(context.WithoutCancel(ctx), markTime)
	defer cancelMarking()
	if done > 0 {
		if err := r.cfg.Store.Delivered(marking, l, done); err != nil {
			if !errors.Is(err, store.ErrNotMine) {
				r.cfg.Logger.Warn(
					"a delivery could not be marked; it will be repeated",
					zap.String("workflow", l.Enrollment.WorkflowID),
					zap.Error(err),
				)
			}
			return
		}
		l.Attempts = 0
		if cause == nil {
			return // the lease went back with it
		}
	}
	words, retry := "", time.Time{}
	if cause != nil {
		words, retry = cause.Error(), clock.Wall().Add(backoff(l.Attempts, cause))
		r.cfg.Logger.Warn(
			"a delivery failed; it will be repeated",
			zap.String("workflow", l.Enrollment.WorkflowID),
			zap.Int("attempts", l.Attempts+1),
			zap.Error(cause),
		)
	}
	if err := r.cfg.Store.Unlease(marking, l, words, retry); err != nil && !errors.Is(err, store.ErrNotMine) {
		r.cfg.Logger.Warn(
			"a lease could not be given back; it ends by itself",
			zap.String("workflow", l.Enrollment.WorkflowID),
			zap.Error(err),
		)
	}
}

// backoff is how long a failed delivery rests: from 200 ms, doubling, to a minute; what only waits for its
// address to be free is asked more often.
func backoff(attempts int, cause error) time.Duration {
	limit := time.Minute
	if errors.Is(cause, errAddressTaken) {
		limit = 2 * time.Second
	}
	d := 200 * time.Millisecond
	for range min(attempts, 10) {
		d *= 2
	}
	return min(d, limit)
}
