package workflows

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.temporal.io/sdk/temporal"

	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

const oneActivity = `  - id: seat
    activity: {name: ReserveSeat, task_queue: booking, input: {show: entry.cart_id}, timeout: 30s, retry_for: 4h}
    on_failure: [{id: why, set: {vars.why: steps.seat.error}}, {id: sorry, exit: no-seat}]
  - {id: gift, exit: gift, when: steps.seat.result.gift == true}
  - {id: w, wait_for: {event: Printed}, timeout: 1h}
  - {id: done, exit: done}
`

// reserved makes every attempt succeed with a result.
func reserved(result any) func(reservation) (any, error) {
	return func(reservation) (any, error) { return result, nil }
}

// busy fails the first n attempts.
func busy(n int) func(reservation) (any, error) {
	return func(r reservation) (any, error) {
		if r.attempt <= n {
			return nil, errors.New("the booking system is busy")
		}
		return map[string]any{"seat": "C7"}, nil
	}
}

// soldOut fails for good.
func soldOut(kind string) func(reservation) (any, error) {
	return func(reservation) (any, error) {
		return nil, temporal.NewNonRetryableApplicationError("no seat is left", kind, nil)
	}
}

func TestActivity(t *testing.T) {
	t.Parallel()
	const failed = "seat@0s: failed: no seat is left"
	tests := map[string]struct {
		reserve  func(reservation) (any, error)
		play     func(p *play)
		head     string
		outcome  string
		attempts int
		passed   []string
	}{
		"done": {
			reserve: reserved(map[string]any{"seat": "C7"}), outcome: "done", attempts: 1,
			passed: []string{"seat@0s: done", "gift@0s: skipped", "w@1h: timed out", "done@1h: done"},
		},
		"the result decides the way": {
			reserve: reserved(
				map[string]any{"gift": true},
			), outcome: "gift", attempts: 1, passed: []string{"seat@0s: done", "gift@0s: gift"},
		},
		"nothing is returned": {
			reserve: reserved(nil), outcome: "done", attempts: 1,
			passed: []string{"seat@0s: done", "gift@0s: skipped", "w@1h: timed out", "done@1h: done"},
		},
		"at the third attempt": {
			reserve: busy(2), outcome: "done", attempts: 3,
			passed: []string{"seat@3s: done", "gift@3s: skipped", "w@1h0m3s: timed out", "done@1h0m3s: done"},
		},
		"a final error": {
			reserve: soldOut("SoldOut"), outcome: "no-seat", attempts: 1, passed: []string{failed, "why@0s", "sorry@0s: no-seat"},
		},
		"an error of the type by which the store refuses a run": {
			reserve: soldOut(contract.Superseded), outcome: "no-seat", attempts: 1, passed: []string{failed, "why@0s", "sorry@0s: no-seat"},
		},
		"an event while it runs is kept for the next step": {
			reserve: busy(2), play: func(p *play) { p.event(2*time.Second, "e1", "Printed", nil) }, outcome: "done", attempts: 3,
			passed: []string{"seat@3s: done", "gift@3s: skipped", "w@3s: Printed", "done@3s: done"},
		},
		"a goal ends it": {
			reserve: busy(1000), head: "goal: {event: Bought}", play: func(p *play) { p.event(2*time.Second, "e1", "Bought", nil) },
			outcome: contract.Goal, attempts: 2,
		},
		"an exit ends it": {
			reserve: busy(1000), head: "exit: [{event: Left, outcome: left}]",
			play: func(p *play) { p.event(2*time.Second, "e1", "Left", nil) }, outcome: "left", attempts: 2,
		},
		"a reroute leaves it": {
			reserve: busy(1000), head: "reroute: [{event: Moved, go_to: other}]\npaths:\n  other:\n    - {id: o, exit: moved}",
			play: func(p *play) { p.event(2*time.Second, "e1", "Moved", nil) }, outcome: "moved", attempts: 2,
			passed: []string{"o@2s: moved"},
		},
		"the journey's timeout ends it": {reserve: busy(1000), head: "timeout: 2s", outcome: contract.TimedOut, attempts: 2},
		"a person ends it": {
			reserve: busy(1000), play: func(p *play) { p.order(2*time.Second, contract.ExitUpdate, contract.Command{By: "kim"}) },
			outcome: contract.Cancelled, attempts: 2,
		},
		"a person skips it": {
			reserve: busy(1000), play: func(p *play) { p.order(2*time.Second, contract.SkipUpdate, contract.Command{}) },
			outcome: "done", attempts: 2, passed: []string{"gift@2s: skipped", "w@1h0m2s: timed out", "done@1h0m2s: done"},
		},
		"a person moves the enrollment on": {
			reserve:  busy(1000),
			play:     func(p *play) { p.order(2*time.Second, contract.GoToUpdate, contract.Command{Target: "done"}) },
			outcome:  "done",
			attempts: 2, passed: []string{"done@2s: done"},
		},
		"paused while it runs, it goes on, and its result counts after resume": {
			reserve: busy(2), play: func(p *play) {
				p.order(2*time.Second, contract.PauseUpdate, contract.Command{})
				p.order(time.Hour, contract.ResumeUpdate, contract.Command{})
			},
			outcome: "done", attempts: 3, passed: []string{"seat@1h: done", "gift@1h: skipped", "w@2h: timed out", "done@2h: done"},
		},
		"its result is too large": {
			reserve: reserved(strings.Repeat("x", journey.MaxActivityPayload)), outcome: "no-seat", attempts: 1,
			passed: []string{
				"seat@0s: failed: its result has 65538 bytes of JSON; at most 65536 are allowed",
				"why@0s",
				"sorry@0s: no-seat",
			},
		},
		"its result is as large as allowed": {
			reserve: reserved(strings.Repeat("x", journey.MaxActivityPayload-2)), outcome: "done", attempts: 1,
			passed: []string{"seat@0s: done", "gift@0s: skipped", "w@1h: timed out", "done@1h: done"},
		},
		"its result is no JSON": {
			reserve: reserved([]byte("C7")), outcome: "no-seat", attempts: 1,
			passed: []string{"seat@0s: failed: its result is no JSON but binary/plain", "why@0s", "sorry@0s: no-seat"},
		},
		"too many events while it runs": {
			reserve: busy(1000), play: func(p *play) {
				p.event(time.Second/2, "e0", "Seen", nil)
				p.at(2*time.Second, func() { p.env.SetCurrentHistoryLength(fullHistoryEvents) })
				p.event(2*time.Second, "e1", "Seen", nil)
			},
			outcome: "no-seat", attempts: 2, passed: []string{"seat@2s: failed: it was canceled because the history of " +
				"this workflow is full: too many events came while it ran", "why@2s", "sorry@2s: no-seat"},
		},
		"it does not continue as new while it runs": {
			reserve: busy(3), play: func(p *play) {
				p.at(2*time.Second, func() { p.env.SetContinueAsNewSuggested(true) })
				p.event(2*time.Second, "e1", "Seen", nil)
				p.at(6*time.Second, func() { p.env.SetContinueAsNewSuggested(false) })
			},
			outcome: "done", attempts: 4,
			passed: []string{"seat@7s: done", "gift@7s: skipped", "w@1h0m7s: timed out", "done@1h0m7s: done"},
		},
		"closed by the store before it begins": {
			play: func(p *play) { p.report = func(int, contract.Report) error { return errSuperseded() } }, attempts: 0,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPlay(t, journeyOf(oneActivity, test.head))
			p.reserve = test.reserve
			if test.play != nil {
				test.play(p)
			}
			result := p.run()
			if len(p.reservations) != test.attempts {
				t.Errorf("%d attempts, want %d", len(p.reservations), test.attempts)
			}
			for _, r := range p.reservations {
				if r.id != "e-1/seat/1" || !cmp.Equal(r.input, map[string]any{"show": "k1"}) {
					t.Errorf("attempt %+v", r)
				}
			}
			if test.outcome == "" {
				if result.Outcome != "" || result.Reason == "" || len(p.ends()) > 0 {
					t.Errorf("result %+v, ends %v", result, p.ends())
				}
				return
			}
			p.expect(test.outcome, result, test.passed...)
		})
	}
}

// The test environment ends the retries after ten attempts; the server does so after retry_for.
func TestActivityWhoseRetriesEnd(t *testing.T) {
	t.Parallel()
	p := newPlay(t, journeyOf(oneActivity))
	p.reserve = busy(1_000_000)
	p.run()
	if got := p.reports[1].Passed[0]; got.Outcome != "failed: the booking system is busy" || got.Arm != journey.ArmFailure {
		t.Errorf("passed as %+v", got)
	}
}

// Without on_failure the journey continues after the step, and the error is there.
func TestActivityWithoutOnFailure(t *testing.T) {
	t.Parallel()
	p := newPlay(t, journeyOf("  - {id: seat, activity: {name: ReserveSeat, task_queue: booking, timeout: 30s}}\n"+
		"  - {id: lost, when: steps.seat.error == \"no seat is left\" && !has(steps.seat.result), exit: lost}\n"))
	p.reserve = soldOut("SoldOut")
	p.expect("lost", p.run(), "seat@0s: failed: no seat is left", "lost@0s: lost")
	if diff := cmp.Diff(map[string]any{}, p.reservations[0].input); diff != "" {
		t.Errorf("input (-want +got):\n%s", diff)
	}
}

func TestActivityInput(t *testing.T) {
	t.Parallel()
	const step = "  - id: seat\n    activity:\n      name: ReserveSeat\n      task_queue: %\n      timeout: 30s\n      input: {$}\n" +
		"    on_failure: [{id: sorry, exit: no-seat}]\n"
	of := func(queue, input string) string {
		return journeyOf(strings.NewReplacer("%", queue, "$", input).Replace(step), "vars: {big: "+strings.Repeat("x", 40_000)+"}")
	}
	t.Run("is evaluated where the data is, and has no key without a value", func(t *testing.T) {
		t.Parallel()
		p := newPlay(
			t,
			of("booking", `tier: customer.tier, none: customer.nothing.x, total: entry.total * 2.0, gone: entry.gone, "a b": "'c'"`),
		)
		p.customer["tier"] = "gold"
		p.expect(contract.Completed, p.run(), "seat@0s: done")
		want := map[string]any{"tier": "gold", "total": 240.0, "a b": "c"}
		if diff := cmp.Diff(want, p.reservations[0].input); diff != "" {
			t.Errorf("input (-want +got):\n%s", diff)
		}
		if p.evals != 1 {
			t.Errorf("the store was asked %d times", p.evals)
		}
	})
	for name, test := range map[string]struct{ queue, input, why string }{
		"is too large": {"booking", "a: vars.big, b: vars.big", "its input has 80015 bytes of JSON; at most 65536 are allowed"},
		"is of tabi itself": {"default-test-taskqueue", "a: 1",
			"the task queue default-test-taskqueue is tabi's own, whose activities no journey may name"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPlay(t, of(test.queue, test.input))
			p.expect("no-seat", p.run(), "seat@0s: failed: "+test.why, "sorry@0s: no-seat")
			if len(p.reservations) > 0 {
				t.Error("the worker was asked")
			}
		})
	}
}

// If the server suggests to continue as new, the run does so before it schedules the activity.
func TestActivityBeginsWithAShortHistory(t *testing.T) {
	t.Parallel()
	p := newPlay(t, journeyOf(oneActivity))
	p.reserve = reserved(map[string]any{"gift": true})
	p.env.SetContinueAsNewSuggested(true)
	n := p.renewed()
	if len(n.reservations) > 0 {
		t.Error("it was scheduled by the run that continued as new")
	}
	n.expect("gift", n.run(), "seat@0s: done", "gift@0s: gift")
	if len(n.reservations) != 1 || n.reservations[0].id != "e-1/seat/1" {
		t.Errorf("attempts %+v", n.reservations)
	}
}

// A person skips the step between two runs: the next run does not begin it.
func TestActivitySkippedBeforeItBegan(t *testing.T) {
	t.Parallel()
	p := newPlay(t, journeyOf(oneActivity))
	p.env.SetContinueAsNewSuggested(true)
	n := p.renewed()
	n.order(0, contract.SkipUpdate, contract.Command{Target: "seat"})
	n.order(0, contract.PauseUpdate, contract.Command{})
	n.order(time.Minute, contract.ResumeUpdate, contract.Command{})
	n.reserve = reserved(nil)
	if got := n.run(); got.Outcome != "done" {
		t.Errorf("result %+v", got)
	}
}

func TestActivityCanceledWithTheWorkflow(t *testing.T) {
	t.Parallel()
	p := newPlay(t, journeyOf(oneActivity))
	p.reserve = busy(1000)
	p.at(2*time.Second, p.env.CancelWorkflow)
	p.env.ExecuteWorkflow(Journey, p.in)
	if err := p.env.GetWorkflowError(); !temporal.IsCanceledError(err) {
		t.Errorf("ended with %v", err)
	}
	p.same("ends", []string{contract.Cancelled}, p.ends())
	if passed := p.passed(); len(passed) > 0 {
		t.Errorf("passed %v", passed)
	}
}

// A move to another revision would continue as new, and lose the result.
func TestActivityRefusesAMove(t *testing.T) {
	t.Parallel()
	p := newPlay(t, journeyOf(oneActivity))
	p.reserve = busy(2)
	p.at(2*time.Second, func() {
		v := p.view()
		if v.Step != "seat" || len(v.WaitingFor) != 1 || v.WaitingFor[0] != "ReserveSeat on booking" {
			t.Errorf("it is at %+v", v)
		}
		p.update("m1", contract.Delivery{ID: "m1", Enrollment: "e-1",
			Command: &contract.Command{Kind: contract.MigrateOrder, Revision: "next", Definition: p.in.Definition}})
	})
	p.run()
	if p.answers["m1"] != contract.RejectInvalid || len(p.reservations) != 3 {
		t.Errorf("the move was answered with %s; %d attempts", p.answers["m1"], len(p.reservations))
	}
}
