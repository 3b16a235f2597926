package scenario

import (
	"slices"
	"strconv"
	"strings"

	"github.com/tabi-journeys/tabi/internal/human"
	"github.com/tabi-journeys/tabi/internal/journey/lint"
	"github.com/tabi-journeys/tabi/internal/journey/source"
)

// expectation is an expect mapping while it is read.
type expectation struct {
	*scenarioCheck
	keys  *source.Mapping
	out   *Expect
	final bool
}

// expect reads an expectation. final marks the one after the last line.
func (s *scenarioCheck) expect(n *source.Node, final bool) *Expect {
	e := &expectation{scenarioCheck: s, out: &Expect{Place: s.Place(n.Pos), Places: map[string]source.Place{}}, final: final}
	e.keys = s.Mapping(n, "expect")
	if e.keys == nil {
		s.expects = true // the intention is unknown
		return e.out
	}
	for i, key := range n.Keys {
		value := n.Values[i]
		nothing := value.Shape != source.Scalar && len(value.Items)+len(value.Keys) == 0 &&
			slices.Contains([]string{"not_sent", "visited", "vars"}, key.Text)
		s.expects = s.expects || key.Text != "key" && !nothing
	}
	e.read()
	e.keys.Done()
	return e.out
}

// get returns a key's value, or nil, and records its position.
func (e *expectation) get(key string) *source.Node {
	n := e.keys.Get(key)
	if n != nil {
		e.out.Places[key] = e.Place(n.Pos)
	}
	return n
}

func (e *expectation) read() {
	if n := e.get("key"); n != nil {
		e.key(n)
	}
	if n := e.get("outcome"); n != nil {
		e.outcome(n)
	}
	if n := e.get("step"); n != nil {
		e.out.Step = e.stepID(n)
	}
	if n := e.get("sent"); n != nil {
		e.sent(n)
	} else if e.get("via") != nil {
		e.Report(e.keys.Key("via"), "unknown-key", "", "via requires sent: it is the channel of the message")
	}
	if n := e.get("not_sent"); n != nil {
		for _, item := range e.each("not_sent", n) {
			if name := e.message(item); name != "" {
				e.out.NotSent = append(e.out.NotSent, name)
			}
		}
	}
	if n := e.get("blocked"); n != nil {
		list := []Said{}
		for i, item := range e.each("blocked", n) {
			list = append(list, e.said(item, "blocked", i))
		}
		e.out.Blocked = &list
	}
	if n := e.get("visited"); n != nil {
		for _, item := range e.each("visited", n) {
			e.out.Visited = append(e.out.Visited, e.stepID(item))
		}
	}
	if n := e.get("handoffs"); n != nil {
		list := []string{}
		for _, item := range e.each("handoffs", n) {
			list = append(list, e.queue(item, e.subject.tested(), e.subject.def != nil))
		}
		e.out.Handoffs = &list
	}
	if n := e.get("vars"); n != nil {
		e.vars(n)
	}
}

// each returns the items of a list, or a single value as a list of one, and records their positions.
func (e *expectation) each(key string, n *source.Node) []*source.Node {
	if n.Shape != source.Sequence {
		return []*source.Node{n}
	}
	for i, item := range n.Items {
		e.out.Places[key+"["+strconv.Itoa(i)+"]"] = e.Place(item.Pos)
	}
	return n.Items
}

// key reads which of the enrollments is checked.
func (e *expectation) key(n *source.Node) {
	if n.Shape != source.Scalar || n.Tagged || n.Tag == "null" {
		e.WrongType(n, "key is the entry key of an enrollment, a text or a number")
		return
	}
	text := n.Text
	if v, ok := source.ParseNumber(n); ok && !n.Quoted && (n.Tag == "int" || n.Tag == "float") {
		text = strconv.FormatFloat(v, 'f', -1, 64)
	} else if n.Tag == "bool" && !n.Quoted {
		text = strings.ToLower(text)
	}
	if def := e.subject.def; def != nil && def.Entry.Key == "" {
		e.Report(n.Pos, "bad-value", "", "the entry of %q has no key: a customer has at most one enrollment at a time", def.Journey)
	}
	e.out.Key = &text
}

// outcome reads how an enrollment ended.
func (e *expectation) outcome(n *source.Node) {
	text, ok := e.Word(n, "outcome")
	if !ok || e.subject.def == nil {
		e.out.Outcome = text
		return
	}
	if known := append(OutcomesOf(e.subject.def), NoOutcome); !slices.Contains(known, text) {
		e.Report(n.Pos, "bad-value", human.Suggest(text, known), "%q cannot end with %q, only with %s", e.subject.name, text,
			human.Join(known))
	}
	e.out.Outcome = text
}

// stepID reads the id of a step of the journey under test.
func (e *expectation) stepID(n *source.Node) string {
	id, ok := e.Word(n, "a step id")
	if def := e.subject.def; ok && def != nil && def.Step(id) == nil {
		e.Report(n.Pos, "unknown-step", human.Suggest(id, namedSteps(e.subject.tested(), "")), "the journey %q has no step %q",
			def.Journey, id)
	}
	return id
}

// sent reads the messages that were sent: one message, or the list of all.
func (e *expectation) sent(n *source.Node) {
	via := e.get("via")
	if n.Shape == source.Sequence {
		list := []Said{}
		for i, item := range e.each("sent", n) {
			list = append(list, e.said(item, "sent", i))
		}
		e.out.Sent = &list
		if via != nil {
			e.Report(
				e.keys.Key("via"),
				"unknown-key",
				"",
				"via requires a single message; in a list write {message: NAME, via: CHANNEL}",
			)
		}
		return
	}
	one := e.said(n, "sent", 0)
	if via != nil {
		e.out.Places["sent[0].via"] = e.Place(via.Pos)
		one.Via = e.via(via, one.Message)
	}
	if e.final {
		e.out.Sent = &[]Said{one}
	} else {
		e.out.Latest = &one
	}
}

// said reads a message: its name, or a mapping with more fields, whose positions it also records.
func (e *expectation) said(n *source.Node, list string, i int) Said {
	if n.Shape != source.Map {
		return Said{Message: e.message(n)}
	}
	out := Said{}
	m := e.Mapping(n, "a message that was sent")
	if m == nil {
		return out
	}
	if v := m.Need("message", "the name of the message"); v != nil {
		out.Message = e.message(v)
	}
	if v := m.Get("via"); v != nil {
		out.Via = e.via(v, out.Message)
	}
	if list == "blocked" {
		if v := m.Get("reason"); v != nil {
			out.Reason, _ = e.Word(v, "reason")
		}
	} else {
		e.content(m, &out)
	}
	m.Done()
	e.inner(list+"["+strconv.Itoa(i)+"]", n)
	return out
}

// content reads what a message that was sent must say.
func (e *expectation) content(m *source.Mapping, out *Said) {
	if v := m.Get("language"); v != nil {
		text, ok := e.Word(v, "language")
		if ok && !human.WrittenLanguage(text) {
			e.Report(v.Pos, "bad-value", human.SuggestLanguage(text), "%q is no language: write a code such as ja or pt-BR", text)
		}
		out.Language = text
	}
	if v := m.Get("subject"); v != nil {
		if text, ok := e.Text(v, "subject"); ok {
			out.Subject = &text
		}
	}
	out.Contains = e.pieces(m.Get("contains"), "contains")
	out.NotContains = e.pieces(m.Get("not_contains"), "not_contains")
}

// pieces reads one text, or a list of texts, none of them empty.
func (e *expectation) pieces(n *source.Node, key string) []string {
	if n == nil {
		return nil
	}
	items := []*source.Node{n}
	if n.Shape == source.Sequence {
		items = n.Items
	}
	out := make([]string, 0, len(items))
	for _, item := range items {
		text, ok := e.Text(item, key)
		if ok && text == "" {
			e.Report(item.Pos, "bad-value", "", "%s is empty: every text contains nothing", key)
		}
		out = append(out, text)
	}
	return out
}

// inner records the positions of nested values, at every depth.
func (e *expectation) inner(path string, n *source.Node) {
	for i, key := range n.Keys {
		e.out.Places[path+"."+key.Text] = e.Place(n.Values[i].Pos)
		e.inner(path+"."+key.Text, n.Values[i])
	}
	for i, item := range n.Items {
		at := path + "[" + strconv.Itoa(i) + "]"
		e.out.Places[at] = e.Place(item.Pos)
		e.inner(at, item)
	}
}

func (s *scenarioCheck) message(n *source.Node) string {
	name, ok := s.Word(n, "a message")
	if ok && s.folder.Messages[name] == nil {
		s.Report(n.Pos, "unknown-message", human.Suggest(name, s.folder.MessageNames()), "there is no message %q (messages/%s.yaml)", name,
			name)
	}
	return name
}

// via reads a channel that can send the message (empty: any message).
func (s *scenarioCheck) via(n *source.Node, message string) string {
	name, ok := s.Word(n, "via")
	if !ok {
		return ""
	}
	known := s.folder.ChannelNames()
	i := slices.Index(known, name)
	if i < 0 {
		s.Report(n.Pos, "unknown-channel", human.Suggest(name, known), "there is no channel %q, only %s", name, human.Join(known))
		return name
	}
	if info := s.folder.Messages[message]; info != nil && !info.Broken && !s.folder.Opts.Channels[i].Any &&
		!slices.Contains(info.Channels, name) {
		s.Report(n.Pos, "unknown-channel", human.Suggest(name, info.Channels), "%s", lint.NoTreatment(message, name, info.Channels))
	}
	return name
}

// vars reads the variables of the enrollment.
func (e *expectation) vars(n *source.Node) {
	m := e.Mapping(n, "vars")
	if m == nil {
		return
	}
	e.out.Vars, _ = e.Value(n).(map[string]any)
	for i, key := range n.Keys {
		if key.Shape != source.Scalar || m.Index(key.Text) != i {
			continue
		}
		e.out.Places["vars."+key.Text] = e.Place(n.Values[i].Pos)
		e.inner("vars."+key.Text, n.Values[i])
		if def := e.subject.def; def != nil {
			if known := varsOf(def); !slices.Contains(known, key.Text) {
				e.Report(key.Pos, "bad-value", human.Suggest(key.Text, known), "the journey %q has no variable %q", def.Journey, key.Text)
			}
		}
	}
}
