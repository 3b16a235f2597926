package workflows

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"
	"pgregory.net/rapid"

	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// happening is what arrives for an enrollment at a moment after its entry, in any of its runs.
type happening struct {
	at time.Duration
	do func(p *play)
}

// script draws what happens to an enrollment: events, orders, the words of agents, a move to another revision, a
// renewal, a cancellation.
func script(t *rapid.T, source string, steps int) []happening {
	var all []happening
	for i := range rapid.IntRange(0, 14).Draw(t, "happenings") {
		at := time.Duration(rapid.IntRange(0, 40*4).Draw(t, "at")) * 15 * time.Minute
		add := func(at time.Duration, do func(p *play)) { all = append(all, happening{at, do}) }
		order := func(at time.Duration, kind string, c contract.Command) {
			add(at, func(p *play) { p.env.UpdateWorkflow(kind, fmt.Sprintf("%s-%d", kind, i), p.callbacks(kind), c) })
		}
		id, step := fmt.Sprintf("e%d", i), fmt.Sprintf("s%d", rapid.IntRange(1, steps).Draw(t, "step"))
		switch rapid.IntRange(0, 21).Draw(t, "what") {
		case 0, 1:
			order(at, contract.PauseUpdate, contract.Command{})
			order(at+time.Duration(rapid.IntRange(0, 9).Draw(t, "for"))*time.Hour, contract.ResumeUpdate, contract.Command{})
		case 2:
			order(at, contract.SkipUpdate, contract.Command{})
		case 3:
			order(
				at,
				contract.GoToUpdate,
				contract.Command{Target: rapid.SampledFrom([]string{"p1", "p2", step, "nowhere"}).Draw(t, "target")},
			)
		case 4, 5:
			outcome := rapid.SampledFrom([]string{"refunded", "done"}).Draw(t, "outcome")
			add(at, func(p *play) {
				p.update(
					id,
					contract.Delivery{
						ID:         id,
						Enrollment: p.in.Enrollment,
						HandoffResult: &contract.HandoffResult{Handoff: p.in.Enrollment + "/" + step + "/1", Outcome: outcome,
							Agent: "kim"},
					},
				)
			})
		case 6, 7:
			renamed := strings.ReplaceAll(
				regexp.MustCompile(`\b`+step+`\b`).ReplaceAllString(source, "z"),
				"\nsteps:\n",
				"\nsteps:\n  - {id: fresh, wait: 1h}\n",
			)
			add(at, func(p *play) { p.migrates(id, renamed, map[string]string{step: "z"}, i%2 == 0) })
		case 8:
			add(at, func(p *play) { p.env.SetContinueAsNewSuggested(true) })
		case 9:
			if rapid.IntRange(0, 4).Draw(t, "cancel") == 0 {
				add(at, func(p *play) { p.env.CancelWorkflow() })
			}
		case 10:
			add(at, func(p *play) { p.env.SignalWorkflow(contract.EventName, contract.Event{ID: id, Name: "Stray"}) })
		case 11:
			add(at, func(p *play) {
				e := p.deliveryOf(id, "Customer Updated", nil)
				e.Event.Traits = []string{"timezone", "ends_at"}
				p.update(id, e)
			})
		case 12:
			add(at, func(p *play) { p.update(id, p.deliveryOf(id, journey.MessageReceived, nil)) })
		case 13:
			intent := rapid.SampledFrom([]string{"complaint", "purchase"}).Draw(t, "intent")
			value := float64(rapid.IntRange(0, 9).Draw(t, "value")) / 10
			byEvent := rapid.Bool().Draw(t, "by an event")
			add(at, func(p *play) {
				p.feels(intent, value)
				if byEvent {
					p.update(id, p.deliveryOf(id, "A", map[string]any{"n": 1.0}))
					return
				}
				p.update(id, p.scores(id))
			})
		default:
			name := rapid.SampledFrom([]string{"A", "A", "B", "B", "C", "E", "G", "X"}).Draw(t, "name")
			n := float64(rapid.IntRange(0, 9).Draw(t, "n"))
			add(at, func(p *play) { p.update(id, p.deliveryOf(id, name, map[string]any{"n": n})) })
		}
	}
	// A pause may outlive its resume, which is refused where another pause is still on.
	return append(all, happening{1000 * time.Hour, func(p *play) {
		p.env.UpdateWorkflow(contract.ResumeUpdate, "last", p.callbacks("last"), contract.Command{})
	}})
}

// migrates returns the order to move to a revision, unless lint refuses that one.
func (p *play) migrates(id, source string, renamed map[string]string, signal bool) {
	next, err := compile(source)
	if err != nil {
		return
	}
	packed, err := journey.Pack(next.Definition)
	if err != nil {
		p.t.Error(err)
	}
	p.mu.Lock()
	p.next = next
	p.mu.Unlock()
	e := contract.Delivery{
		ID:         id,
		Enrollment: p.in.Enrollment,
		Command:    &contract.Command{Kind: contract.MigrateOrder, Revision: next.Revision(), Definition: packed, Renamed: renamed},
	}
	if signal {
		p.env.SignalWorkflow(contract.DeliveryName, e)
		return
	}
	p.update(id, e)
}

// through runs an enrollment over all its runs to its end, and returns the error of the last one.
func (p *play) through(all []happening) (last *play, err error) {
	happened := make([]bool, len(all))
	for {
		elapsed := p.env.Now().Sub(testStart)
		for i, h := range all {
			if !happened[i] {
				p.at(max(h.at-elapsed, 0), func() { happened[i] = true; h.do(p) })
			}
		}
		env, depth := p.env, map[string]int{}
		p.emitted = func(e contract.Emit) { // as the store does: chains end after ten
			id := "tabi.emit/" + e.Key
			if depth[id] = 1 + max(depth[e.EntryEvent], depth[e.Event]); depth[id] <= 10 {
				env.SignalWorkflow(contract.DeliveryName, p.deliveryOf(id, e.Spec.Event, map[string]any{"n": 1.0}))
			}
		}
		p.env.ExecuteWorkflow(Journey, p.in)
		err := p.env.GetWorkflowError()
		var next *workflow.ContinueAsNewError
		if !errors.As(err, &next) {
			return p, err
		}
		var in Input
		if err := converter.GetDefaultDataConverter().FromPayloads(next.Input, &in); err != nil {
			return p, err
		}
		p = playOf(p.t, p.world, &in, p.env.Now())
	}
}

// Whatever happens to it, an enrollment of any journey that lints ends with exactly one outcome, uses each event
// once, and sends nothing twice.
func TestAnyJourneyEndsOnce(t *testing.T) {
	t.Parallel()
	var drawn, linted atomic.Int64
	rapid.Check(t, func(rt *rapid.T) {
		d := &drawer{T: rt}
		source := d.journey()
		drawn.Add(1)
		prog, err := compile(source)
		if err != nil {
			if !strings.Contains(err.Error(), "endless-loop") {
				rt.Fatal(err)
			}
			return
		}
		linted.Add(1)
		p := playOf(
			t,
			&world{
				prog:     prog,
				start:    testStart,
				customer: map[string]any{"vip": rapid.Bool().Draw(rt, "vip"), "ends_at": "2026-03-03T10:00:00Z"},
			},
			nil,
			testStart,
		)
		p.in.Holdout = rapid.IntRange(0, 9).Draw(rt, "holdout") == 0
		twice := ""
		settled := map[string]bool{}
		answers := rapid.SliceOfN(rapid.SampledFrom([]string{contract.StatusSent, contract.StatusRetry, contract.StatusFailed,
			contract.StatusSuppressed, contract.StatusPaused, contract.StatusHeld}), 1, 5).
			Draw(rt, "answers")
		say := func(n int, key string, answers []string) contract.SendResult {
			if settled[key] {
				twice = key
			}
			result, at := contract.SendResult{Status: answers[n%len(answers)]}, p.now().Sub(testStart)
			switch {
			case result.Status == contract.StatusHeld:
				result.Until = testStart.Add(at.Truncate(12*time.Hour) + 12*time.Hour)
			case result.Status == contract.StatusPaused && at > 900*time.Hour:
				result.Status = contract.StatusSent // nobody resumes it any more
			}
			settled[key] = !slices.Contains([]string{contract.StatusRetry, contract.StatusPaused, contract.StatusHeld}, result.Status)
			return result
		}
		p.send = func(n int, s contract.Send) (contract.SendResult, error) { return say(n, s.Key, answers), nil }
		choices := rapid.SliceOfN(rapid.SampledFrom([]string{contract.StatusSent, contract.StatusRetry, contract.StatusFailed,
			contract.StatusSuppressed, contract.StatusPaused, contract.StatusChosen}), 1, 5).
			Draw(rt, "choices")
		p.decide = func(n int, d contract.Decide) (contract.DecideResult, error) {
			result := contract.DecideResult{SendResult: say(n, d.Key, choices)}
			if result.Status != contract.StatusSuppressed {
				result.Action, result.Message, result.Channel = "discount", "hello", "email"
			}
			return result, nil
		}
		p.reply = func(in contract.Reply) contract.ReplyResult {
			return contract.ReplyResult{Arm: len(in.Event)%3 - 1, Intent: "refund"}
		}
		stubborn := rapid.IntRange(0, 12).Draw(rt, "stubborn")
		p.deliver = func(attempt int, _ contract.Send) (contract.SendResult, error) {
			return failing(stubborn)(attempt, contract.Send{})
		}
		p.call = func(attempt int, c contract.Call) (contract.CallResult, error) {
			return []func(int, contract.Call) (contract.CallResult, error){broken(stubborn), refused(404, "no"),
				ok(200, map[string]any{"n": 1.0})}[len(c.Key)%3](
				attempt,
				c,
			)
		}
		p.reserve = func(r reservation) (any, error) {
			return []func(reservation) (any, error){busy(stubborn), soldOut("SoldOut"), reserved(map[string]any{"n": 1.0})}[len(r.id)%3](r)
		}
		flaky := rapid.IntRange(0, 3).Draw(rt, "flaky")
		p.report = func(n int, _ contract.Report) error {
			if flaky > 0 && n%(flaky+1) == 0 {
				return errDown
			}
			return nil
		}
		p, err = p.through(script(rt, source, d.next))
		if err != nil && !temporal.IsCanceledError(err) {
			rt.Fatalf("%v\n%s", err, source)
		}
		ends := p.ends()
		if len(ends) != 1 || ends[0] == "" || err != nil && ends[0] != contract.Cancelled {
			rt.Fatalf("ends %v, error %v\n%s", ends, err, source)
		}
		var result contract.Result
		if err == nil {
			if bad := p.env.GetWorkflowResult(&result); bad != nil || result.Outcome != ends[0] {
				rt.Fatalf("result %+v, reported %v, %v", result, ends, bad)
			}
		}
		if ends[0] == contract.Failed && !strings.Contains(result.Reason, "without waiting") {
			rt.Fatalf("failed: %s\n%s", result.Reason, source)
		}
		if twice != "" {
			rt.Fatalf("%s was settled, and asked for again\n%s", twice, source)
		}
		p.consistent(rt, source)
	})
	if drawn.Load() > 0 && linted.Load()*2 < drawn.Load() {
		t.Errorf("only %d of %d journeys lint: draw better ones", linted.Load(), drawn.Load())
	}
}

// consistent checks the reports: they are in order, hand-offs are opened once, events are used once.
func (p *play) consistent(t *rapid.T, source string) {
	for i, r := range p.reports {
		if i > 0 && r.Seq <= p.reports[i-1].Seq { // one that was canceled leaves a gap
			t.Fatalf("report %d has number %d\n%s", i+1, r.Seq, source)
		}
		for _, passed := range r.Passed {
			if (passed.Visit == 0) != (passed.Arm == journey.ArmSkipped) {
				t.Fatalf("passed %+v\n%s", passed, source)
			}
		}
		if r.Ended != nil && i != len(p.reports)-1 {
			t.Fatalf("a report behind the end\n%s", source)
		}
	}
	opened := map[string]bool{}
	for _, h := range p.opened {
		if opened[h.ID] {
			t.Fatalf("hand-off %s was opened twice\n%s", h.ID, source)
		}
		opened[h.ID] = true
	}
	for _, s := range p.sends {
		by := map[string]string{}
		for _, step := range workflow.DeterministicKeys(s.StepEvents) {
			id := s.StepEvents[step]
			if other, used := by[id]; used {
				t.Fatalf("event %s was used by %s and %s\n%s", id, other, step, source)
			}
			by[id] = step
		}
	}
}
