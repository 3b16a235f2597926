package workflows

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"go.temporal.io/sdk/temporal"

	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// to returns the command to move to another revision of the journey, as the store sends it.
func (p *play) to(source string, renamed map[string]string) contract.Delivery {
	p.t.Helper()
	prog, err := compile(source)
	if err != nil {
		p.t.Fatal(err)
	}
	packed, err := journey.Pack(prog.Definition)
	if err != nil {
		p.t.Fatal(err)
	}
	p.next = prog
	return contract.Delivery{ID: "m1", Enrollment: p.in.Enrollment,
		Command: &contract.Command{Kind: contract.MigrateOrder, By: "mia", Revision: prog.Revision(), Definition: packed, Renamed: renamed}}
}

// moveTo returns the order at a moment.
func (p *play) moveTo(d time.Duration, e contract.Delivery) { p.at(d, func() { p.update(e.ID, e) }) }

const before = `  - {id: first, wait_for: {event: A}, timeout: 5h}
  - {id: s, send: hello, via: email}
  - {id: second, wait_for: {event: B, when: event.n > 1}, timeout: 5h}
  - {id: end, exit: steps.first.event}
`

const after = `  - {id: greet, send: bye, via: email}
  - {id: one, wait_for: {event: A}, timeout: 9h}
  - {id: s, send: hello, via: email}
  - {id: new, wait: 1h}
  - {id: two, wait_for: [{event: B, when: event.n > 1, then: [{id: seen, set: {vars.a: steps.one.properties.m, vars.e: entry.total,
vars.b: event.k}}]}], timeout: 9h}
  - {id: then, wait: 1h}
`

func TestMigrate(t *testing.T) {
	t.Parallel()
	p := newPlay(t, journeyOf(before, "vars: {kept: 1}"))
	p.entry = map[string]any{"total": 120.0, "secret": "x"}
	p.events = map[string]map[string]any{"e1": {"n": 1.0, "m": 7.0}, "e2": {"n": 1.0, "k": 8.0}, "e3": {"n": 2.0, "k": 9.0}}
	p.event(time.Hour, "e1", "A", map[string]any{"n": 1.0})
	p.event(2*time.Hour, "e2", "B", map[string]any{"n": 1.0})
	order := p.to(journeyOf(after, "vars: {kept: 2, fresh: 3}"), map[string]string{"first": "one", "second": "two"})
	p.moveTo(3*time.Hour, order)
	n := p.renewed()
	if p.answers["m1"] != "completed" {
		t.Errorf("the order was answered with %s", p.answers["m1"])
	}
	if n.in.Revision != n.next.Revision() || n.in.Interpreter != contract.InterpreterVersion || string(n.in.Entry) != `{"total":120}` {
		t.Errorf("goes on with revision %s of interpreter %d, entry %v", n.in.Revision, n.in.Interpreter, n.in.Entry)
	}
	n.env.OnUpsertTypedSearchAttributes(mock.Anything).Run(func(args mock.Arguments) {
		have, _ := args.Get(0).(temporal.SearchAttributes).GetKeyword(temporal.NewSearchAttributeKeyKeyword(contract.AttrRevision))
		if have != n.next.Revision() {
			t.Errorf("the search attribute says %s", have)
		}
	}).Return(nil).Once()
	n.event(time.Hour, "m1", "A", nil) // the relay brings the order again
	n.event(2*time.Hour, "e3", "B", map[string]any{"n": 2.0, "k": 9.0})
	n.at(150*time.Minute, func() {
		view := n.view()
		if got := fmt.Sprint(view.Vars); got != "map[a:7 b:9 e:120 fresh:3 kept:1]" {
			t.Errorf("vars %s", got)
		}
		if !strings.Contains(strings.Join(view.Story, "\n"), "moved from revision "+p.in.Revision+" to "+n.in.Revision+" by mia") {
			t.Errorf("story %q", view.Story)
		}
	})
	n.expect(contract.Completed, n.run(), "first@1h: A", "s@1h: sent by email", "two@5h: B", "seen@5h", "then@6h")
	n.same("account", []string{"send hello (s/1)"}, n.account)
	n.same(
		"parked",
		[]string{"first wait_for until 5h", "second wait_for until 6h", "two wait_for until 6h", "then wait until 6h"},
		n.parked(),
	)
	if n.answers["m1"] != contract.RejectDuplicate {
		t.Errorf("the order, brought again, was answered with %s", n.answers["m1"])
	}
	if len(n.moves) != 1 || n.moves[0].Step != "two" || fmt.Sprint(n.moves[0].Events) != "[e1 e2]" || n.moves[0].Refused != "" {
		t.Errorf("moves %+v", n.moves)
	}
	if last := n.reports[len(n.reports)-1]; last.Revision != n.next.Revision() {
		t.Errorf("the last report is for revision %s", last.Revision)
	}
}

func TestMigrateRefused(t *testing.T) {
	t.Parallel()
	const steps = "  - {id: w, wait: 5h}\n  - {id: x, exit: old}\n"
	other := journeyOf("  - {id: w, wait: 5h}\n  - {id: x, exit: new}\n")
	tests := map[string]struct {
		steps, to string
		renamed   map[string]string
		spoil     func(p *play, e *contract.Delivery)
		refused   string
		outcome   string
	}{
		"a definition that does not load": {
			to: other, spoil: func(_ *play, e *contract.Delivery) {
				e.Command.Definition, e.Command.Revision = []byte("no gzip"), "badbadbad000"
			},
			refused: "revision badbadbad000 cannot be loaded",
		},
		"no definition": {
			to:      other,
			spoil:   func(_ *play, e *contract.Delivery) { e.Command.Definition = nil },
			refused: "only the store can send it",
		},
		"the same revision": {to: journeyOf(steps), refused: "already"},
		"held out": {
			to: other, spoil: func(p *play, _ *contract.Delivery) { p.in.Holdout = true }, refused: "control group",
			outcome: contract.TimedOut,
		},
		"its step is gone":  {to: journeyOf("  - {id: v, wait: 5h}\n"), refused: `step "w" no longer exists`},
		"mapped to nothing": {to: other, renamed: map[string]string{"w": "nowhere"}, refused: `there is no step "nowhere"`},
		"mapped to another kind": {
			to:      other,
			renamed: map[string]string{"w": "x"},
			refused: "an enrollment can only move to a step of the same kind",
		},
		"of another journey": {to: strings.Replace(other, "journey: j", "journey: k", 1), refused: `is of journey "k"`},
		"while a call is in progress": {
			steps:   oneCall,
			to:      journeyOf(oneCall, "timeout: 9d"),
			refused: "c (call) is in progress; try again later",
			outcome: "no-score",
		},
		"while a send is in progress": {
			steps:   oneSend,
			to:      journeyOf(oneSend, "timeout: 9d"),
			refused: "s (send) is in progress; try again later",
			outcome: "failed-send",
		},
	}
	for name, test := range tests {
		for _, signal := range []bool{false, true} {
			t.Run(name+map[bool]string{true: " by signal"}[signal], func(t *testing.T) {
				t.Parallel()
				test := test // two run at once
				if test.steps == "" {
					test.steps = steps
				}
				if test.outcome == "" {
					test.outcome = "old"
				}
				p := newPlay(t, journeyOf(test.steps))
				p.send, p.deliver, p.call = answer(contract.StatusRetry, ""), failing(1000), broken(1000)
				order := p.to(test.to, test.renamed)
				if test.spoil != nil {
					test.spoil(p, &order)
				}
				p.at(2*time.Second, func() {
					if signal {
						p.env.SignalWorkflow(contract.DeliveryName, order)
						return
					}
					p.update("m1", order)
				})
				if result := p.run(); result.Outcome != test.outcome {
					t.Errorf("outcome %q", result.Outcome)
				}
				if !signal {
					if p.answers["m1"] != contract.RejectInvalid || len(p.moves) > 0 {
						t.Errorf("answered with %s, moves %+v", p.answers["m1"], p.moves)
					}
					return
				}
				if len(p.moves) != 1 || !strings.Contains(p.moves[0].Refused, test.refused) || p.moves[0].To != order.Command.Revision ||
					p.moves[0].Revision != p.in.Revision {
					t.Errorf("moves %+v", p.moves)
				}
			})
		}
	}
}

// An order is taken while a step is busy for a moment, and cannot be carried out when its turn comes.
func TestMigrateRefusedAfterEarlierCommands(t *testing.T) {
	t.Parallel()
	p := newPlay(t, journeyOf("  - {id: a, set: {customer.x: 1}}\n  - {id: w, wait: 5h}\n  - {id: x, exit: old}\n"))
	order := p.to(journeyOf("  - {id: a, set: {customer.x: 1}}\n  - {id: v, wait: 5h}\n"), nil)
	p.assigned = func() { p.env.UpdateWorkflow(contract.DeliveryName, "m1", p.callbacks("m1"), order) }
	p.expect("old", p.run(), "a@0s", "w@5h", "x@5h: old")
	if p.answers["m1"] != "completed" || len(p.moves) != 1 || !strings.Contains(p.moves[0].Refused, `step "w" no longer exists`) {
		t.Errorf("answered with %s, moves %+v", p.answers["m1"], p.moves)
	}
}

func TestMigrateDuringEachKindOfWait(t *testing.T) {
	t.Parallel()
	const handed = "  - {id: desk, handoff: care, timeout: 9h, outcomes: {refunded: [{id: money, exit: money}]}}\n  - {id: done, " +
		"exit: done}\n"
	const sends = "  - {id: hail, send: hello, via: email}\n  - {id: done, exit: done}\n"
	tests := map[string]struct {
		steps, head, to, toHead string
		renamed                 map[string]string
		at                      time.Duration
		first, then             func(p *play)
		outcome                 string
		account, passed, parked []string
	}{
		"an open hand-off keeps its id and its end": {
			steps: oneHandoff, to: handed, renamed: map[string]string{"h": "desk"}, at: time.Hour,
			then:    func(p *play) { p.resolve(time.Hour, "r1", "h/1", "refunded") },
			outcome: "money", account: []string{"open care (h/1)"}, passed: []string{"desk@2h: refunded by kim", "money@2h: money"},
			parked: []string{"h handoff until 4h", "desk handoff until 4h"},
		},
		"a hand-off that times out is withdrawn by its id": {
			steps: oneHandoff, to: handed, renamed: map[string]string{"h": "desk"}, at: time.Hour,
			outcome: "done", account: []string{"open care (h/1)", "withdraw (h/1): it timed out"},
			passed: []string{"desk@4h: timed out", "done@4h: done"},
			parked: []string{"h handoff until 4h", "desk handoff until 4h"},
		},
		"a held send keeps its key": {
			steps: oneSend, to: sends, renamed: map[string]string{"s": "hail"}, at: time.Hour,
			first: func(p *play) { p.send = answerThen(contract.StatusPaused, contract.StatusSent) },
			then:  func(p *play) { p.order(time.Hour, contract.ResumeUpdate, contract.Command{}) }, outcome: "done",
			account: []string{"send hello (s/1)", "send hello (s/1)"}, passed: []string{"hail@2h: sent", "done@2h: done"},
			parked: []string{"s send paused", "hail send paused"},
		},
		"a call held by a pause keeps its key": {
			steps: oneCall, to: "  - {id: ring, call: {url: \"https://b.example\"}}\n  - {id: done, exit: done}\n",
			renamed: map[string]string{"c": "ring"}, at: time.Hour,
			first: func(p *play) {
				p.call = broken(1)
				p.order(500*time.Millisecond, contract.PauseUpdate, contract.Command{})
			},
			then: func(p *play) { p.call = ok(200, nil); p.order(time.Hour, contract.ResumeUpdate, contract.Command{}) }, outcome: "done",
			account: []string{theCall, "call https://b.example (c/1)"}, passed: []string{"ring@2h: 200", "done@2h: done"},
			parked: []string{"c call", "c call paused", "ring call paused", "ring call"},
		},
		"between two steps": {
			steps: "  - {id: a, wait: 1h}\n", to: "  - {id: z, exit: early, when: false}\n  - {id: b, wait: 2h}\n",
			renamed: map[string]string{"a": "b"},
			outcome: contract.Completed, passed: []string{"b@2h"}, parked: []string{"b wait until 2h"},
		},
		"paused between two steps": {
			steps: "  - {id: a, set: {vars.a: 1}}\n  - {id: w, wait: 1h}\n", to: "  - {id: b, set: {vars.a: 2}}\n  - {id: v, wait: 2h}\n",
			renamed: map[string]string{"a": "b"}, at: time.Hour,
			first:   func(p *play) { p.order(0, contract.PauseUpdate, contract.Command{}) },
			then:    func(p *play) { p.order(time.Hour, contract.ResumeUpdate, contract.Command{}) },
			outcome: contract.Completed, passed: []string{"b@2h", "v@4h"},
			parked: []string{"a paused paused", "b paused paused", "v wait until 4h"},
		},
		"paused at its step, which is overdue": {
			steps: "  - {id: w, wait: 2h}\n", to: "  - {id: v, wait: 9h}\n", renamed: map[string]string{"w": "v"}, at: 3 * time.Hour,
			first:   func(p *play) { p.order(time.Hour, contract.PauseUpdate, contract.Command{}) },
			then:    func(p *play) { p.order(time.Hour, contract.ResumeUpdate, contract.Command{}) },
			outcome: contract.Completed, passed: []string{"v@4h"},
			parked: []string{"w wait until 2h", "w wait until 2h paused", "v wait until 2h paused"},
		},
		"watching for its goal: the window stands": {
			steps: "  - {id: w, wait: 1h}\n", head: "goal: {event: G, within: 9h}", to: "  - {id: v, wait: 1h}\n",
			toHead: "goal: {event: H, within: 20h}", at: 2 * time.Hour,
			outcome: contract.Completed, passed: []string{"w@1h"},
			parked: []string{"w wait until 1h", " watch until 9h silent", " watch until 9h silent"},
		},
		"watching for a goal that is no more": {
			steps: "  - {id: w, wait: 1h}\n", head: "goal: {event: G, within: 9h}", to: "  - {id: v, wait: 1h}\n", at: 2 * time.Hour,
			outcome: contract.Completed, passed: []string{"w@1h"},
			parked: []string{"w wait until 1h", " watch until 9h silent", " watch until 9h silent"},
		},
		"a new step of an old id is sent, though the old one was": {
			steps: "  - {id: s, send: hello, via: email}\n  - {id: w, wait: 1h}\n", at: 30 * time.Minute,
			to:      "  - {id: old, send: hello, via: email}\n  - {id: w, wait: 1h}\n  - {id: s, send: bye, via: email}\n",
			renamed: map[string]string{"s": "old"}, outcome: contract.Completed,
			account: []string{"send hello (s/1)", "send bye (s/2)"}, passed: []string{"s@0s: sent by email", "w@1h", "s@1h: sent by email"},
			parked: []string{"w wait until 1h", "w wait until 1h"},
		},
		"a step sent before goes out again only under a key of its own": {
			steps: "  - {id: s, send: hello, via: email}\n  - {id: w, wait: 1h}\n", at: 30 * time.Minute,
			to: "  - {id: t, send: hello, via: email}\n  - {id: w, wait: 1h}\n  - {id: n, set: {vars.n: vars.n + 1}}\n  - {id: " +
				"back, go_to: t, when: vars.n < 2}\n",
			renamed: map[string]string{"s": "t"}, toHead: "vars: {n: 0}", outcome: contract.Completed,
			account: []string{"send hello (s/1)", "send hello (t/2)"},
			passed: []string{
				"s@0s: sent by email",
				"w@1h",
				"n@1h",
				"back@1h: t",
				"t@1h: sent by email",
				"w@2h",
				"n@2h",
				"back@2h: skipped",
			},
			parked: []string{"w wait until 1h", "w wait until 1h", "w wait until 2h"},
		},
		"an event tried in vain fits the new arms": {
			steps: "  - {id: w, wait_for: {event: A, when: event.n > 5}, timeout: 9h}\n", at: 2 * time.Hour,
			to:    "  - {id: w, wait_for: {event: A}, timeout: 9h}\n",
			first: func(p *play) { p.event(time.Hour, "e1", "A", map[string]any{"n": 1.0}) }, outcome: contract.Completed,
			passed: []string{"w@2h: A"}, parked: []string{"w wait_for until 9h"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPlay(t, journeyOf(test.steps, test.head))
			if test.first != nil {
				test.first(p)
			}
			order := p.to(journeyOf(test.to, test.toHead), test.renamed)
			p.moveTo(test.at, order)
			n := p.renewed()
			n.then(test.then)
			n.expect(test.outcome, n.run(), test.passed...)
			n.same("account", test.account, n.account)
			n.same("parked", test.parked, n.parked())
		})
	}
}

func (p *play) then(do func(p *play)) {
	if do != nil {
		do(p)
	}
}

// What comes while the store moves the enrollment was read for the old revision, and is read again.
func TestMigrateReadsEventsThatArriveMeanwhile(t *testing.T) {
	t.Parallel()
	p := newPlay(t, journeyOf("  - {id: w, wait_for: {event: A, when: event.n > 5}, timeout: 9h}\n"))
	p.events = map[string]map[string]any{"e1": {"n": 1.0, "k": 8.0}}
	order := p.to(journeyOf("  - {id: w, wait_for: {event: A, when: event.k > 5}, timeout: 9h}\n"), nil)
	p.moved = func(n int, _ contract.Move) error {
		if n == 1 {
			p.env.SignalWorkflow(contract.DeliveryName, p.deliveryOf("e1", "A", map[string]any{"n": 1.0}))
		}
		return nil
	}
	p.moveTo(time.Hour, order)
	n := p.renewed()
	n.expect(contract.Completed, n.run(), "w@1h: A")
	if len(p.moves) != 2 || fmt.Sprint(p.moves[1].Events) != "[e1]" {
		t.Errorf("moves %+v", p.moves)
	}
}

func TestMigrateIsRepeatedUntilTheStoreIsBack(t *testing.T) {
	t.Parallel()
	p := newPlay(t, journeyOf("  - {id: w, wait: 5h}\n"))
	order := p.to(journeyOf("  - {id: w, wait: 6h}\n"), nil)
	p.moved = func(n int, _ contract.Move) error {
		if n < 3 {
			return errDown
		}
		return nil
	}
	p.moveTo(time.Hour, order)
	n := p.renewed()
	n.expect(contract.Completed, n.run(), "w@5h")
}

func TestMigrateThatTheStoreRefusesKeepsTheRun(t *testing.T) {
	t.Parallel()
	p := newPlay(t, journeyOf("  - {id: w, wait: 5h}\n"))
	order := p.to(journeyOf("  - {id: w, wait: 6h}\n"), nil)
	p.moved = func(_ int, m contract.Move) error {
		if m.Refused == "" {
			return temporal.NewNonRetryableApplicationError("no such revision", contract.RejectInvalid, nil)
		}
		return nil
	}
	p.moveTo(time.Hour, order)
	p.expect(contract.Completed, p.run(), "w@5h")
	if len(p.moves) != 2 || p.moves[1].Refused != "no such revision" {
		t.Errorf("moves %+v", p.moves)
	}
}

func TestMigrateOfAClosedEnrollmentReportsNothing(t *testing.T) {
	t.Parallel()
	p := newPlay(t, journeyOf("  - {id: w, wait: 5h}\n"))
	order := p.to(journeyOf("  - {id: w, wait: 6h}\n"), nil)
	p.moved = func(int, contract.Move) error { return errSuperseded() }
	p.moveTo(time.Hour, order)
	if result := p.run(); result.Outcome != "" || !strings.Contains(result.Reason, "enrollment") {
		t.Errorf("%+v", result)
	}
}

// An order that comes while the enrollment is about to continue as new by itself is carried out first.
func TestMigrateGoesBeforeContinueAsNew(t *testing.T) {
	t.Parallel()
	p := newPlay(t, journeyOf("  - {id: w, wait: 5h}\n"))
	order := p.to(journeyOf("  - {id: w, wait: 6h}\n"), nil)
	p.env.SetContinueAsNewSuggested(true)
	p.report = func(int, contract.Report) error {
		p.env.SignalWorkflow(contract.DeliveryName, order)
		return nil
	}
	n := p.renewed()
	p.report = nil
	if n.in.Revision != p.next.Revision() || n.in.Snapshot.hasMigrateOrder() {
		t.Errorf("it continued on revision %s with %v", n.in.Revision, n.in.Snapshot.Arrived)
	}
	n.expect(contract.Completed, n.run(), "w@5h")
}

func TestMigrateNotFromTheStoreIsRefused(t *testing.T) {
	t.Parallel()
	p := newPlay(t, journeyOf("  - {id: w, wait: 5h}\n"))
	p.order(time.Hour, contract.MigrateOrder, contract.Command{Revision: "x"})
	p.expect(contract.Completed, p.run(), "w@5h")
	if got := p.answers["migrate-1"]; got == "completed" || got == "lost" {
		t.Errorf("answered with %s", got)
	}
	if len(p.moves) > 0 {
		t.Errorf("moves %+v", p.moves)
	}
}

// A migration keeps the moment until which an enrollment waits. With retime, the wait ends as the new revision says, counted from
// when it began: sooner, later, or at once.
func TestMigrateRetimes(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		from, to string
		retime   bool
		ended    string
	}{
		"kept":            {"wait: 10h", "wait: 5h", false, "w@10h"},
		"shortened":       {"wait: 10h", "wait: 5h", true, "w@5h"},
		"lengthened":      {"wait: 10h", "wait: 20h", true, "w@20h"},
		"over":            {"wait: 10h", "wait: 1h", true, "w@3h"},
		"of an event":     {"wait_for: {event: A}, timeout: 10h", "wait_for: {event: A}, timeout: 5h", true, "w@5h: timed out"},
		"until a moment":  {"wait: {until: \"'2026-03-02T20:00:00Z'\"}", "wait: {until: \"'2026-03-02T15:00:00Z'\"}", true, "w@5h"},
		"a time of day":   {"wait: {until: '20:00', timezone: UTC}", "wait: {until: '15:00', timezone: UTC}", true, "w@5h"},
		"missed that day": {"wait: {until: '20:00', timezone: UTC}", "wait: {until: '12:00', timezone: UTC}", true, "w@3h"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPlay(t, journeyOf("  - {id: w, "+c.from+"}\n"))
			order := p.to(journeyOf("  - {id: w, "+c.to+"}\n"), nil)
			order.Command.Retime = c.retime
			p.moveTo(3*time.Hour, order)
			n := p.renewed()
			n.expect(contract.Completed, n.run(), c.ended)
		})
	}
}
