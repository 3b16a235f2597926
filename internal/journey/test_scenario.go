package journey

import (
	"maps"
	"slices"
	"time"

	"github.com/tabi-journeys/tabi/internal/clock"
	"github.com/tabi-journeys/tabi/internal/human"
)

// scenarioCheck is the check of one scenario.
type scenarioCheck struct {
	*testCheck
	subject *subject // with the journeys that run in this scenario
	out     Scenario
	last    time.Duration // `at` of the line before
	expects bool          // something is expected somewhere
}

// place makes a place of a position of this file.
func (f *fileCheck) place(at pos) Place { return Place{File: f.file, Line: at.line, Column: at.col} }

// scenario reads one story.
func (t *testCheck) scenario(n *node, defaults testDefaults) {
	m := t.fields(n, "a scenario")
	if m == nil {
		return
	}
	s := &scenarioCheck{testCheck: t, out: Scenario{Place: t.place(n.pos), ID: defaults.id, Start: defaults.start, With: defaults.with}}
	s.name(m)
	var own map[string]any
	if v := m.get("customer"); v != nil {
		s.out.ID, own = t.testCustomer(v, defaults.id)
	}
	s.out.Customer = mergeTraits(defaults.customer, own)
	if v := m.get("start"); v != nil {
		t.testStart(v, &s.out.Start)
	}
	if v := m.get("with"); v != nil {
		s.out.With = t.testWith(v)
	}
	s.subject = t.beside(t.subject, s.out.With)
	if v := m.get("arms"); v != nil {
		s.arms(v)
	}
	if v := m.get("calls"); v != nil {
		s.calls(v)
	}
	if v := m.get("holdout"); v != nil {
		s.out.Holdout = s.boolean(v, "holdout")
	}
	if v := m.get("timeline"); v != nil {
		items, _ := s.list(v, "timeline")
		for _, item := range items {
			s.line(item)
		}
	}
	if v := m.get("expect"); v != nil {
		s.out.Expect = s.expect(v, true)
	}
	m.done()
	if !s.expects && !m.near("expect") && !m.near("timeline") {
		s.report(n.pos, "missing-key", "", "the scenario expects nothing: say in expect what must be so")
	}
	t.test.Scenarios = append(t.test.Scenarios, s.out)
}

// name reads what the scenario is called; its file has no other of that name.
func (s *scenarioCheck) name(m *fields) {
	n := m.need("name", "a scenario says what it shows")
	if n == nil {
		return
	}
	text := s.testID(n, "the name of a scenario", "")
	if text != "" && s.names[text] {
		s.report(n.pos, "duplicate-id", "", "another scenario is called %q", text)
	}
	s.names[text], s.out.Name = true, text
}

// stepNamed finds a step of a kind by the key that names it. Nil where there is none; sure tells whether all
// journeys that may have it are known.
func (s *scenarioCheck) stepNamed(key *node, kind string, defs []*Definition, sure bool) *Step {
	var other *Step
	for _, def := range defs {
		step := def.step(key.text)
		if step != nil && step.Kind == kind {
			return step
		}
		if other == nil {
			other = step
		}
	}
	switch {
	case !sure:
	case other != nil:
		s.report(key.pos, "bad-value", "", "the step %q is a %s, no %s", key.text, other.Kind, kind)
	default:
		s.report(key.pos, "unknown-step", human.Suggest(key.text, namedSteps(defs, kind)), "the journey has no step %q", key.text)
	}
	return nil
}

// arms reads which way splits of the journey under test go.
func (s *scenarioCheck) arms(n *node) {
	if s.fields(n, "arms") == nil {
		return
	}
	s.out.Arms = map[string]string{}
	for i, key := range n.keys {
		if key.shape != scalar {
			s.wrongType(key, "a step id is a text")
			continue
		}
		step := s.stepNamed(key, "split", s.subject.tested(), s.subject.def != nil)
		value := n.values[i]
		if value.shape != scalar || value.tagged || value.tag == "null" || value.tag == "bool" {
			s.wrongType(value, "an arm is a name, or the number of one without")
			continue
		}
		if step != nil {
			names := armNames(step.Spec.(*Split))
			if !slices.Contains(names, value.text) {
				s.report(
					value.pos,
					"bad-value",
					human.Suggest(value.text, names),
					"the split %q has no arm %q, only %s",
					key.text,
					value.text,
					joinWords(names),
				)
			}
		}
		s.out.Arms[key.text] = value.text
	}
}

// calls reads what calls get, in whichever journey.
func (s *scenarioCheck) calls(n *node) {
	if s.fields(n, "calls") == nil {
		return
	}
	s.out.Calls = map[string]CallAnswer{}
	for i, key := range n.keys {
		if key.shape != scalar {
			s.wrongType(key, "a step id is a text")
			continue
		}
		s.stepNamed(key, "call", s.subject.all(), s.subject.sure)
		m := s.fields(n.values[i], "what a call gets")
		if m == nil {
			continue
		}
		answer := CallAnswer{Status: 200}
		if v := m.get("status"); v != nil {
			if status, ok := s.whole(v, "status", 100, 599); ok {
				answer.Status = status
			}
		}
		if v := m.get("body"); v != nil {
			answer.Body = s.value(v)
		}
		m.done()
		s.out.Calls[key.text] = answer
	}
}

// whole reads a whole number in a range.
func (f *fileCheck) whole(n *node, what string, low, high int) (int, bool) {
	v, ok := f.number(n, what, float64(low), float64(high))
	if ok && v != float64(int(v)) {
		f.report(n.pos, "bad-value", "", "%s is a whole number from %d to %d", what, low, high)
		return 0, false
	}
	return int(v), ok
}

// lineKinds are what a line of a timeline may be, each with the keys beside it.
var lineKinds = map[string][]string{
	"event": {"properties", "id"}, "intent": nil, "customer": nil, "fail": nil, "resolve": nil, "expect": nil,
}

// line reads one entry of a timeline.
func (s *scenarioCheck) line(n *node) {
	m := s.fields(n, "a line of a timeline")
	if m == nil {
		return
	}
	line := Line{Place: s.place(n.pos)}
	s.at(m, &line)
	kind := ""
	for i, key := range n.keys {
		if _, known := lineKinds[key.text]; key.shape != scalar || !known || m.index(key.text) != i {
			continue
		}
		value := m.get(key.text)
		if kind != "" {
			s.report(
				key.pos,
				"unknown-key",
				"",
				"a line of a timeline does one thing, this one is %s: put %s into a line of its own",
				kind,
				key.text,
			)
			continue
		}
		kind = key.text
		s.act(m, key, value, &line)
	}
	if kind == "" && len(m.strangers()) == 0 {
		s.report(n.pos, "missing-key", "", "the line does nothing: one of event, intent, customer, fail, resolve, expect")
	}
	m.done(slices.Sorted(maps.Keys(lineKinds))...)
	s.out.Timeline = append(s.out.Timeline, line)
}

// strangers are the keys that nobody asked for so far.
func (m *fields) strangers() []*node {
	return slices.DeleteFunc(slices.Clone(m.node.keys), func(k *node) bool { return k.shape == scalar && slices.Contains(m.known, k.text) })
}

// at reads when a line is.
func (s *scenarioCheck) at(m *fields, line *Line) {
	n := m.need("at", "a line says when, counted from the start")
	if n == nil {
		line.At = s.last
		return
	}
	at, ok := s.duration(n, "at", false)
	switch {
	case !ok:
		at = s.last
	case at < s.last:
		s.report(n.pos, "bad-value", "", "at never decreases: the line before is at %s", clock.FormatDuration(s.last))
		at = s.last
	}
	line.At, s.last = at, at
}

// act reads what a line does.
func (s *scenarioCheck) act(m *fields, key, value *node, line *Line) {
	for _, beside := range lineKinds[key.text] {
		m.get(beside)
	}
	switch key.text {
	case "event":
		line.Event = s.event(m, value)
	case "intent":
		line.Intent = s.scores(value)
	case "customer":
		line.Customer = map[string]any{}
		if c := s.fields(value, "customer"); c != nil {
			if id := c.get("id"); id != nil {
				s.report(id.pos, "bad-value", "", "a scenario has one customer, whose id stays: give it at the scenario")
			}
			line.Customer = s.traits(value)
		}
	case "fail":
		line.Fail = s.fault(value)
	case "resolve":
		line.Resolve = s.resolve(value)
	case "expect":
		line.Expect = s.expect(value, false)
	}
}

// topScore is what a score of 1 counts as: only evidence without end would reach it, and it would never fade.
const topScore = 0.999999

// scores reads what the scores of intents are set to.
func (s *scenarioCheck) scores(n *node) map[string]float64 {
	out := map[string]float64{}
	m := s.fields(n, "intent")
	if m == nil {
		return out
	}
	if len(n.keys) == 0 {
		s.report(n.pos, "bad-value", "", "intent sets no score")
	}
	for i, key := range n.keys {
		if key.shape != scalar {
			s.wrongType(key, "the name of an intent is a text")
			continue
		}
		if !s.intents.has(key.text) {
			s.report(key.pos, "unknown-intent", human.Suggest(key.text, s.intents.names), "%s", s.intents.unknown(key.text))
		}
		score, _ := s.number(n.values[i], "the score of "+key.text, 0, 1)
		out[key.text] = min(score, topScore)
	}
	return out
}

// event reads an event of the customer.
func (s *scenarioCheck) event(m *fields, n *node) *TestEvent {
	e := &TestEvent{}
	e.Name, _ = s.word(n, "event")
	if v := m.get("properties"); v != nil && s.mapping(v, "properties") {
		e.Properties, _ = s.value(v).(map[string]any)
	}
	if v := m.get("id"); v != nil {
		e.ID = s.testID(v, "the id of an event", "")
	}
	return e
}

// mapping reports what is no mapping.
func (f *fileCheck) mapping(n *node, what string) bool {
	if n.shape != mapping || n.tagged {
		f.wrongType(n, what+" is a mapping of keys and values")
		return false
	}
	return true
}

// fault reads which sends fail.
func (s *scenarioCheck) fault(n *node) *Fault {
	out := &Fault{Times: 1}
	m := s.fields(n, "fail")
	if m == nil {
		return out
	}
	if v := m.get("via"); v != nil {
		out.Via = s.via(v, "")
	}
	if v := m.get("times"); v != nil {
		if times, ok := s.whole(v, "times", 1, 1_000_000); ok {
			out.Times = times
		}
	}
	if v := m.get("permanent"); v != nil {
		out.Permanent = s.boolean(v, "permanent")
	}
	m.done()
	return out
}

// resolve reads an agent's word on a hand-off.
func (s *scenarioCheck) resolve(n *node) *Resolve {
	out := &Resolve{Agent: "agent"}
	m := s.fields(n, "resolve")
	if m == nil {
		return out
	}
	if v := m.get("queue"); v != nil {
		out.Queue = s.queue(v, s.subject.all(), s.subject.sure)
	}
	if v := m.need("outcome", "how the hand-off ended"); v != nil {
		out.Outcome, _ = s.word(v, "outcome")
	}
	if v := m.get("agent"); v != nil {
		out.Agent = s.testID(v, "agent", out.Agent)
	}
	if v := m.get("note"); v != nil {
		out.Note, _ = s.text(v, "note")
	}
	m.done()
	return out
}

// queue reads the name of a queue of journeys; sure tells whether all of them are known.
func (s *scenarioCheck) queue(n *node, defs []*Definition, sure bool) string {
	name, ok := s.word(n, "a queue")
	if known := queues(defs); ok && sure && !slices.Contains(known, name) {
		s.report(n.pos, "bad-value", human.Suggest(name, known), "no hand-off goes to the queue %q", name)
	}
	return name
}
