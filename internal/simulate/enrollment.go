package simulate

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/tabi-journeys/tabi/activities"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/journey/localtime"
	"github.com/tabi-journeys/tabi/internal/journey/scenario"
	"github.com/tabi-journeys/tabi/internal/journey/source"
	"github.com/tabi-journeys/tabi/internal/unit"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// enrollment is one entry into a journey.
type enrollment struct {
	run      *scenarioRun
	stored   unit.Enrollment
	workflow string
	journey  string
	key      string
	number   int // among those of its journey and key, from 1
	future   workflow.ChildWorkflowFuture
	cancel   workflow.CancelFunc
	view     func() (contract.State, error)
	over     bool // its workflow has ended

	visited    []string // step ids in the order they were entered
	parked     string   // the last of visited, if it waits there
	since      time.Time
	ended      *contract.Ended
	unreported map[string]string // step → what it did, until the step is reported
}

// sending is a message that was sent, suppressed or failed.
type sending struct {
	journey string
	said    scenario.Said
	status  string
	words   *activities.Rendered // nil: it was never rendered
}

// byWorkflowID returns the enrollment that was last started under a workflow id.
func (w *scenarioRun) byWorkflowID(workflowID string) *enrollment {
	for n := len(w.enrollments) - 1; n >= 0; n-- {
		if w.enrollments[n].workflow == workflowID {
			return w.enrollments[n]
		}
	}
	return nil
}

// byEnrollment returns the enrollment with an id.
func (w *scenarioRun) byEnrollment(enrollment string) *enrollment {
	for _, i := range w.enrollments {
		if i.stored.ID == enrollment {
			return i
		}
	}
	return nil
}

// name returns the journey, the key, and from the second one with the same on its number.
func (i *enrollment) name() string {
	text := i.journey
	if i.key != "" {
		text += " (" + i.key + ")"
	}
	if i.number > 1 {
		text += fmt.Sprintf(" #%d", i.number)
	}
	return text
}

// prefix begins a log line about an enrollment; it is empty for the first one of the journey under test.
func (i *enrollment) prefix() string {
	if i.journey != i.run.test.Journey || i.key != "" || i.number > 1 {
		return i.name() + ": "
	}
	return ""
}

func (w *scenarioRun) entered(i *enrollment, in contract.Input) {
	held := ""
	if in.Holdout {
		held = ", held out"
	}
	w.record(w.since(), source.Place{}, "%s entered by %s%s", i.name(), in.EntryName, held)
}

// observe records the calls and results of activities.
func (w *scenarioRun) observe(d activityCall) {
	if d.err != nil {
		return
	}
	switch in := d.in.(type) {
	case contract.Report:
		if i := w.byEnrollment(in.Enrollment); i != nil {
			i.reported(in)
		}
	case contract.Evaluate:
		if out, ok := d.out.(contract.EvaluateResult); ok {
			w.unanswered(in, out)
		}
	case contract.Send:
		if out, ok := d.out.(contract.SendResult); ok {
			w.recordSend(in, out)
		}
	case contract.Decide:
		if out, ok := d.out.(contract.DecideResult); ok && out.Action != "" {
			w.recordSend(contract.Send{Ref: in.Ref, Step: in.Step, Spec: journey.Send{Message: out.Message, Via: []string{out.Channel}}},
				out.SendResult)
		}
	case contract.OpenHandoff:
		if in.Journey == w.test.Journey {
			w.handoffs = append(w.handoffs, in.Spec.Queue)
		}
		if i := w.byEnrollment(in.Enrollment); i != nil {
			i.unreported[in.Step] = "given to " + in.Spec.Queue
		}
	}
}

// recordSend records the outcome of a send.
func (w *scenarioRun) recordSend(in contract.Send, out contract.SendResult) {
	i := w.byEnrollment(in.Enrollment)
	if i == nil {
		return
	}
	via := out.Channel
	if via == "" && len(in.Spec.Via) == 1 { // refused by the only channel of the send
		via = in.Spec.Via[0]
	}
	w.assume(out.Status == contract.StatusSent)
	switch out.Status {
	case contract.StatusSent, contract.StatusSuppressed, contract.StatusFailed:
		w.sends = append(w.sends, sending{journey: in.Journey, status: out.Status,
			said: scenario.Said{Message: in.Spec.Message, Via: via, Reason: out.Reason}, words: w.rendered})
	}
	switch out.Status {
	case contract.StatusSent:
		i.unreported[in.Step] = fmt.Sprintf("sent %s by %s", in.Spec.Message, out.Channel)
	case contract.StatusSuppressed:
		i.unreported[in.Step] = fmt.Sprintf("blocked %s: %s", in.Spec.Message, out.Reason)
	case contract.StatusFailed:
		i.unreported[in.Step] = fmt.Sprintf("failed to send %s: %s", in.Spec.Message, out.Reason)
	}
}

// describe returns the description of a step; it is empty if the journey has no such step.
func (i *enrollment) describe(step string) journey.Description {
	s := i.run.content.Journeys[i.journey].Step(step)
	if s == nil {
		return journey.Description{}
	}
	return s.Describe()
}

// reported follows the enrollment's reports.
func (i *enrollment) reported(r contract.Report) {
	w := i.run
	for _, p := range r.Passed {
		if p.Arm != "" || i.parked != p.Step {
			w.visit(i.journey, p.Step, p.Arm)
		}
		if p.Arm == journey.ArmSkipped {
			w.record(p.At.Sub(w.clock.Origin), source.Place{}, "%sskipped %s", i.prefix(), p.Step)
			continue
		}
		if i.parked != p.Step {
			i.visited = append(i.visited, p.Step)
		}
		i.parked = ""
		text := i.describeVisit(p)
		if p.Kind == waitKind && p.Outcome == "" { // it did wait
			text += " on " + w.localTime(p.At)
		}
		w.record(p.At.Sub(w.clock.Origin), source.Place{}, "%s%s", i.prefix(), text)
	}
	if p := r.Parked; p != nil && p.Step != "" && (i.parked != p.Step || !i.since.Equal(p.Since)) {
		spec := i.describe(p.Step)
		if i.parked != p.Step || !spec.Says { // a send that is held again, or then waits for a reply, is one visit
			i.visited = append(i.visited, p.Step)
			w.visit(i.journey, p.Step, "")
		}
		i.parked, i.since = p.Step, p.Since
		if text, ok := i.unreported[p.Step]; ok && spec.Parks {
			delete(i.unreported, p.Step)
			w.record(w.since(), source.Place{}, "%s%s", i.prefix(), text)
		}
		w.record(w.since(), source.Place{}, "%swaits at %s%s", i.prefix(), p.Step, w.until(p))
	}
	if r.Ended != nil {
		i.ended = r.Ended
		w.record(r.Ended.At.Sub(w.clock.Origin), source.Place{}, "%sended: %s (%s)", i.prefix(), r.Ended.Outcome, r.Ended.Reason)
	}
}

// describeVisit returns the log text of a step visit. The effect of a send was recorded when it happened, and is
// logged here, in the order of the steps.
func (i *enrollment) describeVisit(p contract.StepVisit) string {
	if text, ok := i.unreported[p.Step]; ok {
		delete(i.unreported, p.Step)
		spec := i.describe(p.Step)
		if text += " (" + p.Step + ")"; len(spec.Groups)+len(spec.Actions) > 0 {
			text += ": " + p.Outcome
		}
		return text
	}
	text := "passed " + p.Step + " (" + p.Kind + ")"
	if p.Outcome != "" && p.Outcome != p.Arm && p.Outcome != journey.ArmLabel(p.Arm) {
		text += ": " + p.Outcome
	}
	if p.Arm == "" {
		return text
	}
	return text + " → " + journey.ArmLabel(p.Arm)
}

// waitKind is the kind of steps that wait for a moment.
var waitKind = new(journey.Wait).Kind()

// localTime returns a time as the customer's clocks and calendar show it.
func (w *scenarioRun) localTime(at time.Time) string {
	zone := time.UTC
	if c, err := w.store.Customers.Get(w.ctx, w.scenario.ID); err == nil { // else: unknown yet
		name, _ := c.Traits["timezone"].(string)
		if known, ok := localtime.Zone(name); ok {
			zone = known
		}
	}
	layout := "Mon 2 Jan 15:04 MST"
	if at.Year() != w.clock.Origin.Year() {
		layout = "Mon 2 Jan 2006 15:04 MST"
	}
	return at.In(zone).Format(layout)
}

// until returns how long a wait lasts, and what for.
func (w *scenarioRun) until(p *contract.Position) string {
	text := ""
	if !p.Until.IsZero() {
		text = " until " + Offset(p.Until.Sub(w.clock.Origin)) + " (" + w.localTime(p.Until) + ")"
	}
	if len(p.For) > 0 {
		text += " for " + strings.Join(p.For, " or ")
	}
	return text
}

// visit counts a visit of a step (empty arm) or of one of its arms.
func (w *scenarioRun) visit(name, step, arm string) {
	if w.visits[name] == nil {
		w.visits[name] = map[string]map[string]int{}
	}
	if w.visits[name][step] == nil {
		w.visits[name][step] = map[string]int{}
	}
	w.visits[name][step][arm]++
}

// state queries the enrollment's state.
func (i *enrollment) state() (contract.State, error) {
	if i.view == nil {
		return contract.State{}, fmt.Errorf("%s has not begun", i.name())
	}
	return i.view()
}

// subject returns the enrollment of the journey under test that an expectation is about: the one with a key, else the
// last one that entered.
func (w *scenarioRun) subject(key *string) *enrollment {
	for n := len(w.enrollments) - 1; n >= 0; n-- {
		if i := w.enrollments[n]; i.journey == w.test.Journey && (key == nil || i.key == *key) {
			return i
		}
	}
	return nil
}

func sorted[T any](m map[string]T) []string { return slices.Sorted(maps.Keys(m)) }

// Offset formats a time since the start as a journey would: 61m is 1h1m, 0 is 0m.
func Offset(d time.Duration) string {
	sign := ""
	if d < 0 {
		sign, d = "-", -d
	}
	text := ""
	for _, unit := range []struct {
		name string
		size time.Duration
	}{{"d", 24 * time.Hour}, {"h", time.Hour}, {"m", time.Minute}, {"s", time.Second}, {"ms", time.Millisecond}} {
		if n := d / unit.size; n > 0 {
			text += fmt.Sprintf("%d%s", n, unit.name)
			d %= unit.size
		}
	}
	return sign + cmp.Or(text, "0m")
}
