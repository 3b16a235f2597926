package workflows

import (
	"testing"
	"time"
)

// What arrived before a time-out and is still on its way goes before it.
func TestOnTheirWay(t *testing.T) {
	t.Parallel()
	const steps = "  - wait_for: {event: Answered, then: [{exit: answered}]}\n    timeout: 1h\n  - exit: silence\n"
	for name, c := range map[string]struct {
		head    []string
		due     [][]string
		play    func(p *play)
		outcome string
		ends    time.Duration // after the start, at the earliest
	}{
		"the event comes": {
			due:     [][]string{{"e1"}, {"e1"}},
			play:    func(p *play) { p.event(time.Hour+400*time.Millisecond, "e1", "Answered", nil) },
			outcome: "answered",
		},
		"it comes, and fits no arm": {
			due:     [][]string{{"e1"}},
			play:    func(p *play) { p.event(time.Hour+100*time.Millisecond, "e1", "Looked", nil) },
			outcome: "silence",
		},
		"the goal goes before the end of the longest life": {
			head:    []string{"goal: {event: Bought}", "timeout: 30m"},
			due:     [][]string{{"e1"}},
			play:    func(p *play) { p.event(30*time.Minute+100*time.Millisecond, "e1", "Bought", nil) },
			outcome: Goal,
		},
		"it was taken before, and is only not marked": {
			due:     [][]string{{"e1"}},
			play:    func(p *play) { p.event(time.Minute, "e1", "Looked", nil) },
			outcome: "silence",
		},
		"it never comes: a delivery that cannot be made stops nobody for ever": {
			due:     [][]string{{"e1"}, {"e1"}, {"e1"}, {"e1"}, {"e1"}, {"e1"}, {"e1"}, {"e1"}, {"e1"}, {"e1"}, {"e1"}, {"e1"}},
			outcome: "silence", ends: time.Hour + time.Minute,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPlay(t, journeyOf(steps, c.head...))
			p.due = c.due
			if c.play != nil {
				c.play(p)
			}
			got := p.run()
			if got.Outcome != c.outcome {
				t.Errorf("outcome %q (%s), want %q", got.Outcome, got.Reason, c.outcome)
			}
			if took := p.env.Now().Sub(testStart); took < c.ends {
				t.Errorf("it ended after %s", took)
			}
		})
	}
}
