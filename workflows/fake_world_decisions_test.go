package workflows

import (
	"context"
	"math"
	"strings"
	"time"

	"github.com/tabi-journeys/tabi/internal/clock"
	"github.com/tabi-journeys/tabi/internal/journey/lint"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// brain is what the world knows about intents, actions and replies.
type brain struct {
	scores   map[string]score
	gauges   []contract.Levels
	decide   func(n int, d contract.Decide) (contract.DecideResult, error) // nil: the first action, by email; n counts from 1
	decided  []contract.Decide
	reply    func(r contract.Reply) contract.ReplyResult // nil: the first arm
	replies  []contract.Reply
	clock    clock.Clock   // that scores go by
	misfades time.Duration // what the world prints fading comes so much too early
}

// score is the score of an intent at a moment. It fades with its half-life.
type score struct {
	value float64
	at    time.Time
	half  time.Duration
}

func strength(score float64) float64 { return -math.Log(1 - score) }

// now is the score that is left of it.
func (s score) now(t time.Time) float64 {
	return 1 - math.Exp(-strength(s.value)*math.Exp2(-t.Sub(s.at).Hours()/s.half.Hours()))
}

// falls is when it will be below x, on a whole second.
func (s score) falls(x float64) time.Time {
	left := time.Duration(math.Log2(strength(s.value)/strength(x)) * float64(s.half))
	return s.at.Add(left).Truncate(time.Second).Add(time.Second)
}

// feels sets a score, which halves its strength in a day.
func (w *world) feels(intent string, value float64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.scores == nil {
		w.scores = map[string]score{}
	}
	w.scores[intent] = score{value, w.clock.At(w.now()), 24 * time.Hour}
}

func (w *world) doLevels(_ context.Context, in contract.Levels) (contract.LevelsResult, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.gauges = append(w.gauges, in)
	now := in.Clock.At(w.now())
	result := contract.LevelsResult{Hold: make([]bool, len(in.Levels))}
	for i, level := range in.Levels {
		s, known := w.scores[level.Intent]
		value := 0.0
		if known {
			value = s.now(now)
		}
		result.Hold[i] = level.Holds(value)
		if level.Below == nil || result.Hold[i] || *level.Below == 0 {
			continue
		}
		if at := s.falls(*level.Below).Add(-w.misfades); result.Fade.IsZero() || at.Before(result.Fade) {
			result.Fade = at
		}
	}
	w.misfades /= 2
	return result, nil
}

func (w *world) doDecide(_ context.Context, in contract.Decide) (contract.DecideResult, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.decided = append(w.decided, in)
	w.note("decide %s (%s)", in.Spec.Group, strings.TrimPrefix(in.Key, in.Enrollment+"/"))
	if w.decide != nil {
		return w.decide(len(w.decided), in)
	}
	return offered(contract.StatusSent, "")(0, in)
}

// offered is a decision for the discount by email, with the status of its send.
func offered(status, reason string) func(int, contract.Decide) (contract.DecideResult, error) {
	return func(int, contract.Decide) (contract.DecideResult, error) {
		return contract.DecideResult{
			SendResult: contract.SendResult{Status: status, Reason: reason, Channel: "email"},
			Action:     "discount",
			Message:    "hello",
			Propensity: 0.25,
			Priority:   3.2,
		}, nil
	}
}

// nobody is a decision for nothing.
func nobody(reason string) func(int, contract.Decide) (contract.DecideResult, error) {
	return func(int, contract.Decide) (contract.DecideResult, error) {
		return contract.DecideResult{SendResult: contract.SendResult{Status: contract.StatusSuppressed, Reason: reason}}, nil
	}
}

func (w *world) doReply(_ context.Context, in contract.Reply) (contract.ReplyResult, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.replies = append(w.replies, in)
	w.note("read %s for %s", in.Event, in.Step)
	if w.reply != nil {
		return w.reply(in), nil
	}
	return contract.ReplyResult{Arm: 0, Intent: in.Arms[0].Intent, Confidence: 0.83}, nil
}

// understands reads replies by the ids of their events: the number of the arm, from 0.
func understands(arms map[string]int) func(contract.Reply) contract.ReplyResult {
	return func(in contract.Reply) contract.ReplyResult {
		arm, ok := arms[in.Event]
		if !ok || arm < 0 {
			return contract.ReplyResult{Arm: -1}
		}
		result := contract.ReplyResult{Arm: arm, Intent: in.Arms[arm].Intent}
		if result.Intent != "" {
			result.Confidence = 0.83
		}
		if in.Text {
			result.Text = "text of " + in.Event
		}
		return result
	}
}

// heldUntil answers that quiet hours hold the send until some moments after the start, one after the other;
// then it is sent.
func heldUntil(moments ...time.Duration) func(int, contract.Send) (contract.SendResult, error) {
	return func(n int, _ contract.Send) (contract.SendResult, error) {
		if n > len(moments) {
			return contract.SendResult{Status: contract.StatusSent, Channel: "push"}, nil
		}
		return contract.SendResult{Status: contract.StatusHeld, Until: testStart.Add(moments[n-1])}, nil
	}
}

// brainFiles are intents and actions that the journeys of tests name.
var brainFiles = []lint.File{
	{
		Name: "intents.yaml",
		Data: []byte(
			"intents:\n  complaint: {half_life: 1d, evidence: [{event: Call Ended, weight: 1}]}\n  purchase: {half_life: 1d, " +
				"evidence: [{event: Viewed, weight: 1}]}\n  refund: {half_life: 1d, evidence: [{event: Call Ended, weight: 1}]}\n",
		),
	},
	{
		Name: "actions/offers.yaml",
		Data: []byte("group: offers\nactions:\n  discount: {message: hello, value: 3}\n  gift: {message: bye, value: 2}\n"),
	},
}
