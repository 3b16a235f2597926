package activities

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.temporal.io/sdk/temporal"

	"github.com/tabi-journeys/tabi/internal/customer"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

func TestReply(t *testing.T) {
	b := setup(t, nil)
	_, content, err := b.store.Catalog.Content(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	next := *content
	next.Intents = map[string]*journey.Intent{
		"accept": {
			Name:     "accept",
			HalfLife: time.Hour,
			Examples: []string{"yes please", "はい、お願いします"},
		}, "decline": {Name: "decline", HalfLife: time.Hour, Examples: []string{"no thanks", "いいえ"}},
	}
	now := time.Date(2026, 3, 2, 9, 30, 0, 0, time.UTC)
	if _, err := b.store.Catalog.Publish(t.Context(), now, &next); err != nil {
		t.Fatal(err)
	}
	arms := []journey.ReplyArm{{Intent: "accept"}, {Matches: `(?i)\bmaybe\b`}, {Intent: "decline"}}
	for id, c := range map[string]struct {
		customer   string
		properties map[string]any
		arms       []journey.ReplyArm
		want       contract.ReplyResult
	}{
		"as an intent":        {"ana", map[string]any{"text": "Yes please!"}, arms, contract.ReplyResult{Arm: 0, Intent: "accept"}},
		"in another language": {"ana", map[string]any{"text": "いいえ。"}, arms, contract.ReplyResult{Arm: 2, Intent: "decline"}},
		"by a pattern":        {"ana", map[string]any{"text": "Hm, maybe"}, arms, contract.ReplyResult{Arm: 1}},
		"of none":             {"ana", map[string]any{"text": "zzz"}, arms, contract.ReplyResult{Arm: -1}},
		"anything": {"ana", map[string]any{"text": "zzz"}, []journey.ReplyArm{{Intent: "accept"}, {Any: true}},
			contract.ReplyResult{Arm: 1}},
		"without text": {"ana", map[string]any{"photo": "p1"}, []journey.ReplyArm{{Any: true}}, contract.ReplyResult{Arm: 0}},
		"to this step": {"ana", map[string]any{"text": "no thanks", "journey": "news", "step": "question"}, arms,
			contract.ReplyResult{Arm: 2, Intent: "decline"}},
		"to another step":    {"ana", map[string]any{"text": "no thanks", "step": "hello"}, arms, contract.ReplyResult{Arm: -1}},
		"to another journey": {"ana", map[string]any{"text": "no thanks", "journey": "shop"}, arms, contract.ReplyResult{Arm: -1}},
		"of somebody else":   {"ben", map[string]any{"text": "no thanks"}, arms, contract.ReplyResult{Arm: -1}},
		"first arm that fits": {"ana", map[string]any{"text": "yes please"}, []journey.ReplyArm{{Matches: "yes"}, {Intent: "accept"}},
			contract.ReplyResult{Arm: 0, Intent: "accept"}},
	} {
		t.Run(id, func(t *testing.T) {
			call := customer.SegmentCall{
				Type:       "track",
				MessageID:  id,
				UserID:     c.customer,
				Event:      journey.MessageReceived,
				Properties: c.properties,
			}
			if _, err := b.store.Intake.Ingest(t.Context(), now, []customer.SegmentCall{call}); err != nil {
				t.Fatal(err)
			}
			in := contract.Reply{Ref: b.ref, Event: id, Step: "question", Arms: c.arms}
			for _, text := range []bool{false, true} {
				in.Text = text
				got, err := b.activities.Reply(t.Context(), in)
				if err != nil {
					t.Fatal(err)
				}
				if (got.Intent != "") != (got.Confidence > 0.6) {
					t.Errorf("intent %q with confidence %v", got.Intent, got.Confidence)
				}
				want := c.want
				if got.Confidence = 0; text && want.Arm >= 0 {
					want.Text, _ = c.properties["text"].(string)
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Error(diff)
				}
			}
		})
	}
	if got, err := b.activities.Reply(t.Context(), contract.Reply{Ref: b.ref, Event: "unknown", Step: "question",
		Arms: arms}); err != nil ||
		got.Arm != -1 {
		t.Errorf("a message that is not there: %v, %v", got, err)
	}
	stranger := b.ref
	stranger.Chain = "another"
	var typed *temporal.ApplicationError
	if _, err := b.activities.Reply(t.Context(), contract.Reply{Ref: stranger, Event: "of none", Step: "question", Arms: arms}); !errors.As(
		err,
		&typed,
	) ||
		typed.Type() != contract.Superseded {
		t.Errorf("on behalf of another run: %v", err)
	}
}
