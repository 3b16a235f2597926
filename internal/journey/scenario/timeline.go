package scenario

import (
	"maps"
	"slices"
	"time"

	"github.com/tabi-journeys/tabi/internal/clock"
	"github.com/tabi-journeys/tabi/internal/human"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/journey/source"
)

type scenarioCheck struct {
	*testCheck
	subject *subject // with the journeys of this scenario
	out     Scenario
	last    time.Duration // `at` of the line before
	expects bool          // there is at least one expectation
}

// scenario reads one scenario.
func (t *testCheck) scenario(n *source.Node, defaults testDefaults) {
	m := t.Mapping(n, "a scenario")
	if m == nil {
		return
	}
	s := &scenarioCheck{testCheck: t, out: Scenario{Place: t.Place(n.Pos), ID: defaults.id, Start: defaults.start, With: defaults.with}}
	s.name(m)
	var own map[string]any
	if v := m.Get("customer"); v != nil {
		s.out.ID, own = t.testCustomer(v, defaults.id)
	}
	s.out.Customer = mergeTraits(defaults.customer, own)
	if v := m.Get("start"); v != nil {
		t.testStart(v, &s.out.Start)
	}
	if v := m.Get("with"); v != nil {
		s.out.With = t.testWith(v)
	}
	s.subject = beside(t.folder, t.subject, s.out.With)
	if v := m.Get("arms"); v != nil {
		s.arms(v)
	}
	if v := m.Get("calls"); v != nil {
		s.calls(v)
	}
	if v := m.Get("activities"); v != nil {
		s.activities(v)
	}
	if v := m.Get("holdout"); v != nil {
		s.out.Holdout = s.Boolean(v, "holdout")
	}
	if v := m.Get("timeline"); v != nil {
		items, _ := s.List(v, "timeline")
		for _, item := range items {
			s.line(item)
		}
	}
	if v := m.Get("expect"); v != nil {
		s.out.Expect = s.expect(v, true)
	}
	m.Done()
	if !s.expects && !m.Near("expect") && !m.Near("timeline") {
		s.Report(n.Pos, "missing-key", "", "the scenario expects nothing: write in expect what must be true")
	}
	t.test.Scenarios = append(t.test.Scenarios, s.out)
}

// name reads the name of a scenario, which must be unique in its file.
func (s *scenarioCheck) name(m *source.Mapping) {
	n := m.Need("name", "a scenario needs a name")
	if n == nil {
		return
	}
	text := s.testID(n, "the name of a scenario", "")
	if text != "" && s.names[text] {
		s.Report(n.Pos, "duplicate-id", "", "another scenario is called %q", text)
	}
	s.names[text], s.out.Name = true, text
}

// stepNamed returns the step that a key names, of a kind. It returns nil for an unknown one, which it reports if sure:
// all journeys that may have it are known.
func (s *scenarioCheck) stepNamed(key *source.Node, kind string, defs []*journey.Definition, sure bool) *journey.Step {
	var other *journey.Step
	for _, def := range defs {
		step := def.Step(key.Text)
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
		s.Report(key.Pos, "bad-value", "", "the step %q is a %s, not a %s", key.Text, other.Kind, kind)
	default:
		s.Report(key.Pos, "unknown-step", human.Suggest(key.Text, namedSteps(defs, kind)), "the journey has no step %q", key.Text)
	}
	return nil
}

// arms reads which arms the splits of the journey under test take.
func (s *scenarioCheck) arms(n *source.Node) {
	if s.Mapping(n, "arms") == nil {
		return
	}
	s.out.Arms = map[string]string{}
	for i, key := range n.Keys {
		if key.Shape != source.Scalar {
			s.WrongType(key, "a step id is a text")
			continue
		}
		step := s.stepNamed(key, "split", s.subject.tested(), s.subject.def != nil)
		value := n.Values[i]
		if value.Shape != source.Scalar || value.Tagged || value.Tag == "null" || value.Tag == "bool" {
			s.WrongType(value, "an arm is a name or, for an arm without a name, its number")
			continue
		}
		if step != nil {
			names := armNames(step)
			if !slices.Contains(names, value.Text) {
				s.Report(
					value.Pos,
					"bad-value",
					human.Suggest(value.Text, names),
					"the split %q has no arm %q, only %s",
					key.Text,
					value.Text,
					human.Join(names),
				)
			}
		}
		s.out.Arms[key.Text] = value.Text
	}
}

// byStep reads a mapping from ids of steps of a kind to mappings, of every journey. what names such a mapping in diagnostics.
func (s *scenarioCheck) byStep(n *source.Node, kind, what string, read func(id string, m *source.Mapping)) {
	for i, key := range n.Keys {
		if key.Shape != source.Scalar {
			s.WrongType(key, "a step id is a text")
			continue
		}
		s.stepNamed(key, kind, s.subject.all(), s.subject.sure)
		if m := s.Mapping(n.Values[i], what); m != nil {
			read(key.Text, m)
			m.Done()
		}
	}
}

// calls reads the responses to calls, of every journey.
func (s *scenarioCheck) calls(n *source.Node) {
	if s.Mapping(n, "calls") == nil {
		return
	}
	s.out.Calls = map[string]CallAnswer{}
	s.byStep(n, "call", "the response of a call", func(id string, m *source.Mapping) {
		answer := CallAnswer{Status: 200}
		if v := m.Get("status"); v != nil {
			if status, ok := s.Whole(v, "status", 100, 599); ok {
				answer.Status = status
			}
		}
		if v := m.Get("body"); v != nil {
			answer.Body = s.Value(v)
		}
		s.out.Calls[id] = answer
	})
}

// activities reads the answers to activities, of every journey.
func (s *scenarioCheck) activities(n *source.Node) {
	if s.Mapping(n, "activities") == nil {
		return
	}
	s.out.Activities = map[string]ActivityAnswer{}
	s.byStep(n, "activity", "what an activity returns", func(id string, m *source.Mapping) {
		answer := ActivityAnswer{Result: map[string]any{}}
		result := m.Get("result")
		if result != nil {
			answer.Result = s.Value(result)
		}
		if v := m.Get("error"); v != nil {
			answer.Error, _ = s.Word(v, "error")
			if result != nil {
				s.Report(m.Key("error"), "bad-value", "", "an activity returns a result or fails with an error: write one of them")
			}
		}
		s.out.Activities[id] = answer
	})
}

// lineKinds maps the kinds of timeline lines to the keys that may accompany them.
var lineKinds = map[string][]string{
	"event": {"properties", "id"}, "intent": nil, "customer": nil, "fail": nil, "resolve": nil, "expect": nil,
}

// line reads one entry of a timeline.
func (s *scenarioCheck) line(n *source.Node) {
	m := s.Mapping(n, "a line of a timeline")
	if m == nil {
		return
	}
	line := Line{Place: s.Place(n.Pos)}
	s.at(m, &line)
	kind := ""
	for i, key := range n.Keys {
		if _, known := lineKinds[key.Text]; key.Shape != source.Scalar || !known || m.Index(key.Text) != i {
			continue
		}
		value := m.Get(key.Text)
		if kind != "" {
			s.Report(
				key.Pos,
				"unknown-key",
				"",
				"a line of a timeline does one thing, and this one has %s: move %s to another line",
				kind,
				key.Text,
			)
			continue
		}
		kind = key.Text
		s.act(m, key, value, &line)
	}
	if kind == "" && len(m.Strangers()) == 0 {
		s.Report(n.Pos, "missing-key", "", "the line does nothing: it needs one of event, intent, customer, fail, resolve, expect")
	}
	m.Done(slices.Sorted(maps.Keys(lineKinds))...)
	s.out.Timeline = append(s.out.Timeline, line)
}

// at reads the time of a line.
func (s *scenarioCheck) at(m *source.Mapping, line *Line) {
	n := m.Need("at", "a line needs its time, counted from the start")
	if n == nil {
		line.At = s.last
		return
	}
	at, ok := s.Duration(n, "at", false)
	switch {
	case !ok:
		at = s.last
	case at < s.last:
		s.Report(n.Pos, "bad-value", "", "at never decreases: the line before is at %s", clock.FormatDuration(s.last))
		at = s.last
	}
	line.At, s.last = at, at
}

// act reads the action of a line.
func (s *scenarioCheck) act(m *source.Mapping, key, value *source.Node, line *Line) {
	for _, beside := range lineKinds[key.Text] {
		m.Get(beside)
	}
	switch key.Text {
	case "event":
		line.Event = s.event(m, value)
	case "intent":
		line.Intent = s.scores(value)
	case "customer":
		line.Customer = map[string]any{}
		if c := s.Mapping(value, "customer"); c != nil {
			if id := c.Get("id"); id != nil {
				s.Report(id.Pos, "bad-value", "", "a scenario has one customer, whose id does not change: set it at the scenario")
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

// topScore replaces a score of 1, which only infinite evidence would reach and which would never decay.
const topScore = 0.999999

// scores reads the scores that intents are set to.
func (s *scenarioCheck) scores(n *source.Node) map[string]float64 {
	out := map[string]float64{}
	m := s.Mapping(n, "intent")
	if m == nil {
		return out
	}
	if len(n.Keys) == 0 {
		s.Report(n.Pos, "bad-value", "", "intent sets no score")
	}
	for i, key := range n.Keys {
		if key.Shape != source.Scalar {
			s.WrongType(key, "the name of an intent is a text")
			continue
		}
		if !s.folder.Intents.Has(key.Text) {
			s.Report(key.Pos, "unknown-intent", human.Suggest(key.Text, s.folder.Intents.Names), "%s", s.folder.Intents.Unknown(key.Text))
		}
		score, _ := s.Number(n.Values[i], "the score of "+key.Text, 0, 1)
		out[key.Text] = min(score, topScore)
	}
	return out
}

// event reads an event of the customer.
func (s *scenarioCheck) event(m *source.Mapping, n *source.Node) *Event {
	e := &Event{}
	e.Name, _ = s.Word(n, "event")
	if v := m.Get("properties"); v != nil && s.IsMapping(v, "properties") {
		e.Properties, _ = s.Value(v).(map[string]any)
	}
	if v := m.Get("id"); v != nil {
		e.ID = s.testID(v, "the id of an event", "")
	}
	return e
}

// fault reads which sends fail.
func (s *scenarioCheck) fault(n *source.Node) *Fault {
	out := &Fault{Times: 1}
	m := s.Mapping(n, "fail")
	if m == nil {
		return out
	}
	if v := m.Get("via"); v != nil {
		out.Via = s.via(v, "")
	}
	if v := m.Get("times"); v != nil {
		if times, ok := s.Whole(v, "times", 1, 1_000_000); ok {
			out.Times = times
		}
	}
	if v := m.Get("permanent"); v != nil {
		out.Permanent = s.Boolean(v, "permanent")
	}
	m.Done()
	return out
}

// resolve reads how an agent resolves a handoff.
func (s *scenarioCheck) resolve(n *source.Node) *Resolve {
	out := &Resolve{Agent: "agent"}
	m := s.Mapping(n, "resolve")
	if m == nil {
		return out
	}
	if v := m.Get("queue"); v != nil {
		out.Queue = s.queue(v, s.subject.all(), s.subject.sure)
	}
	if v := m.Need("outcome", "how the hand-off ended"); v != nil {
		out.Outcome, _ = s.Word(v, "outcome")
	}
	if v := m.Get("agent"); v != nil {
		out.Agent = s.testID(v, "agent", out.Agent)
	}
	if v := m.Get("note"); v != nil {
		out.Note, _ = s.Text(v, "note")
	}
	m.Done()
	return out
}

// queue reads the name of a queue. sure means that all queues are known, so that an unknown one is reported.
func (s *scenarioCheck) queue(n *source.Node, defs []*journey.Definition, sure bool) string {
	name, ok := s.Word(n, "a queue")
	if known := queues(defs); ok && sure && !slices.Contains(known, name) {
		s.Report(n.Pos, "bad-value", human.Suggest(name, known), "no hand-off goes to the queue %q", name)
	}
	return name
}
