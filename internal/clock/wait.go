package clock

import (
	"context"
	"time"
)

// Wait blocks until a moment of wall time, or until ctx ends; the zero time is past.
func Wait(ctx context.Context, until time.Time) error {
	left := until.Sub(Wall())
	if until.IsZero() || left <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(left)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
