package relay

import (
	"context"
	"time"

	"go.uber.org/zap"

	"github.com/tabi-journeys/tabi/internal/clock"
)

// prunePage is how many decisions are deleted in one transaction, and of how many customers spent evidence is
// looked for at a time.
const prunePage = 500

// pruneForEver deletes what is kept no longer. Any number of relays may: each walks through all customers by itself.
func (r *Relay) pruneForEver(ctx context.Context) {
	tick := time.NewTicker(r.cfg.PruneEvery)
	defer tick.Stop()
	failing, after := false, ""
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		for more := true; more && ctx.Err() == nil; {
			pruned, err := r.cfg.Store.Prune(ctx, clock.Now(r.cfg.Clock), r.cfg.Keep, after, prunePage)
			switch {
			case ctx.Err() != nil:
				return
			case err != nil && !failing:
				failing = true
				r.cfg.Logger.Error("what is kept no longer cannot be deleted; the relay goes on trying", zap.Error(err))
			case err == nil && failing:
				failing = false
				r.cfg.Logger.Info("what is kept no longer is deleted again")
			}
			after, more = pruned.Next, pruned.More && err == nil
		}
	}
}
