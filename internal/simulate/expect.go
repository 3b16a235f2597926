package simulate

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/tabi-journeys/tabi/internal/journey/expr"
	"github.com/tabi-journeys/tabi/internal/journey/scenario"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// checkExpectation compares an expectation with the present state. end is set for the expectation after the timeline.
func (w *scenarioRun) checkExpectation(e *scenario.Expect, end bool) {
	// check compares one expectation.
	check := &check{run: w, expect: e, end: end}
	before := len(w.failures)
	defer func() {
		slices.SortStableFunc(w.failures[before:], func(a, b Failure) int {
			return cmp.Or(a.Place.Line-b.Place.Line, a.Place.Column-b.Place.Column)
		})
	}()
	check.enrollment()
	if e.Latest != nil {
		check.latest(*e.Latest)
	}
	if e.Sent != nil {
		check.list("sent", *e.Sent, w.messagesWith(contract.StatusSent), false)
	}
	for n, message := range e.NotSent {
		for _, s := range w.messagesWith(contract.StatusSent) {
			if s.said.Message == message {
				check.mismatch("not_sent", "not "+message, "it was sent by "+s.said.Via, fmt.Sprintf("not_sent[%d]", n))
				break
			}
		}
	}
	if e.Blocked != nil {
		check.list("blocked", *e.Blocked, w.messagesWith(contract.StatusSuppressed), true)
	}
	if e.Handoffs != nil && !slices.Equal(*e.Handoffs, w.handoffs) {
		n := 0
		for n < len(w.handoffs) && n < len(*e.Handoffs) && (*e.Handoffs)[n] == w.handoffs[n] {
			n++
		}
		check.mismatch("handoffs", brackets(*e.Handoffs), brackets(w.handoffs), fmt.Sprintf("handoffs[%d]", n))
	}
}

// check is one expectation being compared.
type check struct {
	run    *scenarioRun
	expect *scenario.Expect
	end    bool
}

// mismatch records a difference, at the first of places that the file has, else at that of what.
func (c *check) mismatch(what, expected, actual string, places ...string) {
	at := c.expect.Place
	for _, place := range append(places, what) {
		if written, known := c.expect.Places[place]; known {
			at = written
			break
		}
	}
	c.run.fail(Failure{Place: at, At: c.run.since(), End: c.end, What: what, Expected: expected, Actual: actual})
}

// enrollment compares one enrollment: where it is, and how it ended.
func (c *check) enrollment() {
	e := c.expect
	if e.Key == nil && e.Outcome == "" && e.Step == "" && len(e.Visited) == 0 && len(e.Vars) == 0 {
		return
	}
	i := c.run.subject(e.Key)
	if i == nil && e.Outcome == scenario.NoOutcome && e.Step == "" && len(e.Visited) == 0 && len(e.Vars) == 0 {
		return
	}
	if i == nil {
		c.noEnrollment()
		return
	}
	v, err := i.state()
	if err != nil {
		c.mismatch("step", "a running enrollment", err.Error())
		return
	}
	if e.Outcome != "" && v.Outcome != e.Outcome {
		c.mismatch("outcome", e.Outcome, describeState(v))
	}
	if e.Step != "" && (v.Outcome != "" || v.Step != e.Step) {
		c.mismatch("step", e.Step, describeState(v))
	}
	if n, ok := subsequence(e.Visited, i.visited); !ok {
		c.mismatch(
			"visited",
			brackets(e.Visited),
			fmt.Sprintf("%s: no %s%s", brackets(i.visited), e.Visited[n], afterStep(e.Visited[:n])),
			fmt.Sprintf("visited[%d]", n),
		)
	}
	for _, name := range sorted(e.Vars) {
		got, have := v.Vars[name]
		switch {
		case !have:
			c.mismatch("vars", name+": "+text(e.Vars[name]), name+" has no value", "vars."+name)
		case !reflect.DeepEqual(expr.ToPlain(e.Vars[name]), expr.ToPlain(got)):
			inner := differs(expr.ToPlain(e.Vars[name]), expr.ToPlain(got))
			c.mismatch("vars", name+": "+text(e.Vars[name]), name+": "+text(got), "vars."+name+inner, "vars."+name)
		}
	}
}

// noEnrollment records that there is no enrollment to compare.
func (c *check) noEnrollment() {
	what, actual := "outcome", "no enrollment in "+c.run.test.Journey
	switch e := c.expect; {
	case e.Key != nil:
		var keys []string
		for _, i := range c.run.enrollments {
			if i.journey == c.run.test.Journey && !slices.Contains(keys, i.key) {
				keys = append(keys, i.key)
			}
		}
		what = "key"
		if len(keys) > 0 {
			actual = "keys " + brackets(keys)
		}
		c.mismatch(what, "an enrollment with key "+*e.Key, actual)
		return
	case e.Outcome != "" && e.Outcome != scenario.NoOutcome:
	case e.Step != "":
		what = "step"
	case len(e.Visited) > 0:
		what = "visited"
	default:
		what = "vars"
	}
	expected := map[string]string{"outcome": c.expect.Outcome, "step": c.expect.Step, "visited": brackets(c.expect.Visited),
		"vars": text(c.expect.Vars)}[what]
	c.mismatch(what, expected, actual)
}

// describeState returns where an enrollment is, or how it ended.
func describeState(v contract.State) string {
	switch {
	case v.Outcome != "":
		return fmt.Sprintf("%s (%s)", v.Outcome, v.Reason)
	case v.Step != "":
		return "at step " + v.Step
	case v.Holdout:
		return "held out, awaiting the goal"
	}
	return "at the end of the path, awaiting the goal"
}

// messagesWith returns the messages of the journey under test with a status, in order of time.
func (w *scenarioRun) messagesWith(status string) []sending {
	var out []sending
	for _, s := range w.sends {
		if s.journey == w.test.Journey && s.status == status {
			out = append(out, s)
		}
	}
	return out
}

// latest compares the latest message sent so far.
func (c *check) latest(want scenario.Said) {
	sent := c.run.messagesWith(contract.StatusSent)
	if len(sent) == 0 {
		c.mismatch("sent", describe(want, false), "nothing was sent")
		return
	}
	got := sent[len(sent)-1]
	if d := misfit(want, got); d != nil {
		expected, actual := d.expected, d.actual
		if expected == "" {
			expected, actual = describe(want, false), describe(scenario.Said{Message: got.said.Message, Via: got.said.Via}, false)
		}
		c.mismatch("sent", expected, actual, "sent[0]"+d.key, "sent[0]"+d.whole())
	}
}

// list compares a whole list, in order.
func (c *check) list(what string, want []scenario.Said, got []sending, reasons bool) {
	n := 0
	for n < len(want) && n < len(got) && misfit(want[n], got[n]) == nil {
		n++
	}
	if n == len(want) && n == len(got) {
		return
	}
	all := make([]scenario.Said, len(got))
	for i := range got {
		all[i] = got[i].said
	}
	place := fmt.Sprintf("%s[%d]", what, n)
	if n < len(want) && n < len(got) {
		d := misfit(want[n], got[n])
		if d.expected != "" { // the right message says something else
			c.mismatch(what, d.expected, d.actual, place+d.key, place+d.whole(), place)
			return
		}
		c.mismatch(what, describeAll(want, reasons), describeAll(all, reasons), place+d.key, place)
		return
	}
	c.mismatch(what, describeAll(want, reasons), describeAll(all, reasons), place)
}

// difference is the first field in which a message differs from what is wanted.
type difference struct {
	key              string // ".via", ".contains[1]"
	expected, actual string // in words, of what the message says; empty: its name, channel or reason differs
}

// whole returns the key without the index of a list: one text may be written for a list of one.
func (d *difference) whole() string {
	key, _, _ := strings.Cut(d.key, "[")
	return key
}

// misfit returns how a message differs from what is wanted; nil if it does not. Empty fields match anything.
func misfit(want scenario.Said, got sending) *difference {
	switch {
	case want.Message != "" && want.Message != got.said.Message:
		return &difference{key: ".message"}
	case want.Via != "" && want.Via != got.said.Via:
		return &difference{key: ".via"}
	case want.Reason != "" && want.Reason != got.said.Reason:
		return &difference{key: ".reason"}
	}
	return saysOtherwise(want, got.words)
}

// differs returns the place, inside a wanted value, of the first difference; empty if the whole value differs.
func differs(want, got any) string {
	switch want := want.(type) {
	case map[string]any:
		got, _ := got.(map[string]any)
		for _, key := range sorted(want) {
			if there, have := got[key]; have && !reflect.DeepEqual(want[key], there) {
				return "." + key + differs(want[key], there)
			}
		}
	case []any:
		got, _ := got.([]any)
		for i := 0; i < len(want) && i < len(got); i++ {
			if !reflect.DeepEqual(want[i], got[i]) {
				return fmt.Sprintf("[%d]", i) + differs(want[i], got[i])
			}
		}
	}
	return ""
}

// subsequence reports whether want occurs in got in this order, else the index of the first that does not.
func subsequence(want, got []string) (int, bool) {
	n := 0
	for _, one := range got {
		if n < len(want) && one == want[n] {
			n++
		}
	}
	return n, n == len(want)
}

// afterStep returns words for the step after which an expected one is missing.
func afterStep(steps []string) string {
	if len(steps) == 0 {
		return ""
	}
	return " after " + steps[len(steps)-1]
}

func brackets(list []string) string { return "[" + strings.Join(list, ", ") + "]" }

func describeAll(list []scenario.Said, reasons bool) string {
	out := make([]string, len(list))
	for n, s := range list {
		out[n] = describe(s, reasons)
	}
	return brackets(out)
}

// describe returns a message with its channel, and with the reason if it was blocked.
func describe(s scenario.Said, reasons bool) string {
	out := s.Message
	if s.Via != "" {
		out += " by " + s.Via
	}
	if reasons && s.Reason != "" {
		out += " (" + s.Reason + ")"
	}
	return out
}
