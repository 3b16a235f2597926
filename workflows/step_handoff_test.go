package workflows

import (
	"testing"
	"time"

	"github.com/tabi-journeys/tabi/workflows/contract"
)

const oneHandoff = `  - id: h
    handoff: care
    timeout: 4h
    outcomes: {refunded: [{id: money, exit: money}], resolved: []}
    on_timeout: [{id: late, exit: late}]
  - {id: done, exit: done}
`

func TestHandoff(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		steps   string
		head    string
		play    func(p *play)
		outcome string
		account []string
		passed  []string
	}{
		"resolved with an outcome of its own way": {
			play: func(p *play) { p.resolve(time.Hour, "r1", "h/1", "refunded") }, outcome: "money",
			account: []string{"open care (h/1)"}, passed: []string{"h@1h: refunded by kim", "money@1h: money"},
		},
		"resolved with an empty way": {
			play: func(p *play) { p.resolve(time.Hour, "r1", "h/1", "resolved") }, outcome: "done",
			account: []string{"open care (h/1)"}, passed: []string{"h@1h: resolved by kim", "done@1h: done"},
		},
		"resolved with an outcome nobody foresaw": {
			play: func(p *play) { p.resolve(time.Hour, "r1", "h/1", "laughed") }, outcome: "done",
			account: []string{"open care (h/1)"}, passed: []string{"h@1h: laughed by kim", "done@1h: done"},
		},
		"timed out": {
			play: func(p *play) { p.resolve(time.Hour, "r1", "other/1", "refunded") }, outcome: "late",
			account: []string{"open care (h/1)", "withdraw (h/1): it timed out"}, passed: []string{"h@4h: timed out", "late@4h: late"},
		},
		"the goal ends it, and the last report closes the hand-off": {
			head: "goal: {event: Bought}", play: func(p *play) { p.event(time.Hour, "e1", "Bought", nil) }, outcome: contract.Goal,
			account: []string{"open care (h/1)"},
		},
		"skipped: withdrawn before the next step": {
			steps: oneHandoff[:len(oneHandoff)-len("  - {id: done, exit: done}\n")] + "  - {id: s, send: hello, via: email}\n",
			play:  func(p *play) { p.order(time.Hour, contract.SkipUpdate, contract.Command{}) }, outcome: contract.Completed,
			account: []string{
				"open care (h/1)",
				"withdraw (h/1): the journey moved on",
				"send hello (s/1)",
			}, passed: []string{"s@1h: sent by email"},
		},
		"sent back to itself: a new hand-off": {
			play: func(p *play) {
				p.order(time.Hour, contract.GoToUpdate, contract.Command{Target: "h"})
				p.resolve(90*time.Minute, "r1", "h/1", "refunded") // of the old one: too late
				p.resolve(2*time.Hour, "r2", "h/2", "refunded")
			},
			outcome: "money", account: []string{"open care (h/1)", "withdraw (h/1): the journey moved on", "open care (h/2)"},
			passed: []string{"h@2h: refunded by kim", "money@2h: money"},
		},
		"without a timeout it waits for its longest life": {
			steps: "  - {id: h, handoff: care}\n", head: "timeout: 3d", outcome: contract.TimedOut, account: []string{"open care (h/1)"},
		},
		"resolved while paused: counts on resume, even past its timeout": {
			play: func(p *play) {
				p.order(time.Minute, contract.PauseUpdate, contract.Command{})
				p.resolve(time.Hour, "r1", "h/1", "refunded")
				p.order(6*time.Hour, contract.ResumeUpdate, contract.Command{})
			},
			outcome: "money", account: []string{"open care (h/1)"}, passed: []string{"h@6h: refunded by kim", "money@6h: money"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if test.steps == "" {
				test.steps = oneHandoff
			}
			p := newPlay(t, journeyOf(test.steps, test.head))
			if test.play != nil {
				test.play(p)
			}
			p.expect(test.outcome, p.run(), test.passed...)
			p.same("account", test.account, p.account)
		})
	}
}

func TestHandoffResult(t *testing.T) {
	t.Parallel()
	p := newPlay(
		t,
		journeyOf(
			"  - {id: h, handoff: care, timeout: 4h}\n  - {id: x, set: {vars.out: steps.h.outcome, vars.by: steps.h.agent, vars.late: "+
				"steps.h.timed_out}}\n  - {id: stay, wait: 1h}\n",
		),
	)
	p.resolve(time.Hour, "r1", "h/1", "refunded")
	p.at(90*time.Minute, func() {
		vars := p.view().Vars
		if vars["out"] != "refunded" || vars["by"] != "kim" || vars["late"] != false {
			t.Errorf("vars %v", vars)
		}
	})
	p.run()
	if !p.opened[0].Until.Equal(testStart.Add(4 * time.Hour)) {
		t.Errorf("until %s", p.opened[0].Until)
	}
}
