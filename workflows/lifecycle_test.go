package workflows

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"go.temporal.io/sdk/temporal"

	"github.com/tabi-journeys/tabi/workflows/contract"
)

func TestGoalAndExit(t *testing.T) {
	t.Parallel()
	const head = `goal: {event: Bought, when: event.cart_id == entry.cart_id, value: event.total}
exit:
  - {event: Bought, outcome: other-cart}
  - {event: Emptied, when: event.cart_id == entry.cart_id}
  - {when: customer.employee == true, outcome: staff}
timeout: 2d`
	const steps = "  - {id: w, wait: 3d}\n"
	tests := map[string]struct {
		play    func(p *play)
		outcome string
		value   float64
		reason  string
	}{
		"goal, with its value": {
			play:    func(p *play) { p.event(time.Hour, "e1", "Bought", map[string]any{"cart_id": "k1", "total": 99.5}) },
			outcome: contract.Goal, value: 99.5, reason: "by Bought",
		},
		"goal without a value": {
			play:    func(p *play) { p.event(time.Hour, "e1", "Bought", map[string]any{"cart_id": "k1"}) },
			outcome: contract.Goal, reason: "by Bought",
		},
		"exit where the goal does not fit": {
			play:    func(p *play) { p.event(time.Hour, "e1", "Bought", map[string]any{"cart_id": "k2", "total": 9.0}) },
			outcome: "other-cart", reason: "by Bought",
		},
		"exit without a label": {
			play:    func(p *play) { p.event(time.Hour, "e1", "Emptied", map[string]any{"cart_id": "k1"}) },
			outcome: contract.Exited, reason: "by Emptied",
		},
		"exit without an event is checked on every event": {
			play: func(p *play) {
				p.event(time.Hour, "e1", "Looked", nil)
				p.at(2*time.Hour, func() {
					p.mu.Lock()
					p.customer = map[string]any{"employee": true}
					p.mu.Unlock()
					p.update("e2", p.deliveryOf("e2", "Looked", nil))
				})
			},
			outcome: "staff", reason: "by Looked",
		},
		"its longest life": {outcome: contract.TimedOut, reason: "journey timeout reached"},
		"the goal at the very last moment": {
			play: func(p *play) {
				p.at(48*time.Hour-time.Millisecond, func() {
					p.env.SignalWorkflowSkippingWorkflowTask(
						contract.DeliveryName,
						p.deliveryOf("e1", "Bought", map[string]any{"cart_id": "k1", "total": 1.0}),
					)
				})
			},
			outcome: contract.Goal, value: 1, reason: "by Bought",
		},
		"two ends at once: the first to come": {
			play: func(p *play) {
				p.at(time.Hour, func() {
					p.env.SignalWorkflowSkippingWorkflowTask(contract.DeliveryName,
						p.deliveryOf("e1", "Emptied", map[string]any{"cart_id": "k1"}))
					p.env.SignalWorkflow(contract.DeliveryName, p.deliveryOf("e2", "Bought", map[string]any{"cart_id": "k1", "total": 1.0}))
				})
			},
			outcome: contract.Exited, reason: "by Emptied",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPlay(t, journeyOf(steps, head))
			if test.play != nil {
				test.play(p)
			}
			result := p.run()
			p.expect(test.outcome, result)
			if result.Value != test.value || result.Reason != test.reason {
				t.Errorf("%+v", result)
			}
		})
	}
}

func TestTimeoutWinsOverAStepDueAtTheSameMoment(t *testing.T) {
	t.Parallel()
	p := newPlay(t, journeyOf("  - {id: w, wait: 2d}\n  - {id: s, send: hello, via: email}\n", "timeout: 2d"))
	p.expect(contract.TimedOut, p.run())
	if len(p.sends) > 0 {
		t.Error("it sent when its life was over")
	}
}

func TestGoalWithin(t *testing.T) {
	t.Parallel()
	const head = "goal: {event: Bought, within: 3d}\nexit: [{event: Left, outcome: left}]\ntimeout: 1d"
	const steps = "  - {id: w, wait: 1h}\n"
	tests := map[string]struct {
		head, steps string
		play        func(p *play)
		outcome     string
		end         time.Duration
		parked      []string
	}{
		"silent after the end of its path: no exit, no timeout": {
			play: func(p *play) { p.event(2*time.Hour, "e1", "Left", nil) }, outcome: contract.Completed, end: 72 * time.Hour,
			parked: []string{"w wait until 1h", " watch until 72h silent"},
		},
		"bought while silent": {
			play: func(p *play) { p.event(50*time.Hour, "e1", "Bought", nil) }, outcome: contract.Goal, end: 50 * time.Hour,
			parked: []string{"w wait until 1h", " watch until 72h silent"},
		},
		"other ends do not wait": {
			play: func(p *play) { p.event(30*time.Minute, "e1", "Left", nil) }, outcome: "left", end: 30 * time.Minute,
			parked: []string{"w wait until 1h"},
		},
		"an exit step does not wait": {
			steps: "  - {id: w, wait: 1h}\n  - exit: early\n", outcome: "early", end: time.Hour, parked: []string{"w wait until 1h"},
		},
		"over before its path has ended": {
			head: "goal: {event: Bought, within: 30m}", outcome: contract.Completed, end: time.Hour, parked: []string{"w wait until 1h"},
		},
		"cancelled while silent": {
			play: func(p *play) { p.order(2*time.Hour, contract.ExitUpdate, contract.Command{}) }, outcome: contract.Cancelled,
			end:    2 * time.Hour,
			parked: []string{"w wait until 1h", " watch until 72h silent"},
		},
		"sent back while silent": {
			head:    "goal: {event: Bought, within: 3d}",
			play:    func(p *play) { p.order(2*time.Hour, contract.GoToUpdate, contract.Command{Target: "w"}) },
			outcome: contract.Completed, end: 72 * time.Hour,
			parked: []string{"w wait until 1h", " watch until 72h silent", "w wait until 3h", " watch until 72h silent"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if test.head == "" {
				test.head = head
			}
			if test.steps == "" {
				test.steps = steps
			}
			p := newPlay(t, journeyOf(test.steps, test.head))
			if test.play != nil {
				test.play(p)
			}
			if result := p.run(); result.Outcome != test.outcome {
				t.Errorf("%+v", result)
			}
			p.same("parked", test.parked, p.parked())
			p.same("ends", []string{test.outcome}, p.ends())
			if at := p.reports[len(p.reports)-1].Ended.At.Sub(testStart); at != test.end {
				t.Errorf("ended after %s, want %s", at, test.end)
			}
		})
	}
}

func TestHoldout(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		head    string
		play    func(p *play)
		outcome string
		end     time.Duration
	}{
		"takes no step, until its longest life is over": {
			head:    "goal: {event: Bought}\ntimeout: 2d",
			outcome: contract.TimedOut,
			end:     48 * time.Hour,
		},
		"until watching ends": {
			head:    "goal: {event: Bought, within: 3d}\ntimeout: 2d",
			outcome: contract.TimedOut,
			end:     72 * time.Hour,
		},
		"goal": {
			head:    "goal: {event: Bought, within: 3d}\ntimeout: 2d",
			play:    func(p *play) { p.event(60*time.Hour, "e1", "Bought", nil) },
			outcome: contract.Goal,
			end:     60 * time.Hour,
		},
		"exit": {
			head:    "exit: [{event: Left, outcome: left}]",
			play:    func(p *play) { p.event(time.Hour, "e1", "Left", nil) },
			outcome: "left",
			end:     time.Hour,
		},
		"nobody sends it anywhere": {head: "timeout: 2d", play: func(p *play) {
			p.order(time.Hour, contract.GoToUpdate, contract.Command{Target: "s"})
			p.order(time.Hour, contract.SkipUpdate, contract.Command{})
		}, outcome: contract.TimedOut, end: 48 * time.Hour},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPlay(t, journeyOf("  - {id: s, send: hello, via: email}\n", test.head))
			p.in.Holdout = true
			if test.play != nil {
				test.play(p)
			}
			p.expect(test.outcome, p.run())
			if len(p.account) > 0 {
				t.Errorf("a held-out customer was touched: %v", p.account)
			}
			if at := p.reports[len(p.reports)-1].Ended.At.Sub(testStart); at != test.end {
				t.Errorf("ended after %s, want %s", at, test.end)
			}
		})
	}
}

func TestCancelled(t *testing.T) {
	t.Parallel()
	for name, steps := range map[string]string{
		"wait":     "  - {id: x, wait: 3d}\n",
		"wait_for": "  - {id: x, wait_for: {event: A}, timeout: 3d}\n",
		"handoff":  "  - {id: x, handoff: care}\n",
		"held":     "  - {id: x, send: hello, via: email}\n",
		"ask":      "  - {id: x, ask: bye, via: email, timeout: 3d}\n",
		"level":    "  - {id: x, wait_for: {intent: complaint, above: 0.5}, timeout: 3d}\n",
		"watch":    "  - {id: x, set: {vars.a: 1}}\n",
	} {
		for _, paused := range []bool{false, true} {
			t.Run(name+map[bool]string{true: " paused"}[paused], func(t *testing.T) {
				t.Parallel()
				p := newPlay(t, journeyOf(steps, "goal: {event: Bought, within: 10d}"))
				if name == "held" {
					p.send = heldUntil(9 * time.Hour)
				}
				if paused {
					p.order(time.Minute, contract.PauseUpdate, contract.Command{})
				}
				p.at(time.Hour, p.env.CancelWorkflow)
				p.env.ExecuteWorkflow(Journey, p.in)
				if err := p.env.GetWorkflowError(); !temporal.IsCanceledError(err) {
					t.Errorf("ended with %v, not as cancelled", err)
				}
				p.same("ends", []string{contract.Cancelled}, p.ends())
			})
		}
	}
}

func TestCancelledDuringAReport(t *testing.T) {
	t.Parallel()
	p := newPlay(t, journeyOf("  - {id: a, set: {vars.a: 1}}\n  - {id: x, wait: 3d}\n"))
	p.report = func(n int, _ contract.Report) error {
		if n < 4 {
			return errDown
		}
		return nil
	}
	p.at(50*time.Millisecond, p.env.CancelWorkflow)
	p.env.ExecuteWorkflow(Journey, p.in)
	if err := p.env.GetWorkflowError(); !temporal.IsCanceledError(err) {
		t.Errorf("ended with %v, not as cancelled", err)
	}
	last := p.reports[len(p.reports)-1]
	if last.Ended == nil || last.Ended.Outcome != contract.Cancelled || len(last.Passed) != 1 || last.Passed[0].Step != "a" {
		t.Errorf("the last report: %+v", last)
	}
}

func TestSupersededRunEndsAtOnceAndReportsNothing(t *testing.T) {
	t.Parallel()
	p := newPlay(t, journeyOf("  - {id: w, wait: 1h}\n  - {id: s, send: hello, via: email}\n"))
	p.report = func(int, contract.Report) error { return errSuperseded() }
	result := p.run()
	if result.Outcome != "" || !strings.Contains(result.Reason, "enrollment") || p.tries != 1 || len(p.sends) > 0 {
		t.Errorf("%+v after %d reports, %d sends", result, p.tries, len(p.sends))
	}
}

func TestSupersededAtTheLastReport(t *testing.T) {
	t.Parallel()
	p := newPlay(t, journeyOf("  - {id: x, set: {vars.a: 1}}\n"))
	p.report = func(int, contract.Report) error { return errSuperseded() }
	if result := p.run(); result.Outcome != "" || result.Reason == "" {
		t.Errorf("%+v", result)
	}
}

// The last task of a run was lost after its end. It runs again without the event that ended it, and learns from
// the store how it ended.
func TestRunWhoseLastTaskWasLostEndsAsBefore(t *testing.T) {
	t.Parallel()
	for name, yaml := range map[string]string{"where it waits": "  - {id: w, wait: 1h}\n",
		"at another end": "  - {id: x, set: {vars.a: 1}}\n"} {
		p := newPlay(t, journeyOf(yaml))
		p.report = func(int, contract.Report) error {
			return temporal.NewNonRetryableApplicationError(
				"closed",
				contract.Superseded,
				nil,
				contract.Ended{Outcome: contract.Goal, Reason: "it came", Value: 7, At: time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)},
			)
		}
		if result := p.run(); result.Outcome != contract.Goal || result.Reason != "it came" || result.Value != 7 {
			t.Errorf("%s: %+v", name, result)
		}
	}
}

func TestActivityRefusedForGoodFailsTheEnrollment(t *testing.T) {
	t.Parallel()
	p := newPlay(t, journeyOf("  - {id: w, wait: 1h}\n"))
	p.report = func(n int, _ contract.Report) error {
		if n == 1 {
			return temporal.NewNonRetryableApplicationError("no such place", "Broken", nil)
		}
		return nil
	}
	if result := p.run(); result.Outcome != contract.Failed || result.Reason != "no such place" {
		t.Errorf("%+v", result)
	}
	p.same("ends", []string{contract.Failed}, p.ends())
}

func TestBadDefinitionIsRefused(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(in *Input){
		"no definition":      func(in *Input) { in.Definition, in.Revision = []byte("not gzip"), "ba9876543210" },
		"another definition": func(in *Input) { in.Revision = "0123456789ab" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPlay(t, journeyOf("  - {id: w, wait: 1h}\n"))
			spoil(&p.in)
			p.env.ExecuteWorkflow(Journey, p.in)
			if got := rejection(p.env.GetWorkflowError()); got != "BadDefinition" {
				t.Errorf("got %v", p.env.GetWorkflowError())
			}
		})
	}
}

func TestNewerInterpreterBlocksTheTask(t *testing.T) {
	t.Parallel()
	p := newPlay(t, journeyOf("  - {id: w, wait: 1h}\n"))
	p.in.Interpreter = contract.InterpreterVersion + 1
	p.env.ExecuteWorkflow(Journey, p.in)
	if err := p.env.GetWorkflowError(); err == nil || !strings.Contains(err.Error(), "deploy the newer worker") {
		t.Errorf("got %v", err)
	}
}

// A wake that comes late (a long pause, an outage) finds step and deadline both past: what was due first happens first.
func TestLateWake(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ timeout, outcome string }{
		"the step was due before the deadline": {"2d", "late"},
		"the deadline was before the step":     {"20h", contract.TimedOut},
		"both were due at the same moment":     {"1d", contract.TimedOut},
		"the deadline is still to come":        {"9d", "late"},
		"the deadline is behind the next park": {"8d", contract.TimedOut},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			steps := "  - wait_for: {event: Never}\n    timeout: 1d\n  - {id: after, set: {vars.x: 1}}\n  - exit: late\n"
			if name == "the deadline is behind the next park" {
				steps = "  - wait_for: {event: Never}\n    timeout: 1d\n  - {id: after, set: {vars.x: 1}}\n  - wait: 9d\n  - exit: late\n"
			}
			p := newPlay(t, journeyOf(steps, "timeout: "+c.timeout, "vars: {x: 0}"))
			p.order(12*time.Hour, contract.PauseUpdate, contract.Command{})
			p.order(72*time.Hour, contract.ResumeUpdate, contract.Command{})
			if got := p.run(); got.Outcome != c.outcome {
				t.Errorf("outcome %q (%s), want %q", got.Outcome, got.Reason, c.outcome)
			}
		})
	}
}

// What people do with a run by Temporal is reported once, for the audit log; what comes through the outbox is recorded there.
func TestActsByTemporalAreReported(t *testing.T) {
	t.Parallel()
	p := newPlay(t, journeyOf("  - {id: a, wait: 5h}\n  - {id: b, wait: 5h}\n"))
	var got []string
	p.report = func(_ int, r contract.Report) error {
		for _, a := range r.Acts {
			got = append(got, fmt.Sprint(a.Kind, " by ", a.By, " vain ", a.Vain))
		}
		return nil
	}
	p.order(time.Hour, contract.PauseUpdate, contract.Command{By: "kim"})
	p.order(2*time.Hour, contract.ResumeUpdate, contract.Command{By: "lea"})
	p.at(3*time.Hour, func() {
		pause := &contract.Command{Kind: contract.PauseUpdate, By: "max"}
		d := contract.Delivery{ID: "command/1", Enrollment: p.in.Enrollment, Command: pause}
		p.env.SignalWorkflow(contract.DeliveryName, d)
	})
	p.at(4*time.Hour, func() { p.env.CancelWorkflow() })
	p.env.ExecuteWorkflow(Journey, p.in)
	p.same("acts", []string{"pause by kim vain false", "resume by lea vain false", "cancel by  vain false"}, got)
}
