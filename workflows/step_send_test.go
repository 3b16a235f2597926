package workflows

import (
	"context"
	"testing"
	"time"

	"github.com/tabi-journeys/tabi/workflows/contract"
)

const oneSend = `  - id: s
    send: hello
    via: [email, push]
    on_blocked: [{id: blocked, exit: blocked}]
    on_failure: [{id: failed, exit: failed-send}]
  - {id: done, exit: done}
`

func answer(status, reason string) func(int, contract.Send) (contract.SendResult, error) {
	return func(int, contract.Send) (contract.SendResult, error) {
		return contract.SendResult{Status: status, Reason: reason}, nil
	}
}

// failing fails the first n times.
func failing(n int) func(int, contract.Send) (contract.SendResult, error) {
	return func(attempt int, _ contract.Send) (contract.SendResult, error) {
		if attempt <= n {
			return contract.SendResult{}, errDown
		}
		return contract.SendResult{Status: contract.StatusSent, Channel: "push"}, nil
	}
}

func TestSend(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		send, deliver func(int, contract.Send) (contract.SendResult, error)
		play          func(p *play)
		head          string
		outcome       string
		account       []string
		passed        []string
	}{
		"sent": {
			outcome: "done", account: []string{"send hello (s/1)"}, passed: []string{"s@0s: sent by email", "done@0s: done"},
		},
		"suppressed": {
			send: answer(contract.StatusSuppressed, "NO_CONSENT"), outcome: "blocked", account: []string{"send hello (s/1)"},
			passed: []string{"s@0s: suppressed (NO_CONSENT)", "blocked@0s: blocked"},
		},
		"failed": {
			send: answer(contract.StatusFailed, "BOUNCED"), outcome: "failed-send", account: []string{"send hello (s/1)"},
			passed: []string{"s@0s: failed (BOUNCED)", "failed@0s: failed-send"},
		},
		"an answer that is none": {
			send: answer("queued", ""), outcome: "failed-send", account: []string{"send hello (s/1)"},
			passed: []string{"s@0s: failed", "failed@0s: failed-send"},
		},
		"not at once, but at the third attempt": {
			send: answer(contract.StatusRetry, ""), deliver: failing(2), outcome: "done",
			account: []string{"send hello (s/1)", "deliver hello (s/1)", "deliver hello (s/1)", "deliver hello (s/1)"},
			passed:  []string{"s@2s: sent by push", "done@2s: done"},
		},
		"an error at once is tried again too": {
			send: func(int, contract.Send) (contract.SendResult, error) { return contract.SendResult{}, errDown }, outcome: "done",
			account: []string{"send hello (s/1)", "deliver hello (s/1)"}, passed: []string{"s@0s: sent by push", "done@0s: done"},
		},
		"suppressed at the second look": {
			send: answer(contract.StatusRetry, ""), deliver: answer(contract.StatusSuppressed, "CAP_REACHED"), outcome: "blocked",
			account: []string{
				"send hello (s/1)",
				"deliver hello (s/1)",
			}, passed: []string{"s@0s: suppressed (CAP_REACHED)", "blocked@0s: blocked"},
		},
		"the goal ends a send that is in progress": {
			send: answer(contract.StatusRetry, ""), deliver: failing(1000), head: "goal: {event: Bought, value: event.total}",
			play:    func(p *play) { p.event(2*time.Second, "e1", "Bought", map[string]any{"total": 7.0}) },
			outcome: contract.Goal, account: []string{"send hello (s/1)", "deliver hello (s/1)", "deliver hello (s/1)"},
		},
		"the longest life ends a send that is in progress": {
			send: answer(contract.StatusRetry, ""), deliver: failing(1000), head: "timeout: 2s",
			outcome: contract.TimedOut, account: []string{"send hello (s/1)", "deliver hello (s/1)", "deliver hello (s/1)"},
		},
		"a person ends a send that is in progress": {
			send: answer(contract.StatusRetry, ""), deliver: failing(1000),
			play:    func(p *play) { p.order(2*time.Second, contract.ExitUpdate, contract.Command{By: "kim"}) },
			outcome: contract.Cancelled, account: []string{"send hello (s/1)", "deliver hello (s/1)", "deliver hello (s/1)"},
		},
		"a person skips a send that is in progress": {
			send: answer(contract.StatusRetry, ""), deliver: failing(1000),
			play:    func(p *play) { p.order(2*time.Second, contract.SkipUpdate, contract.Command{}) },
			outcome: "done", account: []string{"send hello (s/1)", "deliver hello (s/1)", "deliver hello (s/1)"},
			passed: []string{"done@2s: done"},
		},
		"paused while under way, nothing goes out until it is resumed, under the same key": {
			send: answerThen(contract.StatusRetry, contract.StatusSent), deliver: failing(1000),
			play: func(p *play) {
				p.order(2*time.Second, contract.PauseUpdate, contract.Command{})
				p.order(time.Hour, contract.ResumeUpdate, contract.Command{})
			},
			outcome: "done", account: []string{"send hello (s/1)", "deliver hello (s/1)", "deliver hello (s/1)", "send hello (s/1)"},
			passed: []string{"s@1h: sent", "done@1h: done"},
		},
		"the journey is paused: asked again after resume, under the same key": {
			send: answerThen(contract.StatusPaused, contract.StatusSent),
			play: func(p *play) {
				p.order(time.Minute, contract.SkipUpdate+"x", contract.Command{}) // no such update: refused
				p.at(time.Hour, func() {
					p.update(
						"c1",
						contract.Delivery{
							ID:         "c1",
							Enrollment: p.in.Enrollment,
							Command:    &contract.Command{Kind: contract.ResumeUpdate},
						},
					)
				})
			},
			outcome: "done", account: []string{"send hello (s/1)", "send hello (s/1)"}, passed: []string{"s@1h: sent", "done@1h: done"},
		},
		"the journey is paused: skipped by a person": {
			send: answerThen(contract.StatusPaused, contract.StatusSent),
			play: func(p *play) {
				p.order(time.Hour, contract.SkipUpdate, contract.Command{})
				p.order(2*time.Hour, contract.ResumeUpdate, contract.Command{})
			},
			outcome: "done", account: []string{"send hello (s/1)"}, passed: []string{"done@2h: done"},
		},
		"closed by the store": {
			send:    func(int, contract.Send) (contract.SendResult, error) { return contract.SendResult{}, errSuperseded() },
			account: []string{"send hello (s/1)"},
		},
		"closed by the store while it is repeated": {
			send: answer(
				contract.StatusRetry,
				"",
			), deliver: func(int, contract.Send) (contract.SendResult, error) { return contract.SendResult{}, errSuperseded() },
			account: []string{"send hello (s/1)", "deliver hello (s/1)"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPlay(t, journeyOf(oneSend, test.head))
			p.send, p.deliver = test.send, test.deliver
			if test.play != nil {
				test.play(p)
			}
			result := p.run()
			p.same("account", test.account, p.account)
			if test.outcome == "" { // replaced: it ends without a word
				if result.Outcome != "" || result.Reason == "" || len(p.ends()) > 0 {
					t.Errorf("result %+v, ends reported %v", result, p.ends())
				}
				return
			}
			p.expect(test.outcome, result, test.passed...)
		})
	}
}

// answerThen returns one status after the other.
func answerThen(statuses ...string) func(int, contract.Send) (contract.SendResult, error) {
	return func(n int, _ contract.Send) (contract.SendResult, error) {
		return contract.SendResult{Status: statuses[min(n, len(statuses))-1]}, nil
	}
}

// The test environment ends the retries after ten attempts; the server does so after a day.
func TestSendGivesUpWhenRetriesEnd(t *testing.T) {
	t.Parallel()
	p := newPlay(t, journeyOf(oneSend))
	p.send, p.deliver = answer(contract.StatusRetry, ""), failing(1_000_000)
	result := p.run()
	if result.Outcome != "failed-send" {
		t.Errorf("outcome %q", result.Outcome)
	}
	if last := p.account[len(p.account)-1]; last != "give up hello: "+contract.RetriesEnded {
		t.Errorf("last call %q", last)
	}
}

func TestSendInProgressIsCanceledWithItsRun(t *testing.T) {
	t.Parallel()
	p := newPlay(t, journeyOf(oneSend))
	p.send = answer(contract.StatusRetry, "")
	p.deliver = failing(1000)
	p.block = func(context.Context, contract.Send) {}
	p.at(2*time.Second, p.env.CancelWorkflow)
	p.env.ExecuteWorkflow(Journey, p.in)
	if err := p.env.GetWorkflowError(); err == nil {
		t.Error("a cancelled run must return as cancelled")
	}
	p.same("ends", []string{contract.Cancelled}, p.ends())
}
