package ingest

import (
	"context"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"github.com/tabi-journeys/tabi/internal/customer"
	"github.com/tabi-journeys/tabi/internal/sqldb"
)

// Intake lets small requests share transactions, as databases do with commits: those that come while one is
// under way wait for the next, which takes all of them. Nobody waits for others to come: where none is under
// way, a request runs at once and alone.
type Intake struct {
	limit int // transactions at once; 0: one

	Mu      sync.Mutex
	Running int
	Waiting []*intakeRequest
}

const (
	// maxIntakes is how many transactions of the intake run at once on PostgreSQL: enough that one that
	// waits for a locked customer does not hold up all.
	maxIntakes = 4
	// maxAlone is the size of a request, in calls, from which on it runs by itself: it is a transaction's worth
	// already.
	maxAlone = 64
	// maxShared bounds the calls of a shared transaction.
	maxShared = 256
	// sharedTimeout bounds a shared transaction, which goes on though some of its callers have left.
	sharedTimeout = 30 * time.Second
)

type intakeRequest struct {
	ctx      context.Context
	now      time.Time
	calls    []customer.SegmentCall
	receipts []customer.Receipt
	err      error
	done     chan struct{}
}

type ingester func(ctx context.Context, now time.Time, calls []customer.SegmentCall) ([]customer.Receipt, error)

func (in *Intake) Take(ctx context.Context, now time.Time, calls []customer.SegmentCall, accept ingester) ([]customer.Receipt, error) {
	if len(calls) >= maxAlone {
		return accept(ctx, now, calls)
	}
	in.Mu.Lock()
	if in.Running < max(in.limit, 1) {
		in.Running++
		in.Mu.Unlock()
		defer in.next(accept)
		return accept(ctx, now, calls)
	}
	r := &intakeRequest{ctx: ctx, now: now, calls: calls, done: make(chan struct{})}
	in.Waiting = append(in.Waiting, r)
	in.Mu.Unlock()
	select {
	case <-r.done:
		return r.receipts, r.err
	case <-ctx.Done():
		return nil, sqldb.DatabaseError(ctx.Err()) // it may be kept all the same: a repeat finds it by its id
	}
}

// next runs those who have waited, in the place of a transaction that has ended.
func (in *Intake) next(accept ingester) {
	in.Mu.Lock()
	defer in.Mu.Unlock()
	var group []*intakeRequest
	calls := 0
	for len(in.Waiting) > 0 {
		r := in.Waiting[0]
		if len(group) > 0 && calls+len(r.calls) > maxShared {
			break
		}
		in.Waiting[0], in.Waiting = nil, in.Waiting[1:]
		if r.ctx.Err() == nil { // else its caller has left
			group = append(group, r)
			calls += len(r.calls)
		}
	}
	if len(group) == 0 {
		in.Running--
		return
	}
	go func() {
		defer in.next(accept)
		share(group, accept)
	}()
}

// share runs requests in one transaction, and where that fails, each by itself.
func share(group []*intakeRequest, unsafe ingester) {
	// Here is no HTTP server above that keeps a panic to its request.
	accept := func(ctx context.Context, now time.Time, calls []customer.SegmentCall) (receipts []customer.Receipt, err error) {
		defer func() {
			if p := recover(); p != nil {
				err = fmt.Errorf("panic while taking calls in: %v\n%s", p, debug.Stack())
			}
		}()
		return unsafe(ctx, now, calls)
	}
	first := group[0]
	if len(group) > 1 {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(first.ctx), sharedTimeout)
		defer cancel()
		var all []customer.SegmentCall
		now := first.now
		for _, r := range group {
			all = append(all, r.calls...)
			if r.now.After(now) {
				now = r.now
			}
		}
		if receipts, err := accept(ctx, now, all); err == nil {
			for _, r := range group {
				r.receipts, receipts = receipts[:len(r.calls):len(r.calls)], receipts[len(r.calls):]
				close(r.done)
			}
			return
		}
	}
	for _, r := range group {
		r.receipts, r.err = accept(r.ctx, r.now, r.calls)
		close(r.done)
	}
}
