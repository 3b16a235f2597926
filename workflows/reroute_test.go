package workflows

import (
	"fmt"
	"testing"
	"time"

	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// reroutes prepares a journey with a second path, to which waits, sends and hand-offs are left.
func reroutes(t *testing.T, steps, head string, rules ...journey.RerouteRule) *play {
	t.Helper()
	const paths = "paths:\n  recovery:\n    - {id: r, set: {vars.by: event.n, vars.name: event_name}}\n    - {id: rest, wait_for: " +
		"{event: A}, timeout: 2h}\n  other:\n    - {id: o, exit: other}\n  empty: []\n"
	return altered(
		t,
		journeyOf(
			steps+"  - {id: never, when: false, go_to: recovery}\n  - {id: never2, when: false, go_to: other}\n  - {id: never3, when: "+
				"false, go_to: empty}\n"+paths,
			head,
		),
		func(d *journey.Definition) { d.Reroute = rules },
	)
}

func on(event, to string) journey.RerouteRule {
	return journey.RerouteRule{Events: []string{event}, GoTo: to}
}

func TestReroute(t *testing.T) {
	t.Parallel()
	repeat := on("Failed", "recovery")
	repeat.Repeat = true
	n := map[string]any{"n": 7.0}
	const waits = "  - {id: w, wait: 9h}\n"
	tests := map[string]struct {
		steps, head string
		rules       []journey.RerouteRule
		play        func(p *play)
		outcome     string
		account     []string
		passed      []string
	}{
		"from a wait": {
			rules: []journey.RerouteRule{on("Failed", "recovery")}, play: func(p *play) { p.event(time.Hour, "e1", "Failed", n) },
			outcome: contract.Completed, passed: []string{"r@1h", "rest@3h: timed out"},
		},
		"the first rule that fits": {
			rules: []journey.RerouteRule{
				{Events: []string{"Failed"}, When: "event.n > 7.0", GoTo: "recovery"},
				{When: "event.n == 7.0", GoTo: "other"},
				on("Failed", "recovery"),
			},
			play: func(p *play) { p.event(time.Hour, "e1", "Failed", n) }, outcome: "other", passed: []string{"o@1h: other"},
		},
		"goal and exits go before": {
			head:  "goal: {event: Failed, when: event.n > 7}\nexit: [{event: Failed, outcome: gone}]",
			rules: []journey.RerouteRule{on("Failed", "recovery")},
			play:  func(p *play) { p.event(time.Hour, "e1", "Failed", n) }, outcome: "gone",
		},
		"once, and not to the path it is on": {
			rules: []journey.RerouteRule{on("Failed", "recovery"), on("Failed", "recovery")},
			play: func(p *play) {
				p.event(time.Hour, "e1", "Failed", n)
				p.event(2*time.Hour, "e2", "Failed", n)
			},
			outcome: contract.Completed, passed: []string{"r@1h", "rest@3h: timed out"},
		},
		"not again from elsewhere": {
			rules: []journey.RerouteRule{on("Failed", "recovery")},
			play: func(p *play) {
				p.event(time.Hour, "e1", "Failed", n)
				p.order(2*time.Hour, contract.GoToUpdate, contract.Command{Target: "w"})
				p.event(3*time.Hour, "e2", "Failed", n)
			},
			outcome: contract.Completed, passed: []string{"r@1h", "w@11h", "never@11h: skipped", "never2@11h: skipped",
				"never3@11h: skipped"},
		},
		"again where the rule repeats": {
			rules: []journey.RerouteRule{repeat},
			play: func(p *play) {
				p.event(time.Hour, "e1", "Failed", n)
				p.order(2*time.Hour, contract.GoToUpdate, contract.Command{Target: "w"})
				p.event(3*time.Hour, "e2", "Failed", n)
			},
			outcome: contract.Completed, passed: []string{"r@1h", "r@3h", "rest@5h: timed out"},
		},
		"the other way is another rule": {
			rules: []journey.RerouteRule{on("Failed", "recovery"), on("Failed", "other")},
			play: func(p *play) {
				p.event(time.Hour, "e1", "Failed", n)
				p.event(2*time.Hour, "e2", "Failed", n)
			},
			outcome: "other", passed: []string{"r@1h", "o@2h: other"},
		},
		"to a path without steps": {
			rules: []journey.RerouteRule{
				on("Failed", "empty"),
			}, play: func(p *play) { p.event(time.Hour, "e1", "Failed", n) }, outcome: contract.Completed,
		},
		"the event that rerouted is used up, and what came before it is old": {
			rules: []journey.RerouteRule{
				on("A", "recovery"),
			}, steps: "  - {id: w, wait_for: {event: [A, B], when: event.n > 9}, timeout: 9h}\n",
			play: func(p *play) {
				p.event(time.Hour, "e1", "A", n)
				p.event(2*time.Hour, "e2", "A", n)
			},
			outcome: contract.Completed, passed: []string{"r@1h", "rest@2h: A"},
		},
		"what a wait_for had not taken is not seen behind a reroute": {
			rules: []journey.RerouteRule{
				on("Failed", "recovery"),
			}, steps: "  - {id: w, wait_for: {event: A, when: event.n > 9}, timeout: 9h}\n",
			play: func(p *play) {
				p.event(time.Hour, "e1", "A", n)
				p.event(2*time.Hour, "e2", "Failed", n)
			},
			outcome: contract.Completed, passed: []string{"r@2h", "rest@4h: timed out"},
		},
		"a hand-off is withdrawn before the next step": {
			steps: "  - {id: h, handoff: care, timeout: 9h}\n", rules: []journey.RerouteRule{on("Failed", "recovery")},
			play: func(p *play) {
				p.event(time.Hour, "e1", "Failed", n)
				p.resolve(90*time.Minute, "r1", "h/1", "refunded")
			},
			outcome: contract.Completed, account: []string{"open care (h/1)", "withdraw (h/1): the journey moved on"},
			passed: []string{"r@1h", "rest@3h: timed out"},
		},
		"a send under way is cancelled": {
			steps: "  - {id: s, send: hello, via: email}\n", rules: []journey.RerouteRule{on("Failed", "recovery")},
			play: func(p *play) {
				p.send, p.deliver = answer(contract.StatusRetry, ""), failing(1000)
				p.event(2*time.Second, "e1", "Failed", n)
			},
			outcome: contract.Completed, account: []string{"send hello (s/1)", "deliver hello (s/1)", "deliver hello (s/1)"},
			passed: []string{"r@2s", "rest@2h0m2s: timed out"},
		},
		"a call under way is cancelled": {
			steps: "  - id: c\n    call: {url: \"https://a.example\"}\n", rules: []journey.RerouteRule{on("Failed", "recovery")},
			play: func(p *play) {
				p.call = broken(1000)
				p.event(2*time.Second, "e1", "Failed", n)
			},
			outcome: contract.Completed, account: []string{"call https://a.example (c/1)", "call https://a.example (c/1)"},
			passed: []string{"r@2s", "rest@2h0m2s: timed out"},
		},
		"a send held by a paused journey is left when it is resumed": {
			steps: "  - {id: s, send: hello, via: email}\n", rules: []journey.RerouteRule{on("Failed", "recovery")},
			play: func(p *play) {
				p.send = answerThen(contract.StatusPaused, contract.StatusSent)
				p.event(time.Hour, "e1", "Failed", n)
				p.order(2*time.Hour, contract.ResumeUpdate, contract.Command{})
			},
			outcome: contract.Completed, account: []string{"send hello (s/1)"}, passed: []string{"r@2h", "rest@4h: timed out"},
		},
		"paused: on resume, though its step is overdue": {
			rules: []journey.RerouteRule{on("Failed", "recovery")},
			play: func(p *play) {
				p.order(time.Minute, contract.PauseUpdate, contract.Command{})
				p.event(time.Hour, "e1", "Failed", n)
				p.order(10*time.Hour, contract.ResumeUpdate, contract.Command{})
			},
			outcome: contract.Completed, passed: []string{"r@10h", "rest@12h: timed out"},
		},
		"between two steps: the one behind is not begun": {
			steps: "  - {id: a, set: {customer.x: 1}}\n  - {id: s, send: hello, via: email}\n",
			rules: []journey.RerouteRule{on("Failed", "recovery")},
			play: func(p *play) {
				p.assigned = func() { p.env.SignalWorkflow(contract.DeliveryName, p.deliveryOf("e1", "Failed", n)) }
			},
			outcome: contract.Completed, account: []string{"assign customer.x=1 (a/1)"},
			passed: []string{"a@0s", "r@0s", "rest@2h: timed out"},
		},
		"at the moment its wait is over": {
			rules: []journey.RerouteRule{on("Failed", "recovery")},
			play: func(p *play) {
				p.at(
					9*time.Hour-time.Millisecond,
					func() {
						p.env.SignalWorkflowSkippingWorkflowTask(contract.DeliveryName, p.deliveryOf("e1", "Failed", n))
					},
				)
			},
			outcome: contract.Completed, passed: []string{"r@9h", "rest@11h: timed out"},
		},
		"not when silent": {
			head: "goal: {event: Bought, within: 20h}", rules: []journey.RerouteRule{on("Failed", "recovery")},
			play: func(p *play) { p.event(10*time.Hour, "e1", "Failed", n) }, outcome: contract.Completed,
			passed: []string{"w@9h", "never@9h: skipped", "never2@9h: skipped", "never3@9h: skipped"},
		},
		"not when held out": {
			head: "timeout: 2d", rules: []journey.RerouteRule{on("Failed", "recovery")},
			play: func(p *play) { p.in.Holdout = true; p.event(time.Hour, "e1", "Failed", n) }, outcome: contract.TimedOut,
		},
		"the resolution of a hand-off reroutes nobody": {
			steps: "  - {id: h, handoff: care, timeout: 9h}\n", rules: []journey.RerouteRule{{GoTo: "other"}},
			play: func(p *play) { p.resolve(time.Hour, "r1", "h/1", "refunded") }, outcome: contract.Completed,
			account: []string{"open care (h/1)"},
			passed:  []string{"h@1h: refunded by kim", "never@1h: skipped", "never2@1h: skipped", "never3@1h: skipped"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if test.steps == "" {
				test.steps = waits
			}
			p := reroutes(t, test.steps, test.head, test.rules...)
			test.play(p)
			p.expect(test.outcome, p.run(), test.passed...)
			p.same("account", test.account, p.account)
		})
	}
}

func TestReroutePassesTheEventToItsPath(t *testing.T) {
	t.Parallel()
	p := reroutes(t, "  - {id: w, wait: 9h}\n", "", on("Failed", "recovery"))
	p.event(time.Hour, "e1", "Failed", map[string]any{"n": 7.0})
	p.at(2*time.Hour, func() {
		if got := fmt.Sprint(p.view().Vars); got != "map[by:7 name:Failed]" {
			t.Errorf("vars %s", got)
		}
	})
	p.run()
}

// Goal, exits and reroutes that read the customer are checked by one activity.
func TestReroutesAndExitsAreCheckedByOneActivity(t *testing.T) {
	t.Parallel()
	p := reroutes(
		t,
		"  - {id: w, wait: 9h}\n",
		"exit: [{event: Failed, when: customer.vip == true}]",
		journey.RerouteRule{
			When: "customer.tier == 'tin'",
			GoTo: "other",
		},
		journey.RerouteRule{When: "customer.tier == 'gold'", GoTo: "recovery"},
	)
	p.customer["tier"] = "gold"
	p.event(time.Hour, "e1", "Failed", map[string]any{"n": 7.0})
	p.expect(contract.Completed, p.run(), "r@1h", "rest@3h: timed out")
	if p.evals != 1 {
		t.Errorf("the customer was asked %d times", p.evals)
	}
}

// A rule that has fired has fired on another revision too, wherever it is there.
func TestRerouteIsRememberedOverRevisions(t *testing.T) {
	t.Parallel()
	p := reroutes(t, "  - {id: w, wait: 9h}\n", "", on("Failed", "recovery"))
	p.event(time.Hour, "e1", "Failed", nil)
	p.order(90*time.Minute, contract.GoToUpdate, contract.Command{Target: "w"})
	next := reroutes(t, "  - {id: w, wait: 10h}\n", "", on("Lost", "other"), on("Failed", "recovery"))
	packed, err := journey.Pack(next.prog.Definition)
	if err != nil {
		t.Fatal(err)
	}
	p.next = next.prog
	p.moveTo(
		2*time.Hour,
		contract.Delivery{
			ID:         "m1",
			Enrollment: "e-1",
			Command:    &contract.Command{Kind: contract.MigrateOrder, Revision: next.prog.Revision(), Definition: packed},
		},
	)
	n := p.renewed()
	n.event(time.Hour, "e2", "Failed", nil)
	n.event(2*time.Hour, "e3", "Lost", nil)
	n.expect("other", n.run(), "r@1h: not set, for want of a value: vars.by (n is missing)", "o@4h: other")
}
