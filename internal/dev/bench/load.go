package main

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"go.temporal.io/sdk/client"

	"github.com/tabi-journeys/tabi/internal/clock"
)

// runLoad runs entrants through a variant, `slots` at a time, and returns how long it took. Each slot starts the next
// entrant before it delivers the event to the last one, so that an event arrives at a run that has waited for a
// while, as in production.
func runLoad(ctx context.Context, v variant, all []entrant, slots int) (time.Duration, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var next atomic.Int64
	var busy sync.WaitGroup
	began := clock.Wall()
	for range slots {
		busy.Go(func() {
			var last entrant
			var run client.WorkflowRun
			for ctx.Err() == nil {
				at := int(next.Add(1)) - 1
				var started client.WorkflowRun
				var err error
				if at < len(all) {
					if started, err = v.start(ctx, all[at]); err != nil {
						cancel(fmt.Errorf("%s: start: %w", v.name, err))
						return
					}
				}
				if run != nil {
					for _, e := range last.events {
						if err := v.deliver(ctx, last, e); err != nil {
							cancel(fmt.Errorf("%s: event: %w", v.name, err))
							return
						}
					}
					if err := awaitOutcome(ctx, run, v); err != nil {
						cancel(fmt.Errorf("%s: %w", v.name, err))
						return
					}
				}
				if started == nil {
					return
				}
				last, run = all[at], started
			}
		})
	}
	busy.Wait()
	return clock.Wall().Sub(began), context.Cause(ctx)
}
