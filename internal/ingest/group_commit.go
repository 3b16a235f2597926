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

// GroupCommit lets small requests share a transaction, as databases do in a group commit: requests that arrive while a
// transaction runs wait for the next one, which takes all of them. If none runs, a request starts at once and alone, so
// nobody waits for others to arrive.
//
// The invariant: sharing changes the cost, never the result. A caller gets its own receipts, and an error of one request
// never fails another.
//
// Example: on a SQLite file, with one writer, 40 requests of one event arrive while a commit waits for the disk. The next
// transaction holds all 40, and one commit serves them. If the seventh request is refused, for example because merging its
// customer fails, the whole shared transaction rolls back, and then each request runs by itself, so only the seventh gets
// the error. A panic is handled in the same way, since no HTTP handler of those requests is on the stack.
//
// A caller that leaves (its context ends) gets an error though its event may be stored. Its repeat has the same message
// id and is reported as a duplicate. Without the bounds below, one locked customer could stop all requests, or one shared
// transaction could lock hundreds of customers for too long. See docs/decisions/0010.
type GroupCommit struct {
	limit int // transactions at once; 0: one

	Mu      sync.Mutex
	Running int
	Waiting []*intakeRequest
}

const (
	// maxIntakes is how many shared transactions run at once on PostgreSQL, so that one that waits for a locked
	// customer does not block all requests.
	maxIntakes = 4
	// maxAlone is the number of calls from which a request runs by itself: it is large enough for a transaction.
	maxAlone = 64
	// maxShared is the maximum number of calls in a shared transaction.
	maxShared = 256
	// sharedTimeout bounds a shared transaction, which continues even if some of its callers have left.
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

func (in *GroupCommit) Take(ctx context.Context, now time.Time, calls []customer.SegmentCall, accept ingester) ([]customer.Receipt, error) {
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
		return nil, sqldb.DatabaseError(ctx.Err()) // the calls may be stored anyway; a repeat is a duplicate
	}
}

// next starts a transaction for the waiting requests in the place of one that has ended.
func (in *GroupCommit) next(accept ingester) {
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

// share runs requests in one transaction, and each by itself if that fails.
func share(group []*intakeRequest, unsafe ingester) {
	// No HTTP server is on this stack to confine a panic to its request.
	accept := func(ctx context.Context, now time.Time, calls []customer.SegmentCall) (receipts []customer.Receipt, err error) {
		defer func() {
			if p := recover(); p != nil {
				err = fmt.Errorf("panic while ingesting calls: %v\n%s", p, debug.Stack())
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
