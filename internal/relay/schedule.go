package relay

import (
	"context"
	"time"

	"go.uber.org/zap"

	"github.com/tabi-journeys/tabi/internal/clock"
)

// restSchedules is the shortest time between two looks at a moment that another relay goes through.
const restSchedules = 50 * time.Millisecond

// scheduleForEver enters customers by schedule: it sleeps until the next moment, at most ScheduleEvery, since
// another process may publish.
func (r *Relay) scheduleForEver(ctx context.Context) {
	failing := false
	for ctx.Err() == nil {
		wait, err := r.runSchedules(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil && !failing:
			failing = true
			r.cfg.Logger.Error("entries by schedule cannot be made; the relay goes on trying", zap.Error(err))
		case err == nil && failing:
			failing = false
			r.cfg.Logger.Info("entries by schedule are made again")
		}
		if wait <= 0 {
			continue
		}
		pause := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			pause.Stop()
			return
		case <-pause.C:
		}
	}
}

// runSchedules does a bounded part of what is due, and says how long there is nothing to do.
func (r *Relay) runSchedules(ctx context.Context) (time.Duration, error) {
	more, err := r.cfg.Store.RunSchedules(ctx, clock.Now(r.cfg.Clock), clock.Wall())
	if err != nil {
		return r.cfg.ScheduleEvery, err
	}
	if more {
		return 0, nil
	}
	wall := clock.Wall()
	next, err := r.cfg.Store.NextSchedule(ctx, r.cfg.Clock.At(wall))
	if err != nil || next.IsZero() {
		return r.cfg.ScheduleEvery, err
	}
	return min(max(r.cfg.Clock.Until(wall, next), restSchedules), r.cfg.ScheduleEvery), nil
}
