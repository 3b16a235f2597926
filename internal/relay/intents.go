package relay

import (
	"context"
	"time"

	"go.uber.org/zap"

	"github.com/tabi-journeys/tabi/internal/clock"
)

// intentPage is how many customers' intents are summed up anew in one transaction: who acts meanwhile waits for it.
const intentPage = 10

// refreshIntents sums intents up anew when a release has defined them otherwise. Between two looks it rests for
// IntentEvery, since another process may publish.
func (r *Relay) refreshIntents(ctx context.Context) {
	tick := time.NewTicker(r.cfg.IntentEvery)
	defer tick.Stop()
	failing := false
	for ctx.Err() == nil {
		more, err := r.cfg.Store.RefreshIntents(ctx, clock.Now(r.cfg.Clock), intentPage)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil && !failing:
			failing = true
			r.cfg.Logger.Error("intents cannot be summed up anew; the relay goes on trying", zap.Error(err))
		case err == nil && failing:
			failing = false
			r.cfg.Logger.Info("intents are summed up anew again")
		}
		if more && err == nil {
			continue
		}
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
	}
}
