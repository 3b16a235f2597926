package workflows

import (
	"strings"
	"time"

	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// brainShapes are journeys by what the brain decides: levels of intents, decisions, questions, quiet hours.
func brainShapes() []shape {
	held := func(d time.Duration) func(w *world) {
		return func(w *world) {
			w.send = func(n int, s contract.Send) (contract.SendResult, error) {
				if n > 1 {
					return contract.SendResult{Status: contract.StatusSent, Channel: "push"}, nil
				}
				return contract.SendResult{Status: contract.StatusHeld, Until: s.Clock.At(w.now()).Add(d)}, nil
			}
		}
	}
	decides := func(decide func(int, contract.Decide) (contract.DecideResult, error)) func(w *world) {
		return func(w *world) { w.decide, w.deliver = decide, failing(1) }
	}
	answers := func(arms map[string]int) func(w *world) {
		return func(w *world) { w.reply = understands(arms) }
	}
	writes := event(journey.MessageReceived, map[string]any{"channel": "push"})
	feels := func(intent string, value float64, by string) func(*session) {
		return func(s *session) {
			s.world.feels(intent, value)
			if by == "" {
				s.scores()
				return
			}
			s.event(by, nil)
		}
	}
	felt := func(intent string, value float64) func(w *world) {
		return func(w *world) { w.feels(intent, value) }
	}
	tired := strings.Replace(
		oneQuestion,
		"[{id: late, exit: late}]",
		"[{id: n, set: {vars.n: vars.n + 1}}, {id: back, go_to: q, when: vars.n < 2}, {id: late, exit: late}]",
		1,
	)
	renamed := strings.Replace(oneQuestion, "id: q", "id: z", 1)
	long := strings.Replace(oneQuestion, "timeout: 4h", "timeout: 9d", 1)
	const away = "  - {id: w, wait: 9d}\npaths:\n  away:\n    - {id: r, wait: 1h}\n"
	return []shape{
		{name: "decide", source: journeyOf(oneDecision)},
		{name: "decide-none", source: journeyOf(oneDecision), world: decides(nobody("NOT_ELIGIBLE"))},
		{
			name:   "decide-chosen",
			source: journeyOf("  - {id: d, decide: [discount, gift], send: false}\n"),
			world:  decides(offered(contract.StatusChosen, "")),
		},
		{name: "decide-delivered", source: journeyOf(oneDecision), world: decides(offered(contract.StatusRetry, ""))},
		{
			name:   "ask-answered",
			source: journeyOf(long),
			world:  answers(map[string]int{"ev-2": 0}),
			do:     []func(*session){func(s *session) { writes(s); writes(s) }},
		},
		{name: "ask-timed-out", source: journeyOf(oneQuestion)},
		{name: "ask-second-try", source: journeyOf("  - {id: first, wait: 1h}\n"+tired, "vars: {n: 0}")},
		{name: "ask-held", source: journeyOf(oneQuestion), world: held(9 * time.Hour), do: []func(*session){writes}},
		{
			name:   "ask-renewed",
			renews: true,
			source: journeyOf(strings.Replace(oneQuestion, "4h", "2d", 1)),
			do:     []func(*session){event("Noise", nil)},
		},
		{
			name:   "ask-migrated",
			source: journeyOf(long),
			world:  answers(map[string]int{"ev-2": 0}),
			do:     []func(*session){func(s *session) { s.migrate(journeyOf(renamed), map[string]string{"q": "z"}) }, writes},
		},
		{name: "held", source: journeyOf(oneSend), world: held(9 * time.Hour)},
		{
			name:   "held-renewed",
			renews: true,
			source: journeyOf(oneSend),
			world:  held(2 * 24 * time.Hour),
			do:     []func(*session){event("Noise", nil)},
		},
		{name: "held-migrated", source: journeyOf(oneSend), world: held(2 * 24 * time.Hour), do: []func(*session){func(s *session) {
			s.migrate(journeyOf(strings.Replace(oneSend, "id: s", "id: z", 1)), map[string]string{"s": "z"})
		}}},
		{
			name:   "held-rerouted",
			source: journeyOf("  - {id: s, send: hello, via: email}\n"+away, "reroute: [{intent: complaint, above: 0.5, go_to: away}]"),
			world:  held(9 * 24 * time.Hour),
			do:     []func(*session){feels("complaint", 0.6, "Call Ended")},
		},
		{
			name:   "level-above",
			source: journeyOf(strings.Replace(oneLevel, "40h", "9d", 1)),
			world:  felt("purchase", 0.999),
			do: []func(*session){func(s *session) {
				feels("complaint", 0.2, "Viewed")(s)
				feels("complaint", 0.6, "Call Ended")(s)
			}},
		},
		{
			name:   "level-set",
			source: journeyOf("  - {id: w, wait_for: {intent: complaint, above: 0.5}, timeout: 9d}\n"),
			do:     []func(*session){feels("complaint", 0.6, "")},
		},
		{name: "level-faded", source: journeyOf(oneLevel), world: felt("purchase", 0.75)},
		{
			name:   "reroute-level",
			source: journeyOf(away, "reroute: [{intent: complaint, above: 0.5, go_to: away}]"),
			do:     []func(*session){feels("complaint", 0.6, "Call Ended")},
		},
		{
			name:   "reroute-faded",
			source: journeyOf(away, "reroute: [{intent: purchase, below: 0.5, go_to: away}]"),
			world:  felt("purchase", 0.75),
		},
	}
}
