package background

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tabi-journeys/tabi/internal/audit"
	"github.com/tabi-journeys/tabi/internal/clock"
	"github.com/tabi-journeys/tabi/internal/retention"
)

// Retention deletes what is old, a page at a time: what is still needed stays. See package retention. Every function returns how many
// rows it has deleted.
type Retention struct {
	Customers interface {
		Page(ctx context.Context, after string, limit int) ([]string, error)
		PruneEvents(ctx context.Context, now, before time.Time, customers []string, limit int) (gone []string, err error)
		IdleVisitors(ctx context.Context, before time.Time, customers []string) ([]string, error)
	}
	Enrollments interface {
		Prune(ctx context.Context, now, before time.Time, customers []string, limit int) (int64, error)
	}
	Handoffs interface {
		Prune(ctx context.Context, before time.Time, customers []string, limit int) (int64, error)
	}
	Intents interface {
		PruneClassifications(ctx context.Context, events []string) error
	}
	Messages interface {
		Prune(ctx context.Context, now, before time.Time, limit int) (int64, error)
	}
	Offers interface {
		PruneOffers(ctx context.Context, before time.Time, customers []string, limit int) (int64, error)
	}
	Outbox interface {
		PruneDeadLetters(ctx context.Context, before time.Time, limit int) (int64, error)
	}
	Rejections interface {
		Prune(ctx context.Context, before time.Time) (int64, error)
	}
	Visitors interface {
		DropVisitor(ctx context.Context, now time.Time, id string) (dropped bool, err error)
	}
	Audit interface {
		Prune(ctx context.Context, before time.Time, limit int) (int64, error)
		Record(ctx context.Context, e audit.Entry) error
	}
	// Noting returns a context whose transactions note that rows of a kind from before a time are deleted, for the figures.
	Noting func(ctx context.Context, kind string, before time.Time) context.Context
	// TakeTurn takes or renews the turn of a process: one deletes at a time. nil: this one always.
	TakeTurn func(ctx context.Context, holder string, wall time.Time, change func(*retention.Turn)) (retention.Turn, bool, error)
}

const (
	// walkPage is how many customers are looked through at once, and walkEvery how often, in wall time: eight million a day.
	walkPage  = 100
	walkEvery = time.Second
	// walkRest is how long the walk rests after the last customer, in wall time; shorter where virtual time runs faster.
	walkRest, leastRest = 15 * time.Minute, 10 * time.Second
)

// walk is a pass through all customers, by which old rows are found with the indexes that there are.
type walk struct {
	after string
	rest  time.Time // wall; not before
}

// pruneByCustomer returns a page of deleting what is old of the next customers. After an error the same customers are looked at again.
func (j *Jobs) pruneByCustomer() func(context.Context) (bool, error) {
	w := walk{}
	return func(ctx context.Context) (bool, error) {
		if mine, err := j.myTurn(ctx, &w); err != nil || !mine || clock.Wall().Before(w.rest) {
			return false, err
		}
		return j.pruneCustomers(ctx, &w)
	}
}

// pruneByTime deletes the oldest rows of each kind that is found by its time.
func (j *Jobs) pruneByTime(ctx context.Context) (more bool, err error) {
	if mine, err := j.myTurn(ctx, nil); err != nil || !mine {
		return false, err
	}
	r, now := j.cfg.Retention, j.now()
	for _, kind := range []struct {
		name  string
		now   time.Time
		prune func(ctx context.Context, before time.Time) (int64, error)
	}{
		{retention.Sends, now, func(ctx context.Context, t time.Time) (int64, error) { return r.Messages.Prune(ctx, now, t, prunePage) }},
		{retention.Decisions, now, func(ctx context.Context, _ time.Time) (int64, error) {
			n, _, err := j.cfg.Offers.PruneDecisions(ctx, now, j.cfg.Keep[retention.Decisions], prunePage)
			return n, err
		}},
		{retention.DeadLetters, now, func(ctx context.Context, t time.Time) (int64, error) {
			return r.Outbox.PruneDeadLetters(ctx, t, prunePage)
		}},
		{retention.RejectedCalls, now, func(ctx context.Context, t time.Time) (int64, error) { return r.Rejections.Prune(ctx, t) }},
		{retention.Audit, clock.Wall(), func(ctx context.Context, t time.Time) (int64, error) { return r.Audit.Prune(ctx, t, prunePage) }},
	} {
		before := j.cfg.Keep.Before(kind.name, kind.now)
		if before.IsZero() {
			continue
		}
		n, err := kind.prune(j.noting(ctx, kind.name, before), before)
		if err != nil {
			return false, err
		}
		j.count(kind.name, n)
		more = more || n >= prunePage
	}
	return more, nil
}

// pruneCustomers deletes what is old of the next customers.
func (j *Jobs) pruneCustomers(ctx context.Context, w *walk) (more bool, err error) {
	r, now := j.cfg.Retention, j.now()
	ids, err := r.Customers.Page(ctx, w.after, walkPage)
	if err != nil {
		return false, err
	}
	if len(ids) == 0 {
		*w = walk{rest: clock.Wall().Add(j.rest())}
		return false, j.passed(ctx)
	}
	busy := false // a customer of this page has more rows than one round deletes
	for _, kind := range []struct {
		name  string
		prune func(ctx context.Context, before time.Time) (int64, error)
	}{
		{retention.Events, func(ctx context.Context, t time.Time) (int64, error) {
			gone, err := r.Customers.PruneEvents(ctx, now, t, ids, prunePage)
			if err == nil && len(gone) > 0 {
				err = r.Intents.PruneClassifications(ctx, gone)
			}
			return int64(len(gone)), err
		}},
		{retention.Handoffs, func(ctx context.Context, t time.Time) (int64, error) { return r.Handoffs.Prune(ctx, t, ids, prunePage) }},
		{retention.Decisions, func(ctx context.Context, t time.Time) (int64, error) {
			return r.Offers.PruneOffers(ctx, t, ids, prunePage)
		}},
		{retention.Enrollments, func(ctx context.Context, t time.Time) (int64, error) {
			return r.Enrollments.Prune(ctx, now, t, ids, prunePage)
		}},
		{retention.Visitors, func(ctx context.Context, t time.Time) (int64, error) { return j.dropVisitors(ctx, now, t, ids) }},
	} {
		before := j.cfg.Keep.Before(kind.name, now)
		if before.IsZero() {
			continue
		}
		n, err := kind.prune(j.noting(ctx, kind.name, before), before)
		j.count(kind.name, n)
		if err != nil {
			return false, err
		}
		busy = busy || kind.name != retention.Evidence && n >= prunePage // evidence has no page: all of it goes at once
	}
	if !busy {
		w.after = ids[len(ids)-1]
		j.turn.looked(len(ids))
	}
	return busy, nil
}

func (j *Jobs) dropVisitors(ctx context.Context, now, before time.Time, ids []string) (n int64, err error) {
	idle, err := j.cfg.Retention.Customers.IdleVisitors(ctx, before, ids)
	for _, id := range idle {
		dropped, err := j.cfg.Retention.Visitors.DropVisitor(ctx, now, id)
		if err != nil {
			return n, err
		}
		if dropped {
			n++
		}
	}
	return n, err
}

// rest returns how long the walk rests after the last customer.
func (j *Jobs) rest() time.Duration {
	return min(walkRest, max(leastRest, j.cfg.Clock.Real(24*time.Hour)))
}

// noting is Retention.Noting.
func (j *Jobs) noting(ctx context.Context, kind string, before time.Time) context.Context {
	if j.cfg.Retention.Noting == nil {
		return ctx
	}
	return j.cfg.Retention.Noting(ctx, kind, before)
}

func newDeleted() *prometheus.CounterVec {
	c := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "tabi_retention_deleted_total", Help: "Rows that were deleted because they were kept long enough, by kind of data.",
	}, []string{"kind"})
	for _, k := range retention.Kinds {
		c.WithLabelValues(k.Name)
	}
	return c
}
