// Package relay delivers the outbox to Temporal: starts, events and commands, strictly in order per enrollment, each at
// least once. Any number of relays may run; a lease per enrollment keeps them apart.
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
	"github.com/tabi-journeys/tabi/internal/cluster"
	"github.com/tabi-journeys/tabi/internal/outbox"
	"github.com/tabi-journeys/tabi/internal/unit"
)

// Outbox holds what is committed and not delivered yet.
type Outbox interface {
	// Lease returns up to limit enrollments with entries due, for ttl of wall time each.
	Lease(ctx context.Context, wall time.Time, limit int, ttl time.Duration) ([]outbox.Lease, error)
	// LeaseSteady is Lease without the enrollments whose last attempts failed.
	LeaseSteady(ctx context.Context, wall time.Time, limit int, ttl time.Duration) ([]outbox.Lease, error)
	// Delivered removes the entries of a lease up to seq, and returns the lease.
	Delivered(ctx context.Context, l outbox.Lease, seq int64) error
	// ReleaseLease returns a lease; after a failure the entry is due again at retry.
	ReleaseLease(ctx context.Context, l outbox.Lease, cause string, retry time.Time) error
	// SetAside makes the entry at seq a dead letter, and returns the lease.
	SetAside(ctx context.Context, now time.Time, l outbox.Lease, seq int64, cause string) error
}

// Enrollments is what the relay asks of the enrollments, and records in them.
type Enrollments interface {
	// MoveRefused records that a run refused to move to another revision.
	MoveRefused(ctx context.Context, now time.Time, enrollment, revision, reason string) error
	// ClosedOf returns the closed enrollments among ids, Known those that the store knows.
	ClosedOf(ctx context.Context, ids []string) ([]unit.Enrollment, error)
	Known(ctx context.Context, ids []string) (map[string]bool, error)
}

// Home knows whether Temporal is the one that the store belongs to. Both return an error where it is not, and where
// nobody can tell.
type Home interface {
	Verified(ctx context.Context) error // cheap: asks where the connection is new, or the last answer is old
	Check(ctx context.Context) error    // asks now
}

// Config configures a relay.
type Config struct {
	Outbox      Outbox
	Enrollments Enrollments
	Committed   <-chan struct{} // receives after commits of this process; nil: only Poll finds them
	Client      client.Client
	Home        Home        // nil: any Temporal is the right one
	Clock       clock.Clock // of the installation
	Logger      *zap.Logger // default: none

	Workers       int           // enrollments served at once; default 32
	Poll          time.Duration // how often other processes' commits are looked for; default 200 ms
	LeaseTime     time.Duration // default 30 s
	UpdateTimeout time.Duration // after it an event is sent by signal; default 2 s
}

// Relay delivers until its context ends.
//
// Each worker serves one lease: the first entries of one enrollment's queue, in order. It stops at the first
// failure, so that nothing overtakes. What it delivered is removed in one statement at the end. A relay that
// dies before that statement leaves its lease to expire, and another relay delivers the same entries again: a
// start is recognized by the enrollment in the run's memo, an event by its id. See docs/decisions/0002.
type Relay struct {
	cfg       Config
	transport transport
	wake      chan struct{}
	// lastSuccess is when an entry was delivered last, in milliseconds. It tells a bad entry from an outage.
	lastSuccess atomic.Int64
	delivered   atomic.Uint64 // entries delivered in all
	suspects    suspects
}

// New returns a relay.
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
	return &Relay{cfg: cfg, wake: make(chan struct{}, 1), suspects: suspects{slots: max(cfg.Workers/4, 1)}}
}

// Run delivers until ctx ends, then finishes the deliveries in progress.
func (r *Relay) Run(ctx context.Context) error {
	var serving sync.WaitGroup
	defer serving.Wait()
	free := make(chan struct{}, r.cfg.Workers)
	tick := time.NewTicker(r.cfg.Poll)
	defer tick.Stop()
	failing := false
	for ctx.Err() == nil {
		room := r.cfg.Workers - len(free)
		if r.cfg.Home != nil && cluster.IsStranger(r.cfg.Home.Verified(ctx)) {
			room = 0 // the guard has logged it
		}
		var leases []outbox.Lease
		if room > 0 {
			var err error
			lease := r.cfg.Outbox.Lease
			if r.suspects.full() {
				lease = r.cfg.Outbox.LeaseSteady
			}
			leases, err = lease(ctx, clock.Wall(), room, r.cfg.LeaseTime)
			switch {
			case ctx.Err() != nil:
				return nil
			case err != nil && !failing:
				failing = true
				r.cfg.Logger.Error("reading the outbox failed; retrying", zap.Error(err))
			case err == nil && failing:
				failing = false
				r.cfg.Logger.Info("reading the outbox recovered")
			}
		}
		for _, lease := range leases {
			free <- struct{}{}
			serving.Go(func() {
				if done, ok := r.suspects.admit(lease.Enrollment.ID); ok {
					r.serve(ctx, lease)
					done()
				} else {
					r.postpone(ctx, lease)
				}
				<-free
				r.notify()
			})
		}
		if len(leases) > 0 && len(leases) < room || len(leases) == 0 {
			select {
			case <-ctx.Done():
			case <-tick.C:
			case <-r.cfg.Committed:
			case <-r.wake:
			}
		}
	}
	return nil
}

// notify wakes Run: a worker is free.
func (r *Relay) notify() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

const (
	// how long a delivery in progress may take after the relay is stopped; with markTime it ends within eight seconds
	stopPatience = 4 * time.Second
	markTime     = 4 * time.Second // how long marking the deliveries in the store may take
)

// serve delivers the entries of one lease, in order, and marks how far it came.
func (r *Relay) serve(ctx context.Context, l outbox.Lease) {
	patience, cancel := context.WithTimeout(context.WithoutCancel(ctx), r.cfg.LeaseTime*8/10)
	defer cancel()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(stopPatience, cancel) })() // stopped: the delivery in progress has this long
	var done int64
	var cause error
	for _, d := range l.Deliveries {
		if cause = r.deliverHome(patience, l, d); cause != nil {
			if done > 0 {
				l.Attempts = 0 // they were of the first entry
			}
			if !r.isDead(l.Attempts+1, r.passedMeanwhile(ctx, l, d, cause), cause) {
				break
			}
			r.suspects.clear(l.Enrollment.ID)
			r.deadLetter(ctx, l, d, cause)
			return
		}
		r.lastSuccess.Store(clock.Wall().UnixMilli())
		r.delivered.Add(1)
		done = d.Seq
		if ctx.Err() != nil {
			break // stopped: another relay delivers the rest
		}
	}
	// Delivered entries are marked even where the deliveries have used up their time.
	marking, cancelMarking := context.WithTimeout(context.WithoutCancel(ctx), markTime)
	defer cancelMarking()
	if done > 0 {
		if cause == nil {
			r.suspects.clear(l.Enrollment.ID)
		}
		if err := r.cfg.Outbox.Delivered(marking, l, done); err != nil {
			if !errors.Is(err, unit.ErrSuperseded) {
				r.cfg.Logger.Warn(
					"marking a delivery failed; it will be repeated",
					zap.String("enrollment", l.Enrollment.ID),
					zap.Error(err),
				)
			}
			return
		}
		l.Attempts = 0
		if cause == nil {
			return // Delivered has returned the lease
		}
	}
	words, retry := "", time.Time{}
	if cause != nil {
		words, retry = cause.Error(), clock.Wall().Add(backoff(l.Attempts, cause))
		r.cfg.Logger.Warn(
			"a delivery failed; retrying",
			zap.String("enrollment", l.Enrollment.ID),
			zap.Int("attempts", l.Attempts+1),
			zap.Error(cause),
		)
	}
	if err := r.cfg.Outbox.ReleaseLease(marking, l, words, retry); err != nil && !errors.Is(err, unit.ErrSuperseded) {
		r.cfg.Logger.Warn(
			"returning a lease failed; it expires by itself",
			zap.String("enrollment", l.Enrollment.ID),
			zap.Error(err),
		)
	}
}

// passedMeanwhile counts a failure and returns how often this entry has failed while others were delivered.
func (r *Relay) passedMeanwhile(ctx context.Context, l outbox.Lease, d outbox.Delivery, cause error) int {
	if ctx.Err() != nil || errors.Is(cause, errAddressTaken) || errors.Is(cause, errStore) {
		return 0 // the process stops; the entry waits for another run to end; the database is away
	}
	return r.suspects.failed(l.Enrollment.ID, d.Seq, r.delivered.Load())
}

// postpone returns the lease of a suspect that finds no slot.
func (r *Relay) postpone(ctx context.Context, l outbox.Lease) {
	marking, cancel := context.WithTimeout(context.WithoutCancel(ctx), markTime)
	defer cancel()
	if err := r.cfg.Outbox.ReleaseLease(marking, l, "", time.Time{}); err != nil && !errors.Is(err, unit.ErrSuperseded) {
		r.cfg.Logger.Warn("returning a lease failed; it expires by itself", zap.String("enrollment", l.Enrollment.ID), zap.Error(err))
	}
}

// backoff returns how long a failed delivery rests: from 200 ms, doubling, to a minute. A start that waits for its
// address to become free is tried at least every two seconds.
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
