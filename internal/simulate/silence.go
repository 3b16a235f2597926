package simulate

import (
	"slices"

	"github.com/tabi-journeys/tabi/internal/journey/expr"
	"github.com/tabi-journeys/tabi/internal/journey/source"
	"github.com/tabi-journeys/tabi/internal/unit"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// watch returns the functions by which the rooms tell the scenario what production does silently.
func (w *scenarioRun) watch() unit.Watch {
	return unit.Watch{
		Assumed: func(_ string, rule expr.Expr) { w.assuming = append(w.assuming, string(rule)) },
		NotEntered: func(journey, customer, why string) {
			if customer == w.scenario.ID {
				w.recordOnce("%s not entered at %s: %s", journey, w.now().Format("Mon 2 Jan 15:04 MST"), why)
			}
		},
	}
}

// recordOnce adds a line to the log, unless the scenario has it already.
func (w *scenarioRun) recordOnce(format string, args ...any) {
	w.record(w.since(), source.Place{}, format, args...)
}

// assume keeps the consent that was taken for given for a message that was sent.
func (w *scenarioRun) assume(sent bool) {
	for _, rule := range w.assuming {
		if sent && !slices.Contains(w.assumed, rule) {
			w.assumed = append(w.assumed, rule)
		}
	}
	w.assuming = nil
}

// unanswered records the conditions that are false because they have no answer, each once for an enrollment.
func (w *scenarioRun) unanswered(in contract.Evaluate, out contract.EvaluateResult) {
	i := w.byEnrollment(in.Enrollment)
	if i == nil || in.Moment != nil {
		return
	}
	for n, why := range out.Why {
		if why == "" || n >= len(in.Exprs) {
			continue
		}
		w.tell(i, string(in.Exprs[n])+" has no value: "+why)
	}
}

// tell records a line about an enrollment, once.
func (w *scenarioRun) tell(i *enrollment, line string) {
	key := i.stored.ID + line
	if w.told[key] {
		return
	}
	if w.told == nil {
		w.told = map[string]bool{}
	}
	w.told[key] = true
	w.record(w.since(), source.Place{}, "%s%s", i.prefix(), line)
}

// leftOut records, once for an enrollment, a key under data of a message that had no value.
func (w *scenarioRun) leftOut(in contract.Ref, what string) {
	if i := w.byEnrollment(in.Enrollment); i != nil {
		w.tell(i, "left out of the message, for want of a value: "+what)
	}
}
