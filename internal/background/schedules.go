package background

import (
	"context"
	"time"

	"github.com/tabi-journeys/tabi/internal/clock"
)

// scheduleRest is the shortest rest between two looks at a moment that another process enters customers for.
const scheduleRest = 50 * time.Millisecond

// enterBySchedule enters a bounded number of the customers who are due.
func (j *Jobs) enterBySchedule(ctx context.Context) (more bool, err error) {
	return j.cfg.Schedules.RunSchedules(ctx, j.now(), clock.Wall())
}

// untilNextSchedule returns the time until the next moment of a schedule, so that customers enter on time although
// ScheduleEvery is long. It is at most ScheduleEvery, since another process may publish an earlier schedule.
func (j *Jobs) untilNextSchedule(ctx context.Context) (time.Duration, error) {
	wall := clock.Wall()
	next, err := j.cfg.Schedules.NextSchedule(ctx, j.cfg.Clock.At(wall))
	if err != nil || next.IsZero() {
		return j.cfg.ScheduleEvery, err
	}
	return min(max(j.cfg.Clock.Until(wall, next), scheduleRest), j.cfg.ScheduleEvery), nil
}
