package workflows

import (
	"fmt"
	"testing"
	"time"

	"github.com/tabi-journeys/tabi/workflows/contract"
)

// What arrived before a time-out and is still on its way goes before it.
func TestDeadlineWaitsForUndeliveredEvents(t *testing.T) {
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
			outcome: contract.Goal,
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

// An enrollment that is woken late handles first what has arrived by then. What arrived after its step was due
// belongs to the next step.
func TestWokenLate(t *testing.T) {
	t.Parallel()
	const (
		waits   = "  - wait: 1h\n  - wait_for: {event: Answered, then: [{exit: answered}]}\n    timeout: 1h\n  - exit: silence\n"
		answers = "  - wait_for: {event: Asked, then: [{exit: asked}]}\n    timeout: 1h\n" +
			"  - wait_for: {event: Answered, then: [{exit: answered}]}\n    timeout: 1h\n  - exit: silence\n"
	)
	for name, c := range map[string]struct {
		steps    string
		head     []string
		received time.Duration // behind the moment the first step was due
		outcome  string
	}{
		"behind a wait":                  {steps: waits, received: time.Millisecond, outcome: "answered"},
		"at the moment the wait was due": {steps: waits, outcome: "silence"},
		"before the wait was due":        {steps: waits, received: -time.Millisecond, outcome: "silence"},
		"behind a wait_for that ran out": {steps: answers, received: time.Millisecond, outcome: "answered"},
		"before the wait_for ran out":    {steps: answers, received: -time.Millisecond, outcome: "silence"},
		"the goal, though it came after the due": {steps: waits, head: []string{"goal: {event: Answered}"}, received: time.Millisecond,
			outcome: contract.Goal},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPlay(t, journeyOf(c.steps, c.head...))
			p.due = [][]string{{"e1"}, {"e1"}}
			late := p.deliveryOf("e1", "Answered", nil)
			late.Received = testStart.Add(time.Hour + c.received)
			p.at(time.Hour+100*time.Millisecond, func() { p.update("e1", late) })
			if got := p.run(); got.Outcome != c.outcome {
				t.Errorf("outcome %q (%s), want %q", got.Outcome, got.Reason, c.outcome)
			}
		})
	}
}

// A late run waits for what has arrived by now, but not forever: a stream of events does not hold the deadline up.
func TestCatchUpIsBoundedInAStreamOfEvents(t *testing.T) {
	t.Parallel()
	p := newPlay(t, journeyOf("  - wait: 1h\n", "goal: {event: Bought}"))
	var asked []time.Duration
	p.onDue = func(in contract.Due) { asked = append(asked, in.At.Sub(testStart)) }
	const events = 3 * catchUpTries
	for i := range events {
		id := fmt.Sprintf("e%d", i)
		p.due = append(p.due, []string{id})
		p.event(time.Hour+time.Duration(i+1)*100*time.Millisecond, id, "Looked", nil)
	}
	p.run()
	if len(asked) != events+1 || asked[0] != time.Hour {
		t.Fatalf("asked for what came until %v", asked)
	}
	last := asked[catchUpTries-1]
	if want := time.Hour + (catchUpTries-1)*100*time.Millisecond; last != want {
		t.Errorf("the last time that it asked until now it asked until %s, want %s", last, want)
	}
	for _, at := range asked[catchUpTries:] {
		if at != last {
			t.Errorf("behind that it asked until %s", at)
		}
	}
}

// A wait that a trait moves into the past is over when that trait arrived: what arrived during the wait does
// not belong to the next step.
func TestWaitThatIsMovedIntoThePast(t *testing.T) {
	t.Parallel()
	const steps = "  - wait: {until: customer.end}\n  - wait_for: {event: Answered, then: [{exit: answered}]}\n    timeout: 1h\n  - " +
		"exit: silence\n"
	for name, c := range map[string]struct {
		answered time.Duration
		outcome  string
	}{
		"an answer before":   {10 * time.Hour, "silence"},
		"an answer after it": {20*time.Hour + time.Minute, "answered"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPlay(t, journeyOf(steps))
			p.customer["end"] = testStart.Add(48 * time.Hour).Format(time.RFC3339)
			comes := func(d time.Duration, id, name string, traits ...string) {
				e := p.deliveryOf(id, name, nil)
				e.Received, e.Event.Traits = testStart.Add(d), traits
				p.at(d, func() {
					if len(traits) > 0 {
						p.mu.Lock()
						p.customer["end"] = testStart.Add(time.Hour).Format(time.RFC3339)
						p.mu.Unlock()
					}
					p.update(id, e)
				})
			}
			comes(c.answered, "e1", "Answered")
			comes(20*time.Hour, "e2", "Customer Updated", "end")
			if got := p.run(); got.Outcome != c.outcome {
				t.Errorf("outcome %q (%s), want %q", got.Outcome, got.Reason, c.outcome)
			}
		})
	}
}

// A run that begins late, because Temporal was away at the entry, counts its first waits from the entry: what the customer did
// meanwhile belongs to the step that would have been there.
func TestFirstWaitCountsFromTheEntry(t *testing.T) {
	t.Parallel()
	const (
		late     = 90 * time.Minute // from the entry to the start of the run
		answered = "  - wait_for: {event: Answered, then: [{exit: answered}]}\n    timeout: 2h\n  - exit: silence\n"
		waits    = "  - wait: 1h\n" + answered
		asks     = "  - send: hello\n    via: log\n    category: transactional\n  - wait: 1h\n" + answered
		twice    = "  - wait_for: {event: Answered, then: [{exit: first}]}\n    timeout: 1h\n" + answered
		inOrder  = "  - wait: 1h\n  - wait_for: {event: Asked, then: [{set: {vars.asked: true}}]}\n    timeout: 2h\n" + answered
	)
	for name, c := range map[string]struct {
		steps    string
		asked    time.Duration // after the entry, of an event before the answer; 0: none
		answered time.Duration // after the entry; 0: none
		outcome  string
		ends     time.Duration // after the start of the run, at the earliest
	}{
		"after the wait":                   {steps: waits, answered: 70 * time.Minute, outcome: "answered"},
		"during the wait":                  {steps: waits, answered: 50 * time.Minute, outcome: "silence", ends: 90 * time.Minute},
		"there was none":                   {steps: waits, outcome: "silence", ends: 90 * time.Minute},
		"the wait is not over yet":         {steps: "  - wait: 2h\n", outcome: contract.Completed, ends: 30 * time.Minute},
		"a late message, and its wait":     {steps: asks, outcome: "silence", ends: 3 * time.Hour},
		"after the wait, before a message": {steps: asks, answered: 70 * time.Minute, outcome: "answered"},
		"during a wait after a message":    {steps: asks, answered: 50 * time.Minute, outcome: "silence"},
		"after a wait_for that was over":   {steps: twice, answered: 70 * time.Minute, outcome: "answered"},
		"during a wait_for that was over":  {steps: twice, answered: 50 * time.Minute, outcome: "first"},
		"two events for two steps":         {steps: inOrder, asked: 65 * time.Minute, answered: 70 * time.Minute, outcome: "answered"},
		"two events in the other order":    {steps: inOrder, asked: 70 * time.Minute, answered: 65 * time.Minute, outcome: "silence"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPlay(t, journeyOf(c.steps))
			p.in.EnteredAt = testStart.Add(-late)
			arrive := func(id, name string, after, delivered time.Duration) {
				if after == 0 {
					return
				}
				d := p.deliveryOf(id, name, nil)
				d.Received = p.in.EnteredAt.Add(after)
				p.at(delivered, func() { p.update(id, d) })
				p.due = append(p.due, []string{id})
			}
			first, second := 100*time.Millisecond, 200*time.Millisecond
			if c.asked > c.answered {
				first, second = second, first
			}
			arrive("e1", "Asked", c.asked, first)
			arrive("e2", "Answered", c.answered, second)
			if c.asked != 0 {
				p.due = [][]string{{"e1", "e2"}, {"e1", "e2"}}
			}
			got := p.run()
			if got.Outcome != c.outcome {
				t.Errorf("outcome %q (%s), want %q", got.Outcome, got.Reason, c.outcome)
			}
			if took := p.env.Now().Sub(testStart); took < c.ends || c.ends > 0 && took > c.ends+2*time.Minute {
				t.Errorf("it ended after %s, want %s", took, c.ends)
			}
		})
	}
}
