package relay

import (
	"context"
	"testing"
	"time"

	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/store"
)

// The relay has outcomes learned, and stops with its context.
func TestRelayLearns(t *testing.T) {
	b := setup(t)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	content := &journey.Content{Journeys: map[string]*journey.Definition{}, Messages: map[string]*journey.Message{}, Rules: journey.Rules{
		Groups: map[string][]string{"offers": {"gift"}},
		Actions: map[string]*journey.Action{"gift": {Name: "gift", Group: "offers", Value: "1", Propensity: 0.5,
			Accept: &journey.Accept{Events: []string{"Accepted"}, Within: time.Hour}}},
	}}
	if _, err := b.store.Publish(ctx, at, content); err != nil {
		t.Fatal(err)
	}
	if _, err := b.store.DecideInbound(ctx, at, store.Inbound{UserID: "ana", Group: "offers", RequestID: "r1"}); err != nil {
		t.Fatal(err)
	}
	if _, err := b.store.Ingest(ctx, at, []store.Call{{Type: "track", MessageID: "a1", UserID: "ana", Event: "Accepted"}}); err != nil {
		t.Fatal(err)
	}
	b.relay.cfg.LearnEvery = 5 * time.Millisecond
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		b.relay.learnForEver(ctx)
	}()
	look := time.NewTicker(2 * time.Millisecond)
	defer look.Stop()
	for range look.C {
		p, err := b.store.DecideInbound(ctx, at, store.Inbound{UserID: "ana", Group: "offers", Preview: true})
		if err != nil {
			t.Fatal(err)
		}
		if p.Candidates[0].Evidence > 2 { // the starting belief alone is worth 2
			break
		}
	}
	stop()
	<-ended
}
