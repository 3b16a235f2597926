package workflows

import (
	"fmt"
	"testing"
	"time"

	"go.temporal.io/sdk/temporal"

	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

const oneCall = `  - id: c
    call: {url: "https://api.example.com/score", timeout: 5s}
    on_failure: [{id: sorry, exit: no-score}]
  - {id: risky, exit: risky, when: steps.c.body.risk > 0.8}
  - {id: done, exit: done}
`

func ok(status int, body any) func(int, contract.Call) (contract.CallResult, error) {
	return func(int, contract.Call) (contract.CallResult, error) {
		return contract.CallResult{Status: status, Body: body}, nil
	}
}

func refused(status int, reason string) func(int, contract.Call) (contract.CallResult, error) {
	return func(int, contract.Call) (contract.CallResult, error) {
		return contract.CallResult{Status: status, Failed: true, Reason: reason}, nil
	}
}

// broken fails the first n attempts, with details where the activity reports its last result.
func broken(n int, details ...any) func(int, contract.Call) (contract.CallResult, error) {
	return func(attempt int, _ contract.Call) (contract.CallResult, error) {
		if attempt <= n {
			return contract.CallResult{}, temporal.NewApplicationError("no luck", "Call", details...)
		}
		return contract.CallResult{Status: 201}, nil
	}
}

const theCall = "call https://api.example.com/score (c/1)"

func TestCall(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		call    func(int, contract.Call) (contract.CallResult, error)
		play    func(p *play)
		head    string
		outcome string
		calls   int
		passed  []string
	}{
		"answered": {
			call: ok(
				200,
				map[string]any{"risk": 0.2},
			), outcome: "done", calls: 1, passed: []string{"c@0s: 200", "risky@0s: skipped", "done@0s: done"},
		},
		"what the body says counts": {
			call: ok(200, map[string]any{"risk": 0.9}), outcome: "risky", calls: 1, passed: []string{"c@0s: 200", "risky@0s: risky"},
		},
		"a body of text, or none": {
			call: ok(204, "fine"), outcome: "done", calls: 1, passed: []string{"c@0s: 204", "risky@0s: skipped", "done@0s: done"},
		},
		"refused": {
			call: refused(
				404,
				"not found",
			), outcome: "no-score", calls: 1, passed: []string{"c@0s: failed: 404 (not found)", "sorry@0s: no-score"},
		},
		"no answer for good": {
			call: refused(0, "the address is private"), outcome: "no-score", calls: 1,
			passed: []string{"c@0s: failed: no answer (the address is private)", "sorry@0s: no-score"},
		},
		"at the third attempt": {
			call: broken(2), outcome: "done", calls: 3, passed: []string{"c@3s: 201", "risky@3s: skipped", "done@3s: done"},
		},
		"an event while it is in progress is kept, a goal ends it": {
			call: broken(1000), head: "goal: {event: Bought}", play: func(p *play) { p.event(2*time.Second, "e1", "Bought", nil) },
			outcome: contract.Goal, calls: 2,
		},
		"an exit ends it": {
			call: broken(
				1000,
			), head: "exit: [{event: Left, outcome: left}]", play: func(p *play) { p.event(2*time.Second, "e1", "Left", nil) },
			outcome: "left", calls: 2,
		},
		"the longest life ends it": {call: broken(1000), head: "timeout: 2s", outcome: contract.TimedOut, calls: 2},
		"a person skips it": {
			call: broken(
				1000,
			), play: func(p *play) { p.order(2*time.Second, contract.SkipUpdate, contract.Command{}) }, outcome: "done", calls: 2,
			passed: []string{"risky@2s: skipped", "done@2s: done"},
		},
		"an order to go elsewhere takes it along": {
			call: broken(
				1000,
			), play: func(p *play) { p.order(2*time.Second, contract.GoToUpdate, contract.Command{Target: "done"}) }, outcome: "done",
			calls:  2,
			passed: []string{"done@2s: done"},
		},
		"paused while under way, it is made afresh after resume, under the same key": {
			call: broken(2), play: func(p *play) {
				p.order(2*time.Second, contract.PauseUpdate, contract.Command{})
				p.at(time.Minute, func() { p.mu.Lock(); p.call = ok(200, nil); p.mu.Unlock() })
				p.order(time.Hour, contract.ResumeUpdate, contract.Command{})
			},
			outcome: "done", calls: 3, passed: []string{"c@1h: 200", "risky@1h: skipped", "done@1h: done"},
		},
		"closed by the store": {
			call:  func(int, contract.Call) (contract.CallResult, error) { return contract.CallResult{}, errSuperseded() },
			calls: 1,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPlay(t, journeyOf(oneCall, test.head))
			p.call = test.call
			if test.play != nil {
				test.play(p)
			}
			result := p.run()
			if len(p.calls) != test.calls {
				t.Errorf("%d attempts, want %d", len(p.calls), test.calls)
			}
			for _, line := range p.account {
				if line != theCall {
					t.Errorf("account %q", line)
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

// The test environment ends the retries after ten attempts; the server does so after an hour.
func TestCallWhoseRetriesEnd(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		details        []any
		outcome, first string
		status         float64
	}{
		"without an answer": {first: "failed: no answer (RETRIES_ENDED)"},
		"with the last answer": {
			details: []any{contract.CallResult{Status: 503, Reason: "it answered 503"}}, first: "failed: 503 (it answered 503)",
			status: 503,
		},
		"with what cannot be read": {details: []any{"nothing"}, first: "failed: no answer (RETRIES_ENDED)"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPlay(
				t,
				journeyOf(
					"  - id: c\n    call: {url: \"https://a.example\"}\n    on_failure: [{id: note, set: {vars.s: steps.c.status}}]\n "+
						" - {id: stay, wait: 1h}\n",
				),
			)
			p.call = broken(1_000_000, c.details...)
			p.at(30*time.Minute, func() {
				if got := p.view().Vars["s"]; got != c.status {
					t.Errorf("status %v", got)
				}
			})
			p.run()
			if got := p.reports[1].Passed[0]; got.Outcome != c.first || got.Arm != journey.ArmFailure {
				t.Errorf("passed as %+v", got)
			}
		})
	}
}

func TestTemplatesReadTheResponseOfACall(t *testing.T) {
	t.Parallel()
	p := newPlay(
		t,
		journeyOf(
			"  - id: c\n    call: {method: POST, url: \"https://a.example\", body: {a: 1}}\n  - {id: big, set: {vars.r: "+
				"steps.c.body.risk, vars.s: steps.c.status + 1}}\n  - {id: s, send: hello, via: email}\n",
		),
	)
	p.call = ok(200, map[string]any{"risk": 0.5})
	p.expect(contract.Completed, p.run(), "c@0s: 200", "big@0s", "s@0s: sent by email")
	if got := fmt.Sprint(p.calls[0].Reads); got != "[risk]" {
		t.Errorf("reads %s of the body", got)
	}
	scene := p.sends[0].EvalContext
	if scene.StepCalls["c"] != "e-1/c/1" || fmt.Sprint(scene.Vars) != "map[r:0.5 s:201]" {
		t.Errorf("the template is given %+v", scene)
	}
}

// A simulation has a slow clock: a call is repeated as often as in real life.
func TestCallOnASlowClock(t *testing.T) {
	t.Parallel()
	p := newPlay(t, journeyOf("  - id: c\n    call: {url: \"https://a.example\"}\n"))
	p.in.Clock.Slow, p.in.Clock.Origin, p.in.Clock.Epoch = 1000, testStart, testStart
	p.call = broken(3)
	p.expect(contract.Completed, p.run(), "c@7s: 201")
	if got := p.env.Now().Sub(testStart); got != 7000*time.Second {
		t.Errorf("it took %s on the wall", got)
	}
}
