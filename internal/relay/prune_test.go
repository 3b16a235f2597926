package relay

import (
	"context"
	"testing"
	"time"

	"github.com/tabi-journeys/tabi/internal/clock"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/store"
)

// The relay deletes what is kept no longer, and stops with its context.
func TestRelayPrunes(t *testing.T) {
	b := setup(t)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	content := &journey.Content{Journeys: map[string]*journey.Definition{}, Messages: map[string]*journey.Message{}, Rules: journey.Rules{
		Groups: map[string][]string{
			"offers": {"gift"},
		}, Actions: map[string]*journey.Action{"gift": {Name: "gift", Group: "offers", Value: "1", Propensity: 0.5}},
	}}
	if _, err := b.store.Publish(ctx, at, content); err != nil {
		t.Fatal(err)
	}
	for _, age := range []time.Duration{0, 48 * time.Hour} {
		if _, err := b.store.DecideInbound(ctx, at.Add(-age), store.Inbound{UserID: "ana", Group: "offers", RequestID: age.String()}); err != nil {
			t.Fatal(err)
		}
	}
	b.relay.cfg.Clock = journey.Clock{Origin: at, Epoch: clock.Wall(), Scale: 1}
	b.relay.cfg.Keep, b.relay.cfg.PruneEvery = 24*time.Hour, 5*time.Millisecond
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		b.relay.pruneForEver(ctx)
	}()
	look := time.NewTicker(2 * time.Millisecond)
	defer look.Stop()
	for range look.C {
		left, err := b.store.Decisions(ctx, store.DecisionFilter{})
		if err != nil {
			t.Fatal(err)
		}
		if len(left) == 1 {
			break
		}
	}
	stop()
	<-ended
}
