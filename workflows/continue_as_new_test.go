package workflows

import (
	"testing"
	"time"

	"github.com/tabi-journeys/tabi/workflows/contract"
)

// A run continues as new in every kind of wait, and the wait goes on as before.
func TestContinueAsNew(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		steps, head string
		first, then func(p *play) // moments are since the start of the run
		outcome     string
		account     []string
		passed      []string
	}{
		"wait": {steps: "  - {id: x, wait: 5h}\n", outcome: contract.Completed, passed: []string{"x@5h"}},
		"wait until": {
			steps: "  - {id: x, wait: {until: customer.ends_at}}\n",
			first: func(p *play) { p.customer["ends_at"] = "2026-03-03T10:00:00Z" },
			then:  func(p *play) { p.at(time.Hour, func() { p.move("u1", "2026-03-02T14:00:00Z") }) }, outcome: contract.Completed,
			passed: []string{"x@4h"},
		},
		"wait_for": {
			steps: twoArms, then: func(p *play) { p.event(time.Hour, "e1", "Bought", map[string]any{"n": 1.0}) },
			outcome: "steps.w", passed: []string{"w@1h: Bought", "two@1h", "end@1h: steps.w"},
		},
		"wait_for, timed out": {steps: twoArms, outcome: "steps.w", passed: []string{"w@10h: timed out", "late@10h", "end@10h: steps.w"}},
		"handoff": {
			steps: oneHandoff, then: func(p *play) { p.resolve(time.Hour, "r1", "h/1", "refunded") }, outcome: "money",
			account: []string{"open care (h/1)"}, passed: []string{"h@1h: refunded by kim", "money@1h: money"},
		},
		"watch": {
			steps:   "  - {id: x, set: {vars.a: 1}}\n",
			head:    "goal: {event: Bought, within: 3d}",
			outcome: contract.Completed,
			passed:  []string{"x@0s"},
		},
		"holdout": {
			steps:   "  - {id: x, set: {vars.a: 1}}\n",
			head:    "timeout: 3d",
			first:   func(p *play) { p.in.Holdout = true },
			outcome: contract.TimedOut,
		},
		"held at a send of a paused journey, under the same key": {
			steps: oneSend, first: func(p *play) { p.send = answerThen(contract.StatusPaused, contract.StatusSent) },
			then: func(p *play) { p.order(time.Hour, contract.ResumeUpdate, contract.Command{}) }, outcome: "done",
			account: []string{"send hello (s/1)", "send hello (s/1)"}, passed: []string{"s@1h: sent", "done@1h: done"},
		},
		"an event that came before is dropped after": {
			steps: "  - {id: a, wait_for: {event: A}, timeout: 5h}\n", then: func(p *play) { p.event(time.Hour, "entry-1", "A", nil) },
			outcome: contract.Completed, passed: []string{"a@5h: timed out"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPlay(t, journeyOf(test.steps, test.head))
			if test.first != nil {
				test.first(p)
			}
			p.env.SetContinueAsNewSuggested(true)
			n := p.renewed()
			if test.then != nil {
				test.then(n)
			}
			n.expect(test.outcome, n.run(), test.passed...)
			n.same("account", test.account, n.account)
		})
	}
}

func TestContinueAsNewWhilePausedCarriesEvents(t *testing.T) {
	t.Parallel()
	p := newPlay(t, journeyOf("  - {id: a, wait_for: {event: A}, timeout: 5h}\n  - {id: b, wait_for: {event: B}, timeout: 5h}\n"))
	p.order(time.Minute, contract.PauseUpdate, contract.Command{By: "kim"})
	p.event(time.Hour, "e1", "A", nil)
	p.event(2*time.Hour, "e2", "B", nil)
	p.at(3*time.Hour, func() {
		p.env.SetContinueAsNewSuggested(true)
		p.env.SignalWorkflow(contract.EventName, contract.Event{ID: "s1", Name: "Seen"})
	})
	n := p.renewed()
	n.event(time.Minute, "e1", "A", nil) // the relay knows of no new run
	n.order(time.Hour, contract.ResumeUpdate, contract.Command{})
	n.expect(contract.Completed, n.run(), "a@4h: A", "b@4h: B")
	n.same("account", []string{"record s1 Seen"}, n.account)
	if n.answers["e1"] != contract.RejectDuplicate {
		t.Errorf("the duplicate was answered with %s", n.answers["e1"])
	}
}

// A trait changes while the run reports its wait, right before it continues as new. The next run finds the event in its
// inbox, and moves the wait.
func TestContinueAsNewKeepsAChangedTrait(t *testing.T) {
	t.Parallel()
	p := newPlay(t, journeyOf("  - {id: x, wait: {until: customer.ends_at}}\n"))
	p.customer["ends_at"] = "2026-03-03T10:00:00Z"
	p.env.SetContinueAsNewSuggested(true)
	p.report = func(int, contract.Report) error {
		p.customer = map[string]any{"ends_at": "2026-03-02T14:00:00Z"}
		e := p.deliveryOf("u1", "Customer Updated", nil)
		e.Event.Traits = []string{"ends_at"}
		p.env.SignalWorkflow(contract.DeliveryName, e)
		p.report = nil
		return nil
	}
	n := p.renewed()
	n.expect(contract.Completed, n.run(), "x@4h")
}
