package simulate

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"

	"github.com/tabi-journeys/tabi/internal/customer"
	"github.com/tabi-journeys/tabi/internal/handoff"
	"github.com/tabi-journeys/tabi/internal/journey/scenario"
	"github.com/tabi-journeys/tabi/internal/message"
)

// perform performs the action of a timeline line.
func (w *scenarioRun) perform(line *scenario.Line) error {
	switch {
	case line.Event != nil:
		return w.event(line)
	case line.Customer != nil:
		w.record(line.At, line.Place, "customer: %s", names(line.Customer))
		return w.ingest(line, customer.SegmentCall{Type: "identify", Traits: line.Customer})
	case line.Fail != nil:
		f := *line.Fail
		f.Times = max(f.Times, 1)
		w.faults = append(w.faults, f)
		how := "not sent"
		if f.Permanent {
			how = "refused for good"
		}
		w.record(line.At, line.Place, "fail: the next %d by %s: %s", f.Times, cmp.Or(f.Via, "any channel"), how)
		return nil
	case line.Resolve != nil:
		return w.resolve(line)
	case line.Intent != nil:
		return w.intent(line)
	}
	return nil
}

func (w *scenarioRun) event(line *scenario.Line) error {
	e := line.Event
	w.record(line.At, line.Place, "event %s%s", e.Name, w.unusedHint(e.Name))
	return w.ingest(line, customer.SegmentCall{Type: "track", MessageID: e.ID, Event: e.Name, Properties: e.Properties})
}

// ingest ingests a Segment call of the customer, as the gateway does.
func (w *scenarioRun) ingest(line *scenario.Line, c customer.SegmentCall) error {
	w.events++
	c.UserID, c.Source = w.scenario.ID, "scenario"
	if c.MessageID == "" {
		c.MessageID = fmt.Sprintf("scenario/%d", w.events)
	}
	receipts, err := w.store.Intake.Ingest(w.ctx, w.now(), []customer.SegmentCall{c})
	if message.IsInput(err) {
		w.fail(Failure{Place: line.Place, At: line.At, Message: err.Error()})
		return nil
	}
	for _, got := range receipts {
		if got.Taken {
			w.fail(Failure{Place: line.Place, At: line.At, Message: customer.ErrTaken.Error()})
		}
		for _, warning := range got.Warnings {
			w.record(line.At, line.Place, "%s", warning)
		}
	}
	return err
}

// intent sets scores of the customer; no event happens.
func (w *scenarioRun) intent(line *scenario.Line) error {
	var said []string
	for _, name := range sorted(line.Intent) {
		said = append(said, name+" "+strconv.FormatFloat(line.Intent[name], 'g', -1, 64))
	}
	w.record(line.At, line.Place, "intent: %s", strings.Join(said, ", "))
	err := w.store.Intake.SetIntents(w.ctx, w.now(), w.scenario.ID, line.Intent)
	if message.IsInput(err) {
		w.fail(Failure{Place: line.Place, At: line.At, What: "intent", Message: err.Error()})
		return nil
	}
	return err
}

// resolve lets an agent resolve the oldest open hand-off of a queue.
func (w *scenarioRun) resolve(line *scenario.Line) error {
	r := line.Resolve
	agent := cmp.Or(r.Agent, "agent")
	w.record(line.At, line.Place, "%s resolves %s: %s", agent, cmp.Or(r.Queue, "the oldest hand-off"), r.Outcome)
	open, err := w.store.Handoffs.List(w.ctx, handoff.Filter{Queue: r.Queue, Customer: w.scenario.ID, Limit: 1000})
	if err != nil {
		return err
	}
	var oldest *handoff.Handoff
	for i := range open { // the list is sorted by priority
		if h := &open[i]; oldest == nil || h.OpenedAt.Before(oldest.OpenedAt) {
			oldest = h
		}
	}
	if oldest == nil {
		queue := "any queue"
		if r.Queue != "" {
			queue = "queue " + r.Queue
		}
		w.fail(Failure{Place: line.Place, At: line.At, What: "resolve", Expected: "an open hand-off of " + queue, Actual: "none is open"})
		return nil
	}
	if err := w.store.Handoffs.Claim(w.ctx, w.now(), w.now(), oldest.ID, agent); err != nil {
		return err
	}
	return w.store.Handoffs.Resolve(w.ctx, w.now(), oldest.ID, agent, r.Outcome, r.Note, handoff.AsAgent)
}

// names returns the keys of a map, sorted.
func names[T any](m map[string]T) string { return strings.Join(sorted(m), ", ") }
