package workflows

import (
	"testing"
	"time"

	"github.com/tabi-journeys/tabi/workflows/contract"
)

const twoArms = `  - id: w
    wait_for:
      - {event: Viewed, when: event.n > 1, then: [{id: one, set: {vars.x: event.n}}]}
      - {event: [Viewed, Bought], then: [{id: two, set: {vars.x: event.n}}]}
    timeout: 10h
    on_timeout: [{id: late, set: {vars.x: "0"}}]
  - {id: end, exit: steps.w}
`

func TestWaitFor(t *testing.T) {
	t.Parallel()
	n := func(n float64) map[string]any { return map[string]any{"n": n} }
	const inARow = "  - {id: a, wait_for: {event: A}, timeout: 5h}\n  - {id: b, wait_for: {event: B}, timeout: 5h}\n"
	const afterSend = "  - {id: s, send: hello, via: email}\n  - {id: a, wait_for: {event: A}, timeout: 5h}\n"
	tests := map[string]struct {
		steps  string
		play   func(p *play)
		passed []string
	}{
		"the first arm that fits": {
			steps: twoArms, play: func(p *play) { p.event(time.Hour, "e1", "Viewed", n(2)) },
			passed: []string{"w@1h: Viewed", "one@1h", "end@1h: steps.w"},
		},
		"the second arm where the first does not fit": {
			steps: twoArms, play: func(p *play) { p.event(time.Hour, "e1", "Viewed", n(1)) },
			passed: []string{"w@1h: Viewed", "two@1h", "end@1h: steps.w"},
		},
		"a name in a list": {
			steps: twoArms, play: func(p *play) { p.event(time.Hour, "e1", "Bought", n(9)) },
			passed: []string{"w@1h: Bought", "two@1h", "end@1h: steps.w"},
		},
		"timed out": {
			steps: twoArms, play: func(p *play) { p.event(time.Hour, "e1", "Other", n(9)) },
			passed: []string{"w@10h: timed out", "late@10h", "end@10h: steps.w"},
		},
		"an event beats a timer due at the same moment": {
			steps: twoArms, play: func(p *play) {
				p.at(10*time.Hour-time.Millisecond, func() { // seen in the task of the timer
					p.env.SignalWorkflowSkippingWorkflowTask(contract.DeliveryName, p.deliveryOf("e1", "Bought", n(1)))
				})
			},
			passed: []string{"w@10h: Bought", "two@10h", "end@10h: steps.w"},
		},
		"each event is used once": {
			steps: "  - {id: a, wait_for: {event: A}, timeout: 5h}\n  - {id: b, wait_for: {event: A}, timeout: 5h}\n",
			play:  func(p *play) { p.event(time.Hour, "e1", "A", nil) }, passed: []string{"a@1h: A", "b@6h: timed out"},
		},
		"two events at once, one for each step": {
			steps: inARow, play: func(p *play) {
				p.at(time.Hour, func() {
					p.env.SignalWorkflowSkippingWorkflowTask(contract.DeliveryName, p.deliveryOf("e1", "A", nil))
					p.env.SignalWorkflow(contract.DeliveryName, p.deliveryOf("e2", "B", nil))
				})
			},
			passed: []string{"a@1h: A", "b@1h: B"},
		},
		"two events at once in the other order: the first came before its step": {
			steps: inARow, play: func(p *play) {
				p.at(time.Hour, func() {
					p.env.SignalWorkflowSkippingWorkflowTask(contract.DeliveryName, p.deliveryOf("e1", "B", nil))
					p.env.SignalWorkflow(contract.DeliveryName, p.deliveryOf("e2", "A", nil))
				})
			},
			passed: []string{"a@1h: A", "b@6h: timed out"},
		},
		"what came during a wait is not kept": {
			steps: "  - {id: w, wait: 2h}\n  - {id: a, wait_for: {event: A}, timeout: 5h}\n",
			play:  func(p *play) { p.event(time.Hour, "e1", "A", nil) }, passed: []string{"w@2h", "a@7h: timed out"},
		},
		"since entry looks back": {
			steps: "  - {id: w, wait: 2h}\n  - {id: a, wait_for: {event: A}, timeout: 5h, since: entry}\n",
			play:  func(p *play) { p.event(time.Hour, "e1", "A", nil) }, passed: []string{"w@2h", "a@2h: A"},
		},
		"since entry uses an event once too": {
			steps: "  - {id: a, wait_for: {event: A}, timeout: 2h}\n  - {id: b, wait_for: {event: [A, B]}, timeout: 5h, since: entry}\n",
			play: func(p *play) {
				p.event(0, "e0", "B", nil)
				p.event(time.Hour, "e1", "A", nil)
			},
			passed: []string{"a@1h: A", "b@1h: B"},
		},
		"an old event only for those that look back": {
			steps: "  - {id: w, wait: 1h}\n  - {id: a, wait_for: {event: A}, timeout: 2h}\n  - {id: b, wait_for: {event: A}, timeout: " +
				"2h, since: entry}\n",
			play: func(p *play) { p.event(0, "e0", "A", nil) }, passed: []string{"w@1h", "a@3h: timed out", "b@3h: A"},
		},
		"what came during a send is kept": {
			steps: afterSend, play: func(p *play) {
				p.send = func(int, contract.Send) (contract.SendResult, error) {
					return contract.SendResult{Status: contract.StatusRetry}, nil
				}
				p.deliver = func(n int, _ contract.Send) (contract.SendResult, error) {
					if n < 4 {
						return contract.SendResult{}, errDown
					}
					return contract.SendResult{Status: contract.StatusSent, Channel: "email"}, nil
				}
				p.event(2*time.Second, "e1", "A", nil)
			},
			passed: []string{"s@4s: sent by email", "a@4s: A"},
		},
		"the entering event is not seen again": {
			steps: "  - {id: a, wait_for: {event: Start}, timeout: 5h}\n",
			play:  func(p *play) { p.event(time.Hour, "entry-1", "Start", nil) }, passed: []string{"a@5h: timed out"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPlay(t, journeyOf(test.steps))
			test.play(p)
			result := p.run()
			p.expect(result.Outcome, result, test.passed...)
		})
	}
}

func TestWaitForResultAndCurrentEvent(t *testing.T) {
	t.Parallel()
	p := newPlay(t, journeyOf(`  - {id: before, set: {vars.before: event.cart_id, vars.name: event_name}}
  - id: w
    wait_for: {event: Viewed}
    timeout: 1h
  - id: again
    wait_for: {event: Viewed}
    timeout: 1h
  - {id: after, set: {vars.after: event.n, vars.same: steps.w.properties.n == event.n, vars.timed: steps.again.timed_out, vars.entry:
entry.cart_id}}
  - {id: s, send: hello, via: email}
  - {id: stay, wait: 1h}
`))
	p.event(time.Minute, "e1", "Viewed", map[string]any{"n": 3.0})
	p.at(100*time.Minute, func() {
		want := map[string]any{"before": "k1", "name": "Start", "after": 3.0, "same": true, "timed": true, "entry": "k1"}
		for key, value := range want {
			if got := p.view().Vars[key]; got != value {
				t.Errorf("vars.%s = %v, want %v", key, got, value)
			}
		}
	})
	p.run()
	scene := p.sends[0].EvalContext
	if scene.Event != "e1" || scene.EntryEvent != "entry-1" || scene.StepEvents["w"] != "e1" || scene.StepEvents["again"] != "" {
		t.Errorf("the template is given %+v", scene)
	}
	if _, there := scene.Steps["w"]["properties"]; there {
		t.Error("properties of an event travel with a send: they belong to the store")
	}
}

func TestWaitForChecksTheCustomerOncePerEvent(t *testing.T) {
	t.Parallel()
	p := newPlay(t, journeyOf("  - {id: w, wait_for: {event: A, when: customer.vip == true}, timeout: 5h}\n"))
	p.event(1*time.Hour, "e1", "A", nil)
	p.at(2*time.Hour, func() {
		p.mu.Lock()
		p.customer = map[string]any{"vip": true}
		p.mu.Unlock()
		p.update("e2", p.deliveryOf("e2", "B", nil))
	})
	p.expect(contract.Completed, p.run(), "w@5h: timed out")
	if p.evals != 1 {
		t.Errorf("asked %d times", p.evals)
	}
}
