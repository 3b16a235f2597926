package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tabi-journeys/tabi/internal/clock"
)

// pollTimeout bounds what should take moments.
const pollTimeout = 2 * time.Minute

var errLate = errors.New("not done")

// poll calls ok every few milliseconds until it is true.
func poll(ctx context.Context, ok func() (bool, error)) error {
	return pollFor(ctx, pollTimeout, 5*time.Millisecond, ok)
}

// pollFor calls ok at intervals, for no longer than limit.
func pollFor(ctx context.Context, limit, every time.Duration, ok func() (bool, error)) error {
	tick := time.NewTicker(every)
	defer tick.Stop()
	end := clock.Wall().Add(limit)
	for {
		done, err := ok()
		if err != nil || done {
			return err
		}
		if clock.Wall().After(end) {
			return fmt.Errorf("%w within %s", errLate, limit)
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
	}
}
