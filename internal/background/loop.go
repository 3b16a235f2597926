package background

import (
	"context"
	"time"

	"go.uber.org/zap"

	"github.com/tabi-journeys/tabi/internal/clock"
)

// job is work that is done page by page, forever.
type job struct {
	name  string // for the log, as in "recomputing intents failed"
	every time.Duration
	// page does a bounded part of the work, in one short transaction. more asks for the next page at once.
	page func(ctx context.Context) (more bool, err error)
	// rest returns how long to rest when there is nothing more to do. Default: every.
	rest func(ctx context.Context) (time.Duration, error)
	// late lets every pass before the first page, so that a process that is restarted often does not begin with it.
	late bool
}

// loop runs the job until ctx ends. It logs the first failure of a row and the recovery, so that an outage of an hour
// is two lines in the log and not one a second.
func (j job) loop(ctx context.Context, log *zap.Logger) {
	failing := false
	pause := time.Duration(0)
	if j.late {
		pause = j.every
	}
	for {
		if clock.Wait(ctx, clock.Wall().Add(pause)) != nil {
			return
		}
		var err error
		pause, err = j.step(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil && !failing:
			failing = true
			log.Error(j.name+" failed; retrying", zap.Error(err))
		case err == nil && failing:
			failing = false
			log.Info(j.name + " recovered")
		}
	}
}

// step does one page and returns how long to rest after it: not at all where there is more to do, and every after a
// failure.
func (j job) step(ctx context.Context) (time.Duration, error) {
	more, err := j.page(ctx)
	switch {
	case err != nil:
		return j.every, err
	case more:
		return 0, nil
	case j.rest == nil:
		return j.every, nil
	}
	pause, err := j.rest(ctx)
	if err != nil {
		return j.every, err
	}
	return pause, nil
}
