package workflows

import (
	"strings"
	"testing"
	"time"

	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// Every wait of a send, an ask or a decision continues where it was: in a new run, and on another revision,
// where its step has another id.
func TestWaitsContinueAsNew(t *testing.T) {
	t.Parallel()
	const gone = "paths:\n  away:\n    - {id: gone, exit: away}\n"
	once := "send hello (s/1)"
	tests := map[string]struct {
		steps, head string
		step        string // its id, which becomes z
		at          time.Duration
		first, then func(p *play) // moments are since the start of the run
		outcome     string
		account     []string
		passed      []string
	}{
		"a send that quiet hours hold": {
			steps: oneSend, step: "s", first: func(p *play) { p.send = heldUntil(9 * time.Hour) }, outcome: "done",
			account: []string{once, once},
			passed:  []string{"s@9h: sent by push", "done@9h: done"},
		},
		"a send that is held once more": {
			steps: oneSend, step: "s", first: func(p *play) { p.send = heldUntil(9*time.Hour, 33*time.Hour) }, outcome: "done",
			account: []string{once, once, once},
			passed:  []string{"s@33h: sent by push", "done@33h: done"},
		},
		"a held send that is paused": {
			steps: oneSend, step: "s", first: func(p *play) {
				p.send = heldUntil(9 * time.Hour)
				p.order(time.Hour, contract.PauseUpdate, contract.Command{})
			},
			then:    func(p *play) { p.order(20*time.Hour, contract.ResumeUpdate, contract.Command{}) },
			outcome: "done", account: []string{once, once}, passed: []string{"s@22h: sent by push", "done@22h: done"},
		},
		"a held send that a reroute leaves": {
			steps: oneSend + gone, head: "reroute: [{intent: complaint, above: 0.5, go_to: away}]", step: "s",
			first: func(p *play) { p.send = heldUntil(9 * time.Hour) },
			then: func(p *play) {
				p.at(time.Hour, func() { p.feels("complaint", 0.6); p.update("e1", p.deliveryOf("e1", "Call Ended", nil)) })
			},
			outcome: "away", account: []string{once}, passed: []string{"gone@3h: away"},
		},
		"a decision that a pause holds": {
			steps: oneDecision, step: "d", first: func(p *play) { p.decide = offered(contract.StatusPaused, "") },
			then:    func(p *play) { p.decide = nil; p.order(time.Hour, contract.ResumeUpdate, contract.Command{}) },
			outcome: "steps.d.status", account: []string{"decide offers (d/1)", "decide offers (d/1)"},
			passed: []string{"d@3h: decided discount by email (priority 3.2)", "done@3h: steps.d.status"},
		},
		"a question that quiet hours hold": {
			steps: oneQuestion, step: "q", first: func(p *play) { p.send = heldUntil(9 * time.Hour); p.says(time.Hour, "t1") },
			then:    func(p *play) { p.says(10*time.Hour, "t2") },
			outcome: "money", account: []string{"send hello (q/1)", "send hello (q/1)", "read t2 for q"},
			passed: []string{"q@12h: answered: refund (0.83)", "money@12h: money"},
		},
		"a question that waits for its reply": {
			steps: oneQuestion, step: "q", then: func(p *play) { p.says(time.Hour, "t2") }, outcome: "money",
			account: []string{"send hello (q/1)", "read t2 for q"},
			passed:  []string{"q@3h: answered: refund (0.83)", "money@3h: money"},
		},
		"a question that nobody answers": {
			steps: oneQuestion, step: "q", outcome: "late", account: []string{"send hello (q/1)"},
			passed: []string{"q@4h: timed out", "late@4h: late"},
		},
		"what came before the question stays no reply": {
			steps: "  - {id: s, set: {customer.x: 1}}\n" + oneQuestion, step: "q",
			first: func(p *play) {
				p.assigned = func() { p.env.SignalWorkflow(contract.DeliveryName, p.deliveryOf("t2", journey.MessageReceived, nil)) }
			},
			outcome: "late", account: []string{"assign customer.x=1 (s/1)", "send hello (q/1)"},
			passed: []string{"s@0s", "q@4h: timed out", "late@4h: late"},
		},
		"a wait for a level": {
			steps: "  - {id: w, wait_for: {intent: complaint, above: 0.5}, timeout: 9h}\n", step: "w",
			then: func(p *play) {
				p.at(time.Hour, func() { p.feels("complaint", 0.6); p.update("e1", p.deliveryOf("e1", "Call Ended", nil)) })
			},
			outcome: contract.Completed, passed: []string{"w@3h: complaint above 0.5"},
		},
		"a wait for a level that fades": {
			steps: "  - {id: w, wait_for: {intent: purchase, below: 0.5}, timeout: 40h}\n", step: "w",
			first:   func(p *play) { p.feels("purchase", 0.75) },
			outcome: contract.Completed, passed: []string{"w@24h0m1s: purchase below 0.5"},
		},
		"a wait that a fading level reroutes": {
			steps: "  - {id: w, wait: 40h}\n" + gone, head: "reroute: [{intent: purchase, below: 0.5, go_to: away}]", step: "w",
			first:   func(p *play) { p.feels("purchase", 0.75) },
			outcome: "away", passed: []string{"gone@24h0m1s: away"},
		},
	}
	for name, test := range tests {
		for how, id := range map[string]string{"as a new run": test.step, "on another revision": "z"} {
			t.Run(name+", "+how, func(t *testing.T) {
				t.Parallel()
				p := newPlay(t, journeyOf(test.steps, test.head))
				p.reply = understands(map[string]int{"t1": 1, "t2": 0})
				p.then(test.first)
				if id == test.step {
					p.at(2*time.Hour, func() {
						p.env.SetContinueAsNewSuggested(true)
						p.env.SignalWorkflow(contract.DeliveryName, p.deliveryOf("x1", "Noise", nil))
					})
				} else {
					renamed := strings.ReplaceAll(test.steps, "id: "+test.step+"\n", "id: z\n")
					renamed = strings.ReplaceAll(strings.ReplaceAll(renamed, "{id: "+test.step+",", "{id: z,"), "steps."+test.step,
						"steps.z")
					p.moveTo(2*time.Hour, p.to(journeyOf(renamed+"", test.head, "timeout: 30d"), map[string]string{test.step: "z"}))
				}
				n := p.renewed()
				n.then(test.then)
				var passed []string
				for _, line := range test.passed {
					if rest, is := strings.CutPrefix(line, test.step+"@"); is {
						line = id + "@" + rest
					}
					passed = append(passed, strings.ReplaceAll(line, "steps."+test.step, "steps."+id))
				}
				outcome := strings.ReplaceAll(test.outcome, "steps."+test.step, "steps."+id)
				n.expect(outcome, n.run(), passed...)
				n.same("account", test.account, n.account)
			})
		}
	}
}
