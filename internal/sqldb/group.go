package sqldb

import (
	"context"
	"sync"
)

// Group lets small requests share a transaction, as databases do in a group commit: requests that arrive while a
// transaction runs wait for the next one, which takes all of them. If none runs, a request starts at once and alone, so
// nobody waits for others to arrive. The zero value is ready to use. See docs/decisions/0010.
type Group[T any] struct {
	Limit int // transactions at once; 0: one

	Mu      sync.Mutex
	Running int
	Waiting []*Waiting[T]
}

// Waiting is a request that waits for a shared transaction.
type Waiting[T any] struct {
	ctx    context.Context
	item   T
	weight int
	done   chan struct{}
}

// maxShared is the largest sum of weights in a shared transaction.
const maxShared = 256

// Do calls alone if a transaction may start at once, and else puts the request to those that wait: shared gets some of these, and
// calls done with the index of each, once its outcome is known. An error means that ctx ended before that: the request may be
// carried out all the same.
func (g *Group[T]) Do(ctx context.Context, item T, weight int, alone func(), shared func(items []T, done func(int))) error {
	g.Mu.Lock()
	if g.Running < max(g.Limit, 1) {
		g.Running++
		g.Mu.Unlock()
		defer g.next(shared)
		alone()
		return nil
	}
	w := &Waiting[T]{ctx, item, weight, make(chan struct{})}
	g.Waiting = append(g.Waiting, w)
	g.Mu.Unlock()
	select {
	case <-w.done:
		return nil
	case <-ctx.Done():
		return DatabaseError(ctx.Err())
	}
}

// next starts a transaction for the waiting requests in the place of one that has ended.
func (g *Group[T]) next(shared func(items []T, done func(int))) {
	g.Mu.Lock()
	defer g.Mu.Unlock()
	var group []*Waiting[T]
	var items []T
	weight := 0
	for len(g.Waiting) > 0 {
		w := g.Waiting[0]
		if len(group) > 0 && weight+w.weight > maxShared {
			break
		}
		g.Waiting[0], g.Waiting = nil, g.Waiting[1:]
		if w.ctx.Err() == nil { // else its caller has left
			group, items = append(group, w), append(items, w.item)
			weight += w.weight
		}
	}
	if len(group) == 0 {
		g.Running--
		return
	}
	go func() {
		defer g.next(shared)
		shared(items, func(i int) { close(group[i].done) })
	}()
}
