package workflows

import (
	"testing"
	"time"

	"github.com/tabi-journeys/tabi/workflows/contract"
)

// A send that quiet hours hold waits at its step, and is tried again under the same key when they end.
func TestSendHeldByQuietHours(t *testing.T) {
	t.Parallel()
	n := map[string]any{"n": 1.0}
	once := []string{"send hello (s/1)"}
	twice := []string{"send hello (s/1)", "send hello (s/1)"}
	tests := map[string]struct {
		head          string
		send, deliver func(int, contract.Send) (contract.SendResult, error)
		play          func(p *play)
		outcome       string
		account       []string
		passed        []string
		parked        []string
	}{
		"until they end": {
			outcome: "done", account: twice, passed: []string{"s@9h: sent by push", "done@9h: done"}, parked: []string{"s send until 9h"},
		},
		"again and again": {
			send: heldUntil(9*time.Hour, 33*time.Hour), outcome: "done", account: append(twice, once...),
			passed: []string{"s@33h: sent by push", "done@33h: done"}, parked: []string{"s send until 9h", "s send until 33h"},
		},
		"blocked when it asks afresh": {
			send: func(n int, s contract.Send) (contract.SendResult, error) {
				if n > 1 {
					return contract.SendResult{Status: contract.StatusSuppressed, Reason: "CAP_REACHED"}, nil
				}
				return heldUntil(9*time.Hour)(n, s)
			},
			outcome: "blocked", account: twice, passed: []string{"s@9h: suppressed (CAP_REACHED)", "blocked@9h: blocked"},
		},
		"an answer without a moment": {
			send: answerThen(
				contract.StatusHeld,
				contract.StatusSent,
			), outcome: "done", account: twice, passed: []string{"s@1m: sent", "done@1m: done"},
		},
		"when it is delivered, which is later": {
			send: answerThen(contract.StatusRetry, contract.StatusSent), deliver: func(int, contract.Send) (contract.SendResult, error) {
				return contract.SendResult{Status: contract.StatusHeld, Until: testStart.Add(9 * time.Hour)}, nil
			},
			outcome: "done", account: []string{"send hello (s/1)", "deliver hello (s/1)", "send hello (s/1)"},
			passed: []string{"s@9h: sent", "done@9h: done"},
		},
		"the goal ends it": {
			head: "goal: {event: Bought}", play: func(p *play) { p.event(time.Hour, "e1", "Bought", n) }, outcome: contract.Goal,
			account: once,
		},
		"an exit ends it": {
			head: "exit: [{event: Left}]", play: func(p *play) { p.event(time.Hour, "e1", "Left", n) }, outcome: contract.Exited,
			account: once,
		},
		"its longest life ends it":                    {head: "timeout: 8h", outcome: contract.TimedOut, account: once},
		"its longest life ends it at the same moment": {head: "timeout: 9h", outcome: contract.TimedOut, account: once},
		"another path": {
			head: "reroute: [{event: Failed, go_to: away}]\npaths: {away: [{id: a, exit: away}]}",
			play: func(p *play) { p.event(time.Hour, "e1", "Failed", n) }, outcome: "away", account: once, passed: []string{"a@1h: away"},
		},
		"a person ends it": {
			play:    func(p *play) { p.order(time.Hour, contract.ExitUpdate, contract.Command{}) },
			outcome: contract.Cancelled,
			account: once,
		},
		"a person skips it": {
			play:    func(p *play) { p.order(time.Hour, contract.SkipUpdate, contract.Command{}) },
			outcome: "done",
			account: once,
			passed:  []string{"done@1h: done"},
		},
		"a person moves it": {
			play:    func(p *play) { p.order(time.Hour, contract.GoToUpdate, contract.Command{Target: "done"}) },
			outcome: "done",
			account: once,
			passed:  []string{"done@1h: done"},
		},
		"sent back to itself": {
			play: func(p *play) { p.order(time.Hour, contract.GoToUpdate, contract.Command{Target: "s"}) }, outcome: "done",
			account: []string{"send hello (s/1)", "send hello (s/2)"},
			passed:  []string{"s@1h: sent by push", "done@1h: done"},
		},
		"paused and resumed before they end": {
			play: func(p *play) {
				p.order(time.Hour, contract.PauseUpdate, contract.Command{})
				p.order(2*time.Hour, contract.ResumeUpdate, contract.Command{})
			},
			outcome: "done", account: twice, passed: []string{"s@9h: sent by push", "done@9h: done"},
			parked: []string{"s send until 9h", "s send until 9h paused", "s send until 9h"},
		},
		"paused until after": {
			play: func(p *play) {
				p.order(time.Hour, contract.PauseUpdate, contract.Command{})
				p.order(12*time.Hour, contract.ResumeUpdate, contract.Command{})
			},
			outcome: "done", account: twice, passed: []string{"s@12h: sent by push", "done@12h: done"},
		},
		"the journey is paused when they end": {
			send: func(n int, s contract.Send) (contract.SendResult, error) {
				if n == 2 {
					return contract.SendResult{Status: contract.StatusPaused}, nil
				}
				return heldUntil(9*time.Hour)(n, s)
			},
			play:    func(p *play) { p.order(12*time.Hour, contract.ResumeUpdate, contract.Command{}) },
			outcome: "done", account: append(twice, once...), passed: []string{"s@12h: sent by push", "done@12h: done"},
			parked: []string{"s send until 9h", "s send paused"},
		},
		"an event meanwhile is kept for what is behind": {
			head: "exit: [{event: Left}]", play: func(p *play) { p.event(time.Hour, "e1", "A", n) }, outcome: "done", account: twice,
			passed: []string{"s@9h: sent by push", "done@9h: done"}, parked: []string{"s send until 9h"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPlay(t, journeyOf(oneSend, test.head))
			if p.send, p.deliver = test.send, test.deliver; p.send == nil {
				p.send = heldUntil(9 * time.Hour)
			}
			if test.play != nil {
				test.play(p)
			}
			p.expect(test.outcome, p.run(), test.passed...)
			p.same("account", test.account, p.account)
			if test.parked != nil {
				p.same("parked", test.parked, p.parked())
			}
		})
	}
}

func TestSendHeldByQuietHoursIsShown(t *testing.T) {
	t.Parallel()
	p := newPlay(t, journeyOf(oneSend))
	p.send = heldUntil(9 * time.Hour)
	p.at(time.Hour, func() {
		view := p.view()
		p.same("waiting for", []string{"quiet hours to end"}, view.WaitingFor)
		if view.Kind != "send" || !view.Until.Equal(testStart.Add(9*time.Hour)) {
			t.Errorf("view %+v", view)
		}
		if last := view.Story[len(view.Story)-1]; last != "2026-03-02 10:00:00 UTC s (send): held by quiet hours until 2026-03-02 "+
			"19:00:00 UTC" {
			t.Errorf("story %q", view.Story)
		}
	})
	p.run()
}

// A report names the visit whose send is held, so that the store can tell it from an earlier visit of the step.
func TestReportNamesTheVisit(t *testing.T) {
	t.Parallel()
	p := newPlay(t, journeyOf(oneSend))
	p.send = heldUntil(9 * time.Hour)
	p.run()
	for _, r := range p.reports {
		if r.Parked != nil && r.Parked.Kind == "send" {
			if r.Key == "" || r.Key != p.sends[0].Key {
				t.Errorf("key %q, want %q", r.Key, p.sends[0].Key)
			}
			return
		}
	}
	t.Errorf("it never reported that it is held: %+v", p.reports)
}
