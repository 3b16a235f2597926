package relay

import (
	"context"
	"time"

	"go.uber.org/zap"

	"github.com/tabi-journeys/tabi/internal/clock"
)

// learnBatch is how many outcomes are learned in one transaction.
const learnBatch = 500

// learnForEver has the models learn what became of offers. Any number of relays may: each outcome is learned once.
func (r *Relay) learnForEver(ctx context.Context) {
	tick := time.NewTicker(r.cfg.LearnEvery)
	defer tick.Stop()
	failing := false
	for ctx.Err() == nil {
		n, err := r.cfg.Store.Learn(ctx, clock.Now(r.cfg.Clock), learnBatch)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil && !failing:
			failing = true
			r.cfg.Logger.Error("outcomes of offers cannot be learned; the relay goes on trying", zap.Error(err))
		case err == nil && failing:
			failing = false
			r.cfg.Logger.Info("outcomes of offers are learned again")
		}
		if err == nil && n == learnBatch {
			continue
		}
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
	}
}
