package workflows

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"go.temporal.io/sdk/temporal"

	"github.com/tabi-journeys/tabi/workflows/contract"
)

func TestUselessDeliveriesAreRefused(t *testing.T) {
	t.Parallel()
	p := newPlay(t, journeyOf("  - {id: a, wait_for: {event: A}, timeout: 5h}\n  - {id: b, wait_for: {event: A}, timeout: 5h}\n"))
	p.event(time.Hour, "e1", "A", nil)
	p.at(2*time.Hour, func() { p.update("e1 again", p.deliveryOf("e1", "A", nil)) })
	p.at(150*time.Minute, func() { p.env.SignalWorkflow(contract.DeliveryName, p.deliveryOf("e1", "A", nil)) })
	p.at(3*time.Hour, func() {
		p.update("x1", contract.Delivery{ID: "x1", Enrollment: "e-2", Event: &contract.CustomerEvent{Name: "A"}})
		p.update("x2", contract.Delivery{ID: "x2", Enrollment: "e-1", Event: &contract.CustomerEvent{}})
		p.update("x3", contract.Delivery{Enrollment: "e-1", Event: &contract.CustomerEvent{Name: "A"}})
		p.update("x4", contract.Delivery{ID: "x4", Enrollment: "e-1", Command: &contract.Command{Kind: "dance"}})
		p.env.SignalWorkflow(contract.DeliveryName, contract.Delivery{ID: "x5", Enrollment: "e-2",
			Event: &contract.CustomerEvent{Name: "A"}})
		p.env.SignalWorkflow(contract.EventName, "no event at all")
		p.env.SignalWorkflow(contract.EventName, []byte{0xff, 0xfe})
		p.env.SignalWorkflow(contract.EventName, nil)
		p.env.SignalWorkflow(contract.DeliveryName, "no delivery at all")
	})
	p.at(4*time.Hour, func() {
		if got := p.answers["e1 again"]; got != contract.RejectDuplicate {
			t.Errorf("the duplicate was answered with %s", got)
		}
		for id, want := range map[string]string{"x1": contract.RejectWrongEnrollment, "x2": contract.RejectInvalid,
			"x3": contract.RejectInvalid, "x4": contract.RejectInvalid} {
			if p.answers[id] != want {
				t.Errorf("%s was answered with %s, want %s", id, p.answers[id], want)
			}
		}
	})
	p.expect(contract.Completed, p.run(), "a@1h: A", "b@6h: timed out")
	if len(p.records) > 0 {
		t.Errorf("recorded %v", p.records)
	}
}

func TestSameEventByTwoWaysInOneTaskCountsOnce(t *testing.T) {
	t.Parallel()
	p := newPlay(t, journeyOf("  - {id: a, wait_for: {event: A}, timeout: 5h}\n  - {id: b, wait_for: {event: A}, timeout: 5h}\n"))
	p.at(time.Hour, func() {
		p.env.SignalWorkflowSkippingWorkflowTask(contract.DeliveryName, p.deliveryOf("e1", "A", nil))
		p.update("e1", p.deliveryOf("e1", "A", nil))
	})
	p.expect(contract.Completed, p.run(), "a@1h: A", "b@6h: timed out")
}

func TestDirectEventIsRecordedFirstAndComesBack(t *testing.T) {
	t.Parallel()
	for _, way := range []string{"signal", "update"} {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			p := newPlay(t, journeyOf("  - {id: w, wait: 5h}\n", "goal: {event: Bought}"))
			stray := contract.Event{ID: "s1", Name: "Bought", Properties: map[string]any{"total": 3.0}}
			p.at(time.Hour, func() {
				if way == "signal" {
					p.env.SignalWorkflow(contract.EventName, stray)
				} else {
					p.env.UpdateWorkflow(contract.EventName, "from the channel", p.callbacks("from the channel"), stray)
				}
			})
			p.event(2*time.Hour, "s1", "Bought", nil)
			p.expect(contract.Goal, p.run())
			p.same("account", []string{"record s1 Bought"}, p.account)
			call := p.records[0].Call
			if p.records[0].Enrollment != "e-1" || call.UserID != "" || call.Type != "track" || call.Properties["total"] != 3.0 {
				t.Errorf("recorded %+v", p.records[0])
			}
			if at := p.reports[len(p.reports)-1].Ended.At.Sub(testStart); at != 2*time.Hour {
				t.Errorf("ended after %s: only what comes from the store counts", at)
			}
		})
	}
}

func TestDirectEventsAreNotLostWhenTheRunEnds(t *testing.T) {
	t.Parallel()
	tests := map[string]func(p *play){
		"in the task of the end": func(p *play) {
			p.at(time.Hour, func() {
				p.env.SignalWorkflowSkippingWorkflowTask(contract.DeliveryName, p.deliveryOf("e1", "Bought", nil))
				p.env.SignalWorkflow(contract.EventName, contract.Event{ID: "s1", Name: "Seen"})
			})
		},
		"while the end is reported": func(p *play) {
			p.report = func(n int, r contract.Report) error {
				if r.Ended != nil && n < 4 {
					return errDown
				}
				return nil
			}
			p.event(time.Hour, "e1", "Bought", nil)
			p.at(time.Hour+50*time.Millisecond, func() { p.env.SignalWorkflow(contract.EventName, contract.Event{ID: "s1", Name: "Seen"}) })
		},
		"in the task of a cancellation": func(p *play) {
			p.at(time.Hour, func() {
				p.env.SignalWorkflowSkippingWorkflowTask(contract.EventName, contract.Event{ID: "s1", Name: "Seen"})
				p.env.CancelWorkflow()
			})
		},
		"paused": func(p *play) {
			p.order(time.Minute, contract.PauseUpdate, contract.Command{})
			p.at(time.Hour, func() { p.env.SignalWorkflow(contract.EventName, contract.Event{ID: "s1", Name: "Seen"}) })
			p.order(2*time.Hour, contract.ExitUpdate, contract.Command{})
		},
	}
	for name, play := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPlay(t, journeyOf("  - {id: w, wait: 5h}\n", "goal: {event: Bought}"))
			play(p)
			p.env.ExecuteWorkflow(Journey, p.in)
			if len(p.ends()) != 1 {
				t.Errorf("ends %v", p.ends())
			}
			found := false
			for _, r := range p.records {
				found = found || r.Call.MessageID == "s1"
			}
			if !found {
				t.Error("the event is lost")
			}
		})
	}
}

func TestDirectEventThatTheStoreRefusesIsDropped(t *testing.T) {
	t.Parallel()
	p := newPlay(t, journeyOf("  - {id: w, wait: 5h}\n"))
	p.refuse = func(contract.Record) error {
		return temporal.NewNonRetryableApplicationError("no such id", contract.RejectInvalid, nil)
	}
	p.at(time.Hour, func() { p.env.SignalWorkflow(contract.EventName, contract.Event{ID: "s1", Name: "Seen"}) })
	p.at(2*time.Hour, func() {
		p.env.UpdateWorkflow(contract.EventName, "u", p.callbacks("u"), contract.Event{ID: "s2", Name: "Bought"})
	})
	p.at(3*time.Hour, func() { p.env.SignalWorkflow(contract.EventName, contract.Event{ID: "s3"}) })
	p.at(3*time.Hour, func() { p.env.SignalWorkflow(contract.EventName, []string{"Seen"}) })
	p.at(3*time.Hour, func() { p.env.SignalWorkflow(contract.DeliveryName, contract.Delivery{ID: "s5"}) })
	p.expect(contract.Completed, p.run(), "w@5h")
	if got := p.answers["u"]; !strings.Contains(got, "could not be recorded: no such id") {
		t.Errorf("the update was answered with %q", got)
	}
	state := p.view()
	for _, want := range []string{
		`event "Seen" (id "s1") was dropped: no such id`,
		`event "Bought" (id "s2") was dropped: no such id`,
		`event "" (id "s3") was dropped: an event needs "id" and "name"`,
		"a signal could not be read and was dropped: expected a JSON object",
		`a delivery (id "s5") was dropped: a delivery needs an id and exactly one of`,
	} {
		if !slices.ContainsFunc(state.Story, func(line string) bool { return strings.Contains(line, want) }) {
			t.Errorf("the log has no line %q: %q", want, state.Story)
		}
	}
}

func TestAnUpdateAnswersAfterTheEventIsRecorded(t *testing.T) {
	t.Parallel()
	p := newPlay(t, journeyOf("  - {id: w, wait: 1h}\n"))
	p.refuse = func(contract.Record) error {
		if len(p.records) < 4 {
			return errDown
		}
		return nil
	}
	p.at(time.Hour-10*time.Millisecond, func() { // the wait ends meanwhile
		p.env.UpdateWorkflow(contract.EventName, "u", p.callbacks("u"), contract.Event{ID: "s1", Name: "Seen"})
	})
	p.expect(contract.Completed, p.run(), "w@1h")
	if got := p.answers["u"]; got != "completed" || len(p.records) != 4 {
		t.Errorf("the update was answered with %q after %d tries", got, len(p.records))
	}
}

func TestUpdatesAreRefusedAfterTheEnd(t *testing.T) {
	t.Parallel()
	p := newPlay(t, journeyOf("  - {id: w, wait: 1h}\n"))
	p.report = func(n int, r contract.Report) error {
		if r.Ended != nil && n < 4 {
			return errDown
		}
		return nil
	}
	p.at(time.Hour+50*time.Millisecond, func() { p.update("e9", p.deliveryOf("e9", "A", nil)) })
	p.order(time.Hour+60*time.Millisecond, contract.PauseUpdate, contract.Command{})
	p.expect(contract.Completed, p.run(), "w@1h")
	for _, id := range []string{"e9", "pause-1"} {
		if p.answers[id] != contract.RejectJourneyEnded {
			t.Errorf("%s was answered with %s", id, p.answers[id])
		}
	}
}

func TestCommands(t *testing.T) {
	t.Parallel()
	const steps = "  - {id: w, wait: 5h}\n  - {id: v, wait: 5h}\npaths:\n  aside: [{id: a, exit: aside}]\n"
	tests := map[string]struct {
		play    func(p *play)
		outcome string
		passed  []string
		answers map[string]string
	}{
		"exit": {
			play:    func(p *play) { p.order(time.Hour, contract.ExitUpdate, contract.Command{By: "kim", Reason: "asked"}) },
			outcome: contract.Cancelled,
			answers: map[string]string{"exit-1": "completed"},
		},
		"skip": {
			play:    func(p *play) { p.order(time.Hour, contract.SkipUpdate, contract.Command{}) },
			outcome: contract.Completed,
			passed:  []string{"v@6h"},
			answers: map[string]string{"skip-1": "completed"},
		},
		"go to a path": {
			play:    func(p *play) { p.order(time.Hour, contract.GoToUpdate, contract.Command{Target: "aside"}) },
			outcome: "aside",
			passed:  []string{"a@1h: aside"},
		},
		"go to a step": {
			play:    func(p *play) { p.order(time.Hour, contract.GoToUpdate, contract.Command{Target: "v"}) },
			outcome: contract.Completed,
			passed:  []string{"v@6h"},
		},
		"go nowhere": {
			play:    func(p *play) { p.order(time.Hour, contract.GoToUpdate, contract.Command{Target: "x"}) },
			outcome: contract.Completed,
			passed:  []string{"w@5h", "v@10h"},
			answers: map[string]string{"go_to-1": contract.RejectInvalid},
		},
		"resume what is not paused": {
			play:    func(p *play) { p.order(time.Hour, contract.ResumeUpdate, contract.Command{}) },
			outcome: contract.Completed,
			passed:  []string{"w@5h", "v@10h"},
			answers: map[string]string{"resume-1": contract.RejectInvalid},
		},
		"paused: deadlines run on, what is due happens on resume": {
			play: func(p *play) {
				p.order(time.Hour, contract.PauseUpdate, contract.Command{})
				p.order(2*time.Hour, contract.PauseUpdate, contract.Command{})
				p.order(7*time.Hour, contract.ResumeUpdate, contract.Command{})
			},
			outcome: contract.Completed, passed: []string{"w@7h", "v@12h"},
			answers: map[string]string{"pause-1": "completed", "pause-2": contract.RejectInvalid, "resume-3": "completed"},
		},
		"pause and resume in one task": {
			play: func(p *play) {
				p.at(time.Hour, func() {
					for i, kind := range []string{contract.PauseUpdate, contract.ResumeUpdate} {
						id := fmt.Sprint("c", i)
						p.env.SignalWorkflowSkippingWorkflowTask(
							contract.DeliveryName,
							contract.Delivery{ID: id, Enrollment: "e-1", Command: &contract.Command{Kind: kind}},
						)
					}
					p.update("n", p.deliveryOf("n", "Nothing", nil))
				})
			},
			outcome: contract.Completed, passed: []string{"w@5h", "v@10h"},
		},
		"skip while paused, then its longest life is long over": {
			play: func(p *play) {
				p.order(time.Hour, contract.PauseUpdate, contract.Command{})
				p.order(2*time.Hour, contract.SkipUpdate, contract.Command{})
				p.order(90*24*time.Hour+time.Hour, contract.ResumeUpdate, contract.Command{})
			},
			outcome: contract.TimedOut,
		},
		"events are kept while paused": {
			play: func(p *play) {
				p.order(time.Hour, contract.PauseUpdate, contract.Command{})
				p.event(2*time.Hour, "e1", "Bought", nil)
				p.order(3*time.Hour, contract.ResumeUpdate, contract.Command{})
			},
			outcome: contract.Goal, answers: map[string]string{"e1": "completed"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPlay(t, journeyOf(steps, "goal: {event: Bought}"))
			test.play(p)
			p.expect(test.outcome, p.run(), test.passed...)
			for id, want := range test.answers {
				if p.answers[id] != want {
					t.Errorf("%s was answered with %s, want %s", id, p.answers[id], want)
				}
			}
		})
	}
}

func TestTrack(t *testing.T) {
	t.Parallel()
	p := newPlay(t, journeyOf("  - {id: w, wait: 5h}\n"))
	p.env.ExecuteWorkflow(Track, json.RawMessage(`{"userId":"ana","event":"Seen"}`))
	var out contract.TrackResult
	if err := p.env.GetWorkflowResult(&out); err != nil {
		t.Fatal(err)
	}
	if in := p.records[0]; in.ID == "" || in.ID != out.ID || !strings.Contains(string(in.Raw), `"event":"Seen"`) {
		t.Errorf("recorded %+v, answered %+v", in, out)
	}
}

// Events that fit no arm take no place from one that does, however many there are. What does not fit the bound is in the story.
func TestBufferDropsFirstWhatFitsNothing(t *testing.T) {
	t.Parallel()
	const page = "      - {event: Looked, when: %s}\n"
	for name, c := range map[string]struct {
		condition string
	}{
		"by its own properties": {condition: `event.path == "/checkout"`},
		"as things are now":     {condition: `event.path == vars.wanted`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPlay(t, journeyOf("  - wait: 1d\n  - wait_for:\n      - {event: Ordered, then: [{exit: bought}]}\n"+
				fmt.Sprintf(page, c.condition)+"    since: entry\n    timeout: 1h\n    on_timeout: [{exit: reminded}]\n",
				`vars: {wanted: "/checkout"}`))
			p.event(time.Minute, "e0", "Ordered", nil)
			for i := range bufferLimit + 100 {
				p.event(time.Hour+time.Duration(i)*time.Second, fmt.Sprint("p", i), "Looked", map[string]any{"path": "/p"})
			}
			told := ""
			p.at(23*time.Hour, func() {
				story := p.view().Story
				told = story[len(story)-1]
			})
			if got := p.run(); got.Outcome != "bought" {
				t.Errorf("outcome %q", got.Outcome)
			}
			want := "101 events were kept for a later step and then dropped, because an enrollment keeps at most 500: " +
				"Looked (101)"
			if told != want {
				t.Errorf("told %q", told)
			}
		})
	}
}

func TestEventsAreReadAsTheGatewayReadsCalls(t *testing.T) {
	t.Parallel()
	var e contract.Event
	err := json.Unmarshal([]byte(`{"id":7,"name":"Seen","time":"2026-03-02 09:00:00","properties":{"n":820982911946154509}}`), &e)
	if err != nil ||
		e.ID != "7" || e.Time.Hour() != 9 || e.Properties["n"] != json.Number("820982911946154509") {
		t.Errorf("%+v, %v", e, err)
	}
	err = json.Unmarshal([]byte(`{"id":"a","name":"Seen","properties":[]}`), &e)
	if err != nil || len(e.Properties) != 0 || !e.Time.IsZero() {
		t.Errorf("%+v, %v", e, err)
	}
	for _, bad := range []string{`[]`, `{"id":"a","name":"Seen","time":"2026"}`, `{"id":"a","name":"Seen","properties":[1]}`} {
		if err := json.Unmarshal([]byte(bad), &e); err == nil {
			t.Errorf("%s is read as %+v", bad, e)
		}
	}
}
