package workflows

import (
	"strings"
	"testing"
	"time"

	"github.com/tabi-journeys/tabi/workflows/contract"
)

const oneDecision = `  - id: d
    decide: offers
    none: [{id: silent, exit: silent}]
  - {id: done, exit: steps.d.status}
`

func TestDecide(t *testing.T) {
	t.Parallel()
	const prio = "decided discount by email (priority 3.2)"
	once := []string{"decide offers (d/1)"}
	tests := map[string]struct {
		steps, head string
		decide      func(int, contract.Decide) (contract.DecideResult, error)
		deliver     func(int, contract.Send) (contract.SendResult, error)
		play        func(p *play)
		outcome     string
		account     []string
		passed      []string
		arms        []string
	}{
		"sent": {outcome: "done", account: once, passed: []string{"d@0s: " + prio, "done@0s: done"}, arms: []string{"d", "done"}},
		"nothing": {
			decide: nobody(
				"NOT_ELIGIBLE",
			), outcome: "silent", account: once, passed: []string{"d@0s: decided nothing (NOT_ELIGIBLE)", "silent@0s: silent"},
			arms: []string{"d none", "silent"},
		},
		"nothing, and no way for it": {
			steps: "  - {id: d, decide: offers}\n", decide: nobody(""), outcome: contract.Completed, account: once,
			passed: []string{"d@0s: decided nothing"},
		},
		"only chosen": {
			steps: "  - {id: d, decide: [discount, gift], send: false}\n", decide: offered(contract.StatusChosen, ""),
			outcome: contract.Completed, account: []string{"decide  (d/1)"},
			passed: []string{"d@0s: " + prio + ", chosen"}, arms: []string{"d"},
		},
		"chosen, and not sent": {
			decide: offered(
				contract.StatusFailed,
				"BOUNCED",
			), outcome: "done", account: once, passed: []string{"d@0s: " + prio + ", failed (BOUNCED)", "done@0s: done"},
			arms: []string{"d", "done"},
		},
		"an answer that is none": {
			decide:  offered("queued", ""),
			outcome: "done",
			account: once,
			passed:  []string{"d@0s: " + prio + ", failed", "done@0s: done"},
		},
		"asked until it is made": {
			decide: func(n int, d contract.Decide) (contract.DecideResult, error) {
				if n < 4 {
					return contract.DecideResult{}, errDown
				}
				return offered(contract.StatusSent, "")(n, d)
			},
			outcome: "done", account: []string{once[0], once[0], once[0], once[0]}, passed: []string{"d@1s: " + prio, "done@1s: done"},
		},
		"delivered later, by the channel it won with": {
			decide: offered(contract.StatusRetry, "down"), deliver: failing(2), outcome: "done",
			account: []string{once[0], "deliver hello (d/1)", "deliver hello (d/1)", "deliver hello (d/1)"},
			passed:  []string{"d@2s: decided discount by push (priority 3.2)", "done@2s: done"},
		},
		"suppressed when it was to be delivered": {
			decide: offered(
				contract.StatusRetry,
				"",
			), deliver: answer(contract.StatusSuppressed, "CAP_REACHED"), outcome: "done",
			account: []string{once[0], "deliver hello (d/1)"},
			passed:  []string{"d@0s: " + prio + ", suppressed (CAP_REACHED)", "done@0s: done"},
		},
		"the goal ends a delivery": {
			head: "goal: {event: Bought}", decide: offered(contract.StatusRetry, ""), deliver: failing(1000),
			play:    func(p *play) { p.event(2*time.Second, "e1", "Bought", nil) },
			outcome: contract.Goal, account: []string{once[0], "deliver hello (d/1)", "deliver hello (d/1)"},
		},
		"skipped while it is delivered": {
			decide: offered(
				contract.StatusRetry,
				"",
			), deliver: failing(1000), play: func(p *play) { p.order(2*time.Second, contract.SkipUpdate, contract.Command{}) },
			outcome: "done", account: []string{once[0], "deliver hello (d/1)", "deliver hello (d/1)"}, passed: []string{"done@2s: done"},
		},
		"paused while it is delivered: asked again under the same key": {
			decide: func(n int, d contract.Decide) (contract.DecideResult, error) {
				return offered([]string{contract.StatusRetry, contract.StatusSent}[n-1], "")(n, d)
			},
			deliver: failing(1000), play: func(p *play) {
				p.order(2*time.Second, contract.PauseUpdate, contract.Command{})
				p.order(time.Hour, contract.ResumeUpdate, contract.Command{})
			},
			outcome: "done", account: []string{once[0], "deliver hello (d/1)", "deliver hello (d/1)", once[0]},
			passed: []string{"d@1h: " + prio, "done@1h: done"},
		},
		"the journey is paused": {
			decide: func(n int, d contract.Decide) (contract.DecideResult, error) {
				return offered([]string{contract.StatusPaused, contract.StatusSent}[n-1], "")(n, d)
			},
			play: func(p *play) { p.order(time.Hour, contract.ResumeUpdate, contract.Command{}) }, outcome: "done",
			account: []string{once[0], once[0]},
			passed:  []string{"d@1h: " + prio, "done@1h: done"},
		},
		"a second visit is another decision": {
			steps: "  - {id: d, decide: offers}\n  - {id: n, set: {vars.n: vars.n + 1}}\n  - {id: w, wait: 1h}\n  - {id: back, go_to: " +
				"d, when: vars.n < 2}\n", head: "vars: {n: 0}",
			outcome: contract.Completed, account: []string{"decide offers (d/1)", "decide offers (d/2)"},
			passed: []string{"d@0s: " + prio, "n@0s", "w@1h", "back@1h: d", "d@1h: " + prio, "n@1h", "w@2h", "back@2h: skipped"},
		},
		"closed by the store": {
			decide: func(int, contract.Decide) (contract.DecideResult, error) {
				return contract.DecideResult{}, errSuperseded()
			}, account: once,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if test.steps == "" {
				test.steps = strings.Replace(oneDecision, "steps.d.status", "done", 1)
			}
			p := newPlay(t, journeyOf(test.steps, test.head))
			p.decide, p.deliver = test.decide, test.deliver
			if test.play != nil {
				test.play(p)
			}
			result := p.run()
			p.same("account", test.account, p.account)
			if test.outcome == "" {
				if result.Outcome != "" || len(p.ends()) > 0 {
					t.Errorf("result %+v, ends %v", result, p.ends())
				}
				return
			}
			p.expect(test.outcome, result, test.passed...)
			if test.arms != nil {
				p.same("arms", test.arms, p.arms())
			}
		})
	}
}

func TestDecideResult(t *testing.T) {
	t.Parallel()
	p := newPlay(
		t,
		journeyOf(
			"  - {id: d, decide: offers, via: [email, push]}\n  - {id: x, set: {vars.a: steps.d.action, vars.c: steps.d.channel, "+
				"vars.p: steps.d.propensity, vars.q: steps.d.priority, vars.s: steps.d.status, vars.r: steps.d.reason}}\n  - {id: "+
				"stay, wait: 1h}\n",
		),
	)
	p.decide, p.deliver = offered(contract.StatusRetry, "down"), failing(1)
	p.at(time.Minute, func() {
		vars := p.view().Vars
		if vars["a"] != "discount" || vars["c"] != "push" || vars["p"] != 0.25 || vars["q"] != 3.2 || vars["s"] != contract.StatusSent ||
			vars["r"] != "" {
			t.Errorf("vars %v", vars)
		}
	})
	var left contract.Send
	p.deliver = func(n int, s contract.Send) (contract.SendResult, error) { left = s; return failing(1)(n, s) }
	p.run()
	if d := p.decided[0]; d.Key != "e-1/d/1" || d.Step != "d" || d.Visit != 1 || d.Spec.Group != "offers" || len(d.Spec.Via) != 2 {
		t.Errorf("decide %+v", d)
	}
	if left.Action != "discount" || left.Key != "e-1/d/1" || left.Spec.Message != "hello" || len(left.Spec.Via) != 1 ||
		left.Spec.Via[0] != "email" ||
		left.Spec.Category != "marketing" ||
		left.Why != "down" {
		t.Errorf("left to deliver %+v", left)
	}
}
