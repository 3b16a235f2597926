package workflows

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

const oneQuestion = `  - id: q
    ask: hello
    via: [push, email]
    timeout: 4h
    replies:
      - {intent: refund, then: [{id: money, exit: money}]}
      - {matches: "(?i)^stop", then: [{id: stop, exit: stopped}]}
    on_timeout: [{id: late, exit: late}]
  - {id: done, exit: done}
`

// says has the customer write.
func (p *play) says(d time.Duration, id string) {
	p.event(d, id, journey.MessageReceived, map[string]any{"channel": "push"})
}

func TestAsk(t *testing.T) {
	t.Parallel()
	sent := "send hello (q/1)"
	handled := strings.Replace(
		oneQuestion,
		"    on_timeout",
		"    on_blocked: [{id: blocked, exit: blocked}]\n    on_failure: [{id: failed, exit: not-asked}]\n    on_timeout",
		1,
	)
	again := "  - {id: first, wait: 1h}\n" + strings.Replace(
		strings.Replace(
			oneQuestion,
			"{id: late, exit: late}",
			"{id: n, set: {vars.n: vars.n + 1}}, {id: back, go_to: q, when: vars.n < 2}, {id: late, exit: late}",
			1,
		),
		"timeout: 4h",
		"timeout: 4h",
		1,
	)
	tests := map[string]struct {
		steps, head   string
		send, deliver func(int, contract.Send) (contract.SendResult, error)
		reply         map[string]int
		play          func(p *play)
		outcome       string
		account       []string
		passed        []string
		arms          []string
		parked        []string
	}{
		"answered, as an intent": {
			reply: map[string]int{
				"m1": 0,
			}, play: func(p *play) { p.says(time.Hour, "m1") }, outcome: "money", account: []string{sent, "read m1 for q"},
			passed: []string{
				"q@1h: answered: refund (0.83)",
				"money@1h: money",
			}, arms: []string{"q 1", "money"}, parked: []string{"q ask until 4h"},
		},
		"answered, as a pattern": {
			reply: map[string]int{
				"m1": 1,
			}, play: func(p *play) { p.says(time.Hour, "m1") }, outcome: "stopped", account: []string{sent, "read m1 for q"},
			passed: []string{"q@1h: answered", "stop@1h: stopped"}, arms: []string{"q 2", "stop"},
		},
		"timed out": {
			outcome: "late",
			account: []string{sent},
			passed:  []string{"q@4h: timed out", "late@4h: late"},
			arms:    []string{"q on_timeout", "late"},
		},
		"one that fits no arm is left, and read once": {
			reply: map[string]int{"m2": 0}, play: func(p *play) {
				p.says(time.Hour, "m1")
				p.event(90*time.Minute, "e1", "Viewed", nil)
				p.says(2*time.Hour, "m2")
			},
			outcome: "money", account: []string{sent, "read m1 for q", "read m2 for q"},
			passed: []string{"q@2h: answered: refund (0.83)", "money@2h: money"},
		},
		"what came before the question is no reply": {
			steps: "  - {id: w, wait_for: {event: A}, timeout: 1h}\n  - {id: s, set: {customer.x: 1}}\n" + oneQuestion,
			play: func(p *play) {
				p.says(30*time.Minute, "m1") // goes with the wait
				p.assigned = func() { p.env.SignalWorkflow(contract.DeliveryName, p.deliveryOf("m2", journey.MessageReceived, nil)) }
			},
			outcome: "late", account: []string{"assign customer.x=1 (s/1)", sent},
			passed: []string{"w@1h: timed out", "s@1h", "q@5h: timed out", "late@5h: late"},
		},
		"nor what came while the question was held": {
			send: heldUntil(
				2 * time.Hour,
			), reply: map[string]int{"m1": 0, "m2": 1}, play: func(p *play) { p.says(time.Hour, "m1"); p.says(3*time.Hour, "m2") },
			outcome: "stopped", account: []string{sent, sent, "read m2 for q"}, passed: []string{"q@3h: answered", "stop@3h: stopped"},
			parked: []string{"q ask until 2h", "q ask until 6h"},
		},
		"its time runs from when it was asked": {
			send: heldUntil(
				2 * time.Hour,
			), outcome: "late", account: []string{sent, sent}, passed: []string{"q@6h: timed out", "late@6h: late"},
			parked: []string{"q ask until 2h", "q ask until 6h"},
		},
		"asked at the second attempt": {
			send: answer(
				contract.StatusRetry,
				"",
			), deliver: failing(1), outcome: "late", account: []string{sent, "deliver hello (q/1)", "deliver hello (q/1)"},
			passed: []string{"q@4h0m1s: timed out", "late@4h0m1s: late"},
		},
		"blocked": {
			steps: handled, send: answer(contract.StatusSuppressed, "NO_CONSENT"), outcome: "blocked", account: []string{sent},
			passed: []string{"q@0s: not asked: suppressed (NO_CONSENT)", "blocked@0s: blocked"}, arms: []string{"q on_blocked", "blocked"},
		},
		"failed": {
			steps: handled, send: answer(contract.StatusFailed, "BOUNCED"), outcome: "not-asked", account: []string{sent},
			passed: []string{"q@0s: not asked: failed (BOUNCED)", "failed@0s: not-asked"}, arms: []string{"q on_failure", "failed"},
		},
		"blocked, and no way for it: the way of the timeout": {
			send: answer(
				contract.StatusSuppressed,
				"NO_CONSENT",
			), outcome: "late", account: []string{sent}, passed: []string{"q@0s: not asked: suppressed (NO_CONSENT)", "late@0s: late"},
		},
		"the journey is paused before it is asked": {
			send: answerThen(
				contract.StatusPaused,
				contract.StatusSent,
			), play: func(p *play) { p.order(time.Hour, contract.ResumeUpdate, contract.Command{}) },
			outcome: "late", account: []string{sent, sent}, passed: []string{"q@5h: timed out", "late@5h: late"},
			parked: []string{"q ask paused", "q ask until 5h"},
		},
		"answered while paused: counts on resume, even past its time": {
			reply: map[string]int{"m1": 0}, play: func(p *play) {
				p.order(time.Minute, contract.PauseUpdate, contract.Command{})
				p.says(time.Hour, "m1")
				p.order(6*time.Hour, contract.ResumeUpdate, contract.Command{})
			},
			outcome: "money", account: []string{sent, "read m1 for q"},
			passed: []string{"q@6h: answered: refund (0.83)", "money@6h: money"},
		},
		"skipped before it is asked": {
			send: heldUntil(
				2 * time.Hour,
			), play: func(p *play) { p.order(time.Hour, contract.SkipUpdate, contract.Command{}) }, outcome: "done",
			account: []string{sent}, passed: []string{"done@1h: done"},
		},
		"skipped while it waits": {
			play:    func(p *play) { p.order(time.Hour, contract.SkipUpdate, contract.Command{}) },
			outcome: "done",
			account: []string{sent},
			passed:  []string{"done@1h: done"},
		},
		"the goal ends it": {
			head:    "goal: {event: Bought}",
			play:    func(p *play) { p.event(time.Hour, "e1", "Bought", nil) },
			outcome: contract.Goal,
			account: []string{sent},
		},
		"the goal takes the message": {
			head: "goal: {event: Message Received}", play: func(p *play) { p.says(time.Hour, "m1") }, outcome: contract.Goal,
			account: []string{sent},
		},
		"a second try: another question, and another reply": {
			steps: again, head: "vars: {n: 0}", reply: map[string]int{"m1": -1, "m2": 0},
			play:    func(p *play) { p.says(2*time.Hour, "m1"); p.says(6*time.Hour, "m2") },
			outcome: "money", account: []string{sent, "read m1 for q", "send hello (q/2)", "read m2 for q"},
			passed: []string{"first@1h", "q@5h: timed out", "n@5h", "back@5h: q", "q@6h: answered: refund (0.83)", "money@6h: money"},
		},
		"two that answer at once: the first": {
			reply: map[string]int{"m1": 1, "m2": 0}, play: func(p *play) {
				p.at(time.Hour, func() {
					p.env.SignalWorkflowSkippingWorkflowTask(contract.DeliveryName, p.deliveryOf("m1", journey.MessageReceived, nil))
					p.env.SignalWorkflow(contract.DeliveryName, p.deliveryOf("m2", journey.MessageReceived, nil))
				})
			},
			outcome: "stopped", account: []string{sent, "read m1 for q"}, passed: []string{"q@1h: answered", "stop@1h: stopped"},
		},
		"a reply is used up": {
			steps: "  - {id: q, ask: hello, timeout: 4h}\n  - {id: v, wait_for: {event: Message Received}, timeout: 1h, since: entry}\n",
			reply: map[string]int{"m1": 0},
			play:  func(p *play) { p.says(time.Hour, "m1") }, outcome: contract.Completed, account: []string{sent, "read m1 for q"},
			passed: []string{"q@1h: answered", "v@2h: timed out"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if test.steps == "" {
				test.steps = oneQuestion
			}
			p := newPlay(t, journeyOf(test.steps, test.head))
			p.send, p.deliver, p.reply = test.send, test.deliver, understands(test.reply)
			if test.play != nil {
				test.play(p)
			}
			p.expect(test.outcome, p.run(), test.passed...)
			p.same("account", test.account, p.account)
			if test.arms != nil {
				p.same("arms", test.arms, p.arms())
			}
			if test.parked != nil {
				p.same("parked", test.parked, p.parked())
			}
		})
	}
}

func TestAskResult(t *testing.T) {
	t.Parallel()
	const read = "  - {id: x, set: {vars.i: steps.q.intent, vars.c: steps.q.confidence, vars.late: steps.q.timed_out, vars.h: " +
		"event_name%s}}\n  - {id: stay, wait: 1h}\n  - {id: s, send: bye, via: email}\n"
	for name, asked := range map[string]bool{"without the text": false, "with the text, which the journey names": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			more, want := "", "map[c:0.83 h:Message Received i:refund late:false]"
			if asked {
				more, want = ", vars.t: steps.q.text", "map[c:0.83 h:Message Received i:refund late:false t:text of m1]"
			}
			p := newPlay(t, journeyOf("  - {id: q, ask: hello, timeout: 4h, replies: [{intent: refund}]}\n"+fmt.Sprintf(read, more)))
			p.reply = understands(map[string]int{"m1": 0})
			p.at(30*time.Minute, func() {
				view := p.view()
				p.same("waiting for", []string{"a reply to hello"}, view.WaitingFor)
				if last := view.Story[len(view.Story)-1]; last != "2026-03-02 10:00:00 UTC q (ask): asked hello by email" {
					t.Errorf("story %q", view.Story)
				}
			})
			p.says(time.Hour, "m1")
			p.at(90*time.Minute, func() {
				view := p.view()
				if got := fmt.Sprint(view.Vars); got != want {
					t.Errorf("vars %s, want %s", got, want)
				}
				if story := strings.Join(view.Story, "\n"); strings.Contains(story, "text of") ||
					!strings.Contains(story, "answered: refund (0.83)") {
					t.Errorf("story %q", story)
				}
			})
			p.run()
			if r := p.replies[0]; r.Event != "m1" || r.Step != "q" || len(r.Arms) != 1 || r.Text != asked {
				t.Errorf("asked for %+v", r)
			}
			if q := p.sends[0]; !q.Keep || q.Key != "e-1/q/1" || q.Step != "q" {
				t.Errorf("the question %+v", q)
			}
			if later := p.sends[1]; later.StepEvents["q"] != "m1" || later.Keep {
				t.Errorf("a later send %+v", later)
			}
		})
	}
}
