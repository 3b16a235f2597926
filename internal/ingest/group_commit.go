package ingest

import (
	"context"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/tabi-journeys/tabi/internal/customer"
	"github.com/tabi-journeys/tabi/internal/sqldb"
)

// GroupCommit lets small requests share a transaction: see sqldb.Group.
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
	sqldb.Group[*intakeRequest]
}

const (
	// maxIntakes is how many shared transactions run at once on PostgreSQL, so that one that waits for a locked
	// customer does not block all requests.
	maxIntakes = 4
	// maxAlone is the number of calls from which a request runs by itself: it is large enough for a transaction.
	maxAlone = 64
	// sharedTimeout bounds a shared transaction, which continues even if some of its callers have left.
	sharedTimeout = 30 * time.Second
)

type intakeRequest struct {
	ctx      context.Context
	now      time.Time
	calls    []customer.SegmentCall
	receipts []customer.Receipt
	err      error
}

type ingester func(ctx context.Context, now time.Time, calls []customer.SegmentCall) ([]customer.Receipt, error)

func (in *GroupCommit) Take(ctx context.Context, now time.Time, calls []customer.SegmentCall, accept ingester) ([]customer.Receipt, error) {
	if len(calls) >= maxAlone {
		return accept(ctx, now, calls)
	}
	r := &intakeRequest{ctx: ctx, now: now, calls: calls}
	left := in.Do(ctx, r, len(calls), func() {
		r.receipts, r.err = accept(ctx, now, calls)
	}, func(group []*intakeRequest, done func(int)) {
		share(group, done, accept)
	})
	if left != nil { // the calls may be stored anyway; a repeat is a duplicate
		return nil, left
	}
	return r.receipts, r.err
}

// share runs requests in one transaction, and each by itself if that fails.
func share(group []*intakeRequest, done func(int), unsafe ingester) {
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
			for i, r := range group {
				r.receipts, receipts = receipts[:len(r.calls):len(r.calls)], receipts[len(r.calls):]
				done(i)
			}
			return
		}
	}
	for i, r := range group {
		r.receipts, r.err = accept(r.ctx, r.now, r.calls)
		done(i)
	}
}
