package workflows

import (
	"testing"
	"time"

	"github.com/tabi-journeys/tabi/workflows/contract"
)

const oneLevel = `  - id: w
    wait_for:
      - {event: A, then: [{id: one, exit: event}]}
      - {intent: complaint, above: 0.5, then: [{id: two, exit: complained}]}
      - {event: B, then: [{id: three, exit: late-event}]}
      - {intent: purchase, below: 0.5, then: [{id: four, exit: cooled}]}
    timeout: 40h
    on_timeout: [{id: late, exit: nothing}]
`

// purchase stays high in the tests of wait_for: it has a score whose strength is 4, and falls below 0.5 after 60h38m.
func TestWaitForLevel(t *testing.T) {
	t.Parallel()
	const high = 0.9816843611112658
	tests := map[string]struct {
		steps, head string
		first       map[string]float64
		play        func(p *play)
		outcome     string
		passed      []string
		gauges      int // how often the world was asked; 0: not looked at
	}{
		"holds when the wait begins: at once": {
			first: map[string]float64{
				"complaint": 0.6,
			}, outcome: "complained", passed: []string{"w@0s: complaint above 0.5", "two@0s: complained"}, gauges: 1,
		},
		"exactly at the threshold it does not": {
			steps: "  - {id: w, wait_for: {intent: complaint, above: 0.0}, timeout: 2h}\n", outcome: contract.Completed,
			passed: []string{"w@2h: timed out"},
		},
		"below holds when the wait begins": {
			first: map[string]float64{"purchase": 0.1}, outcome: "cooled", passed: []string{"w@0s: purchase below 0.5", "four@0s: cooled"},
		},
		"comes by an event that no arm names": {
			first: map[string]float64{"purchase": high},
			play: func(p *play) {
				p.event(time.Hour, "e1", "Viewed", nil)
				p.at(2*time.Hour, func() { p.feels("complaint", 0.6); p.update("e2", p.deliveryOf("e2", "Call Ended", nil)) })
			},
			outcome: "complained", passed: []string{"w@2h: complaint above 0.5", "two@2h: complained"}, gauges: 3,
		},
		"an arm before it takes the same event": {
			first: map[string]float64{"purchase": high},
			play: func(p *play) {
				p.at(time.Hour, func() { p.feels("complaint", 0.6); p.update("e1", p.deliveryOf("e1", "A", nil)) })
			},
			passed: []string{"w@1h: A", "one@1h: event"}, outcome: "event",
		},
		"an arm behind it does not": {
			first: map[string]float64{"purchase": high},
			play: func(p *play) {
				p.at(time.Hour, func() { p.feels("complaint", 0.6); p.update("e1", p.deliveryOf("e1", "B", nil)) })
			},
			passed: []string{"w@1h: complaint above 0.5", "two@1h: complained"}, outcome: "complained",
		},
		"of two levels the first in the file": {
			first: map[string]float64{
				"complaint": 0.6,
				"purchase":  0.1,
			}, outcome: "complained", passed: []string{"w@0s: complaint above 0.5", "two@0s: complained"},
		},
		"a score that is set without an event": {
			first: map[string]float64{"purchase": high},
			play: func(p *play) {
				p.at(time.Hour, func() { p.feels("complaint", 0.6); p.update("i1", p.scores("i1")) })
			},
			outcome: "complained", passed: []string{"w@1h: complaint above 0.5", "two@1h: complained"},
		},
		"fading crosses below": {
			first: map[string]float64{
				"purchase": 0.75,
			}, outcome: "cooled", passed: []string{"w@24h0m1s: purchase below 0.5", "four@24h0m1s: cooled"}, gauges: 2,
		},
		"the timer asks again, and is set anew where the score rose": {
			first: map[string]float64{"purchase": 0.75},
			// of another enrollment's event: nobody told it
			play:    func(p *play) { p.at(12*time.Hour, func() { p.feels("purchase", 0.75) }) },
			outcome: "cooled", passed: []string{"w@36h0m1s: purchase below 0.5", "four@36h0m1s: cooled"}, gauges: 3,
		},
		"an event that is no evidence sets it anew, too": {
			first: map[string]float64{"purchase": 0.75},
			play: func(p *play) {
				p.at(12*time.Hour, func() { p.feels("purchase", 0.75); p.update("e1", p.deliveryOf("e1", "Viewed", nil)) })
			},
			outcome: "cooled", passed: []string{"w@36h0m1s: purchase below 0.5", "four@36h0m1s: cooled"}, gauges: 3,
		},
		"the timeout comes first": {
			first: map[string]float64{
				"purchase": high,
			}, outcome: "nothing", passed: []string{"w@40h: timed out", "late@40h: nothing"}, gauges: 1,
		},
		"what is told too early is asked again": {
			first: map[string]float64{"purchase": 0.75}, play: func(p *play) { p.misfades = 8 * time.Hour },
			outcome: "cooled", passed: []string{"w@24h: purchase below 0.5", "four@24h: cooled"},
		},
		"at the moment of an event the event goes first": {
			first: map[string]float64{"purchase": 0.75},
			play: func(p *play) {
				p.at(
					24*time.Hour+time.Second-time.Millisecond,
					func() { p.env.SignalWorkflowSkippingWorkflowTask(contract.DeliveryName, p.deliveryOf("e1", "A", nil)) },
				)
			},
			outcome: "event", passed: []string{"w@24h0m1s: A", "one@24h0m1s: event"},
		},
		"what came before and is on its way goes first": {
			first: map[string]float64{"purchase": 0.75},
			play: func(p *play) {
				p.due = [][]string{{"e1"}}
				p.event(24*time.Hour+time.Second+100*time.Millisecond, "e1", "A", nil)
			},
			outcome: "event", passed: []string{"w@24h0m1s: A", "one@24h0m1s: event"},
		},
		"the end of its life goes before what fades later": {
			head: "timeout: 20h", first: map[string]float64{"purchase": 0.75}, outcome: contract.TimedOut,
		},
		"paused while it fades: on resume": {
			first: map[string]float64{"purchase": 0.75},
			play: func(p *play) {
				p.order(time.Hour, contract.PauseUpdate, contract.Command{})
				p.order(30*time.Hour, contract.ResumeUpdate, contract.Command{})
			},
			outcome: "cooled", passed: []string{"w@30h: purchase below 0.5", "four@30h: cooled"},
		},
		"resumed behind both, what was due first happens first": {
			first: map[string]float64{"purchase": 0.75},
			play: func(p *play) {
				p.order(time.Hour, contract.PauseUpdate, contract.Command{})
				p.order(50*time.Hour, contract.ResumeUpdate, contract.Command{})
			},
			outcome: "cooled", passed: []string{"w@50h: purchase below 0.5", "four@50h: cooled"},
		},
		"a kept event goes before a level behind it": {
			steps: "  - {id: s, set: {customer.x: 1}}\n" + oneLevel, first: map[string]float64{"complaint": 0.6, "purchase": high},
			play: func(p *play) {
				p.assigned = func() { p.env.SignalWorkflow(contract.DeliveryName, p.deliveryOf("e1", "A", nil)) }
			},
			passed: []string{"s@0s", "w@0s: A", "one@0s: event"}, outcome: "event",
		},
		"the event that brought it is used up": {
			steps: "  - {id: w, wait_for: [{intent: complaint, above: 0.5}, {event: B}], timeout: 2h}\n  - {id: v, wait_for: {event: " +
				"B}, timeout: 3h, since: entry}\n",
			play: func(p *play) {
				p.at(time.Hour, func() { p.feels("complaint", 0.6); p.update("e1", p.deliveryOf("e1", "B", nil)) })
			},
			outcome: contract.Completed, passed: []string{"w@1h: complaint above 0.5", "v@4h: timed out"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if test.steps == "" {
				test.steps = oneLevel
			}
			p := newPlay(t, journeyOf(test.steps, test.head))
			for intent, value := range test.first {
				p.feels(intent, value)
			}
			if test.play != nil {
				test.play(p)
			}
			p.expect(test.outcome, p.run(), test.passed...)
			if test.gauges > 0 && len(p.gauges) != test.gauges {
				t.Errorf("asked for levels %d times, want %d", len(p.gauges), test.gauges)
			}
		})
	}
}

func TestWaitForLevelResult(t *testing.T) {
	t.Parallel()
	p := newPlay(t, journeyOf("  - {id: w, wait_for: {intent: complaint, above: 0.5}, timeout: 4h}\n"+
		"  - {id: x, set: {vars.event: steps.w.event, vars.late: steps.w.timed_out, vars.at_hand: event_name, vars.n: event.n}}\n  - "+
		"{id: stay, wait: 1h}\n"))
	p.at(time.Hour, func() {
		if view := p.view(); len(view.WaitingFor) != 1 || view.WaitingFor[0] != "complaint above 0.5" {
			t.Errorf("waiting for %q", view.WaitingFor)
		}
		p.feels("complaint", 0.6)
		p.update("e1", p.deliveryOf("e1", "Call Ended", map[string]any{"n": 7.0}))
	})
	p.at(90*time.Minute, func() {
		vars := p.view().Vars
		if vars["event"] != "" || vars["late"] != false || vars["at_hand"] != "Call Ended" || vars["n"] != 7.0 {
			t.Errorf("vars %v", vars)
		}
	})
	p.run()
	p.same("arms", []string{"w 1", "x", "stay"}, p.arms())
}

const recovery = "paths:\n  recovery:\n    - {id: r, wait: 1h}\n    - {id: end, exit: recovered}\n  other:\n    - {id: o, exit: other}\n"

func TestRerouteByLevel(t *testing.T) {
	t.Parallel()
	const (
		waits = "  - {id: w, wait: 40h}\n"
		above = "reroute: [{intent: complaint, above: 0.5, go_to: recovery}]"
		below = "reroute: [{intent: purchase, below: 0.5, go_to: recovery}]"
	)
	complain := func(at time.Duration, name string) func(p *play) {
		return func(p *play) {
			p.at(at, func() { p.feels("complaint", 0.6); p.update("e1", p.deliveryOf("e1", name, map[string]any{"n": 1.0})) })
		}
	}
	tests := map[string]struct {
		steps, head string
		first       map[string]float64
		play        func(p *play)
		outcome     string
		account     []string
		passed      []string
		gauges      int
	}{
		"by the event that brings it": {
			head:    above,
			play:    complain(time.Hour, "Call Ended"),
			outcome: "recovered",
			passed:  []string{"r@2h", "end@2h: recovered"},
			gauges:  1,
		},
		"not at entry, but by the next event of any name": {
			head: above, first: map[string]float64{"complaint": 0.9}, play: func(p *play) { p.event(3*time.Hour, "e1", "Looked", nil) },
			outcome: "recovered", passed: []string{"r@4h", "end@4h: recovered"}, gauges: 1,
		},
		"not while no event comes": {
			head:    above,
			first:   map[string]float64{"complaint": 0.9},
			outcome: contract.Completed,
			passed:  []string{"w@40h"},
		},
		"by a score that is set": {
			head: above, play: func(p *play) {
				p.at(time.Hour, func() { p.feels("complaint", 0.6); p.update("i1", p.scores("i1")) })
			},
			outcome: "recovered", passed: []string{"r@2h", "end@2h: recovered"},
		},
		"a score that is set is no event: not of exits, goals and rules without one": {
			head: "exit: [{when: true, outcome: out}]\ngoal: {event: G}\nreroute: [{when: true, go_to: other}, {intent: complaint, " +
				"above: 0.9, go_to: recovery}]",
			play: func(p *play) {
				p.at(time.Hour, func() { p.feels("complaint", 0.6); p.update("i1", p.scores("i1")) })
			},
			outcome: contract.Completed, passed: []string{"w@40h"}, gauges: 1,
		},
		"in the order of the file": {
			head: "reroute: [{event: Looked, go_to: other}, {intent: complaint, above: 0.5, go_to: recovery}, {event: Call Ended, " +
				"go_to: other}]",
			play: complain(time.Hour, "Call Ended"), outcome: "recovered", passed: []string{"r@2h", "end@2h: recovered"},
		},
		"behind a rule that fits": {
			head: "reroute: [{event: Call Ended, go_to: other}, {intent: complaint, above: 0.5, go_to: recovery}]",
			play: complain(time.Hour, "Call Ended"), outcome: "other", passed: []string{"o@1h: other"},
		},
		"behind goal and exit": {
			head: "exit: [{event: Call Ended, outcome: out}]\n" + above, play: complain(time.Hour, "Call Ended"), outcome: "out",
		},
		"before the arms of a wait_for": {
			steps: "  - {id: w, wait_for: [{intent: complaint, above: 0.5}, {event: Call Ended}], timeout: 9h}\n", head: above,
			play: complain(time.Hour, "Call Ended"), outcome: "recovered", passed: []string{"r@2h", "end@2h: recovered"}, gauges: 2,
		},
		"with the arms of a wait_for in one look": {
			steps: "  - {id: w, wait_for: {intent: complaint, above: 0.5}, timeout: 9h}\n",
			head:  "reroute: [{intent: complaint, above: 0.8, go_to: recovery}]",
			play:  complain(time.Hour, "Call Ended"), outcome: contract.Completed, passed: []string{"w@1h: complaint above 0.5"}, gauges: 2,
		},
		"when fading crosses below": {
			head: below, first: map[string]float64{"purchase": 0.75}, outcome: "recovered",
			passed: []string{"r@25h0m1s", "end@25h0m1s: recovered"},
		},
		"when fading crosses below while a step behind waits": {
			steps: "  - {id: v, wait: 3h}\n  - {id: w, wait: 40h}\n", head: below, first: map[string]float64{"purchase": 0.75},
			outcome: "recovered", passed: []string{"v@3h", "r@25h0m1s", "end@25h0m1s: recovered"},
		},
		"what rose meanwhile fades later": {
			head: below, first: map[string]float64{"purchase": 0.75},
			play:    func(p *play) { p.at(12*time.Hour, func() { p.feels("purchase", 0.75) }) },
			outcome: "recovered", passed: []string{"r@37h0m1s", "end@37h0m1s: recovered"},
		},
		"fading does not let a level fire that has held since entry": {
			head: "reroute: [{intent: complaint, above: 0.5, go_to: other}, {intent: purchase, below: 0.5, go_to: recovery}]",
			first: map[string]float64{
				"purchase":  0.75,
				"complaint": 0.99,
			}, outcome: "recovered", passed: []string{"r@25h0m1s", "end@25h0m1s: recovered"},
		},
		"from a hand-off": {
			steps: "  - {id: w, handoff: care, timeout: 40h}\n", head: below, first: map[string]float64{"purchase": 0.75},
			outcome: "recovered", account: []string{"open care (w/1)", "withdraw (w/1): the journey moved on"},
			passed: []string{"r@25h0m1s", "end@25h0m1s: recovered"},
		},
		"from a send that quiet hours hold": {
			steps: "  - {id: s, send: hello, via: email}\n  - {id: w, wait: 1h}\n", head: above, play: func(p *play) {
				p.send = heldUntil(9 * time.Hour)
				complain(time.Hour, "Call Ended")(p)
			},
			outcome: "recovered", account: []string{"send hello (s/1)"}, passed: []string{"r@2h", "end@2h: recovered"},
		},
		"once": {
			head: above + "\ntimeout: 9d", play: func(p *play) {
				complain(time.Hour, "Call Ended")(p)
				p.order(90*time.Minute, contract.GoToUpdate, contract.Command{Target: "w"})
				p.event(2*time.Hour, "e2", "Looked", nil)
			},
			outcome: contract.Completed, passed: []string{"w@41h30m"},
		},
		"again where it repeats": {
			head: "reroute: [{intent: complaint, above: 0.5, go_to: recovery, repeat: true}]", play: func(p *play) {
				complain(time.Hour, "Call Ended")(p)
				p.order(90*time.Minute, contract.GoToUpdate, contract.Command{Target: "w"})
				p.event(2*time.Hour, "e2", "Looked", nil)
			},
			outcome: "recovered", passed: []string{"r@3h", "end@3h: recovered"},
		},
		"not when silent": {
			steps: "  - {id: w, wait: 1h}\n", head: "goal: {event: G, within: 60h}\n" + below, first: map[string]float64{"purchase": 0.75},
			outcome: contract.Completed, passed: []string{"w@1h"}, gauges: 1,
		},
		"not when held out": {
			head: below + "\ntimeout: 60h", first: map[string]float64{"purchase": 0.75},
			play: func(p *play) { p.in.Holdout = true; complain(time.Hour, "Call Ended")(p) }, outcome: contract.TimedOut,
		},
		"paused while it fades: on resume": {
			head: below, first: map[string]float64{"purchase": 0.75}, play: func(p *play) {
				p.order(time.Hour, contract.PauseUpdate, contract.Command{})
				p.order(30*time.Hour, contract.ResumeUpdate, contract.Command{})
			},
			outcome: "recovered", passed: []string{"r@31h", "end@31h: recovered"},
		},
		"both past on resume: what fell first goes first": {
			head: below, first: map[string]float64{"purchase": 0.75}, play: func(p *play) {
				p.order(time.Hour, contract.PauseUpdate, contract.Command{})
				p.order(50*time.Hour, contract.ResumeUpdate, contract.Command{})
			},
			outcome: "recovered", passed: []string{"r@51h", "end@51h: recovered"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if test.steps == "" {
				test.steps = waits
			}
			p := newPlay(t, journeyOf(test.steps+recovery, test.head, "vars: {n: 0}"))
			for intent, value := range test.first {
				p.feels(intent, value)
			}
			if test.play != nil {
				test.play(p)
			}
			p.expect(test.outcome, p.run(), test.passed...)
			p.same("account", test.account, p.account)
			if test.gauges > 0 && len(p.gauges) != test.gauges {
				t.Errorf("asked for levels %d times, want %d", len(p.gauges), test.gauges)
			}
		})
	}
}
