package background

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/tabi-journeys/tabi/internal/customer"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/offer"
	"github.com/tabi-journeys/tabi/internal/retention"
)

func TestLoopLogsFailureAndRecoveryOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		core, logs := observer.New(zapcore.InfoLevel)
		ctx, stop := context.WithCancel(t.Context())
		pages := 0
		j := job{name: "counting sheep", every: time.Minute, late: true, page: func(context.Context) (bool, error) {
			switch pages++; pages {
			case 2, 3:
				return true, errors.New("no sheep") // rests although more is to be done
			case 4:
				return true, nil // the next page follows at once
			case 6:
				stop()
			}
			return false, nil
		}}
		began := time.Now()
		j.loop(ctx, zap.New(core))
		if took := time.Since(began); took != 5*time.Minute || pages != 6 {
			t.Errorf("%d pages took %s", pages, took)
		}
		var said []string
		for _, entry := range logs.All() {
			said = append(said, entry.Message)
		}
		if !slices.Equal(said, []string{"counting sheep failed; retrying", "counting sheep recovered"}) {
			t.Error(said)
		}
	})
}

// After a release that weighs evidence differently, intents are recomputed though no event arrives.
func TestIntentsAreRecomputed(t *testing.T) {
	s := setup(t)
	release := func(weight string) {
		t.Helper()
		s.publish(map[string]string{
			"waiting.yaml": "journey: waiting\nentry: {event: Hello}\ngoal: {event: Bye}\nsteps:\n" +
				"  - wait_for: {intent: churn, above: 0.6}\n    timeout: 30d\n",
			"intents.yaml": "intents:\n  churn:\n    half_life: 3d\n    evidence:\n      - {event: Cancel Page Viewed, weight: " + weight +
				"}\n",
		})
	}
	release("0.1")
	const n = 2*intentPage + 1
	var calls []customer.SegmentCall
	for i := range n {
		for _, event := range []string{"Hello", "Cancel Page Viewed"} {
			calls = append(calls, customer.SegmentCall{Type: "track", MessageID: fmt.Sprint(event, i), UserID: fmt.Sprintf("c%03d", i),
				Event: event})
		}
	}
	s.ingest(calls...)
	pending := func() int64 {
		counts, err := s.store.Analytics.Counts(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return counts.Pending
	}
	before := pending()
	release("2")
	s.cfg.Clock, s.cfg.IntentEvery = from(at, 1), 10*time.Millisecond
	s.play("all to be notified", func() bool { return pending() == before+n })
}

func TestOutcomesAreLearned(t *testing.T) {
	s := setup(t)
	s.release(offers(&journey.Accept{Events: []string{"Accepted"}, Within: time.Hour}))
	s.decides(at, "r1")
	s.ingest(customer.SegmentCall{Type: "track", MessageID: "a1", UserID: "ana", Event: "Accepted"})
	s.cfg.LearnEvery = 5 * time.Millisecond
	s.play("the model to learn", func() bool {
		p, err := s.store.Offers.DecideInbound(t.Context(), at, offer.Inbound{UserID: "ana", Group: "offers", Preview: true})
		if err != nil {
			t.Fatal(err)
		}
		return p.Candidates[0].Evidence > 2 // the prior counts as 2
	})
}

func TestOldDecisionsAreDeleted(t *testing.T) {
	s := setup(t)
	s.release(offers(nil))
	for _, age := range []time.Duration{0, 48 * time.Hour} {
		s.decides(at.Add(-age), age.String())
	}
	s.cfg.Clock, s.cfg.Keep, s.cfg.PruneEvery = from(at, 1),
		retention.Policy{retention.Decisions: 24 * time.Hour}, 5*time.Millisecond
	s.play("the old decision to be deleted", func() bool {
		left, err := s.store.Offers.Decisions(t.Context(), offer.DecisionFilter{})
		if err != nil {
			t.Fatal(err)
		}
		return len(left) == 1
	})
}
