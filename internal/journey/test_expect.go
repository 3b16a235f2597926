package journey

import (
	"slices"
	"strconv"
	"strings"

	"github.com/tabi-journeys/tabi/internal/human"
)

// expectation is an expect mapping while it is read.
type expectation struct {
	*scenarioCheck
	keys  *fields
	out   *Expect
	final bool
}

// expect reads what must be so; final is the one behind the last line.
func (s *scenarioCheck) expect(n *node, final bool) *Expect {
	e := &expectation{scenarioCheck: s, out: &Expect{Place: s.place(n.pos), Places: map[string]Place{}}, final: final}
	e.keys = s.fields(n, "expect")
	if e.keys == nil {
		s.expects = true // what is meant cannot be told
		return e.out
	}
	for i, key := range n.keys {
		value := n.values[i]
		nothing := value.shape != scalar && len(value.items)+len(value.keys) == 0 &&
			slices.Contains([]string{"not_sent", "visited", "vars"}, key.text)
		s.expects = s.expects || key.text != "key" && !nothing
	}
	e.read()
	e.keys.done()
	return e.out
}

// get gives a key's value, or nil, and keeps its place.
func (e *expectation) get(key string) *node {
	n := e.keys.get(key)
	if n != nil {
		e.out.Places[key] = e.place(n.pos)
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
		e.report(e.keys.key("via"), "unknown-key", "", "via stands beside sent, and says by which channel")
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

// each gives the items of a list, or the one value that stands for a list of one, and keeps their places.
func (e *expectation) each(key string, n *node) []*node {
	if n.shape != sequence {
		return []*node{n}
	}
	for i, item := range n.items {
		e.out.Places[key+"["+strconv.Itoa(i)+"]"] = e.place(item.pos)
	}
	return n.items
}

// key reads which of the instances is looked at.
func (e *expectation) key(n *node) {
	if n.shape != scalar || n.tagged || n.tag == "null" {
		e.wrongType(n, "key is the entry key of an instance, a text or a number")
		return
	}
	text := n.text
	if v, ok := yamlNumber(n); ok && !n.quoted && (n.tag == "int" || n.tag == "float") {
		text = strconv.FormatFloat(v, 'f', -1, 64)
	} else if n.tag == "bool" && !n.quoted {
		text = strings.ToLower(text)
	}
	if def := e.subject.def; def != nil && def.Entry.Key == "" {
		e.report(n.pos, "bad-value", "", "the entry of %q has no key: a customer has one instance at a time to look at", def.Journey)
	}
	e.out.Key = &text
}

// outcome reads how an instance ended.
func (e *expectation) outcome(n *node) {
	text, ok := e.word(n, "outcome")
	if !ok || e.subject.def == nil {
		e.out.Outcome = text
		return
	}
	if known := OutcomesOf(e.subject.def); !slices.Contains(known, text) {
		e.report(n.pos, "bad-value", human.Suggest(text, known), "%q cannot end with %q, only with %s", e.subject.name, text, joinWords(known))
	}
	e.out.Outcome = text
}

// stepID reads the id of a step of the journey under test.
func (e *expectation) stepID(n *node) string {
	id, ok := e.word(n, "a step id")
	if def := e.subject.def; ok && def != nil && def.step(id) == nil {
		e.report(n.pos, "unknown-step", human.Suggest(id, namedSteps(e.subject.tested(), "")), "the journey %q has no step %q", def.Journey, id)
	}
	return id
}

// sent reads what was said: one message, or the list of all.
func (e *expectation) sent(n *node) {
	via := e.get("via")
	if n.shape == sequence {
		list := []Said{}
		for i, item := range e.each("sent", n) {
			list = append(list, e.said(item, "sent", i))
		}
		e.out.Sent = &list
		if via != nil {
			e.report(
				e.keys.key("via"),
				"unknown-key",
				"",
				"via stands beside a single message; in a list write {message: NAME, via: CHANNEL}",
			)
		}
		return
	}
	one := e.said(n, "sent", 0)
	if via != nil {
		e.out.Places["sent[0].via"] = e.place(via.pos)
		one.Via = e.via(via, one.Message)
	}
	if e.final {
		e.out.Sent = &[]Said{one}
	} else {
		e.out.Latest = &one
	}
}

// said reads a message: its name, or a mapping that tells more. Of the mapping it keeps the places, too.
func (e *expectation) said(n *node, list string, i int) Said {
	if n.shape != mapping {
		return Said{Message: e.message(n)}
	}
	out := Said{}
	m := e.fields(n, "a message that was sent")
	if m == nil {
		return out
	}
	if v := m.need("message", "which message it is"); v != nil {
		out.Message = e.message(v)
	}
	if v := m.get("via"); v != nil {
		out.Via = e.via(v, out.Message)
	}
	if list == "blocked" {
		if v := m.get("reason"); v != nil {
			out.Reason, _ = e.word(v, "reason")
		}
	}
	m.done()
	e.inner(list+"["+strconv.Itoa(i)+"]", n)
	return out
}

// inner keeps the places of the values inside a value, at every depth.
func (e *expectation) inner(path string, n *node) {
	for i, key := range n.keys {
		e.out.Places[path+"."+key.text] = e.place(n.values[i].pos)
		e.inner(path+"."+key.text, n.values[i])
	}
	for i, item := range n.items {
		at := path + "[" + strconv.Itoa(i) + "]"
		e.out.Places[at] = e.place(item.pos)
		e.inner(at, item)
	}
}

// message reads the name of a message.
func (s *scenarioCheck) message(n *node) string {
	name, ok := s.word(n, "a message")
	if ok && s.messages[name] == nil {
		s.report(n.pos, "unknown-message", human.Suggest(name, s.messageNames()), "there is no message %q (messages/%s.yaml)", name, name)
	}
	return name
}

// via reads a channel, by which the message (empty: any) can be sent.
func (s *scenarioCheck) via(n *node, message string) string {
	name, ok := s.word(n, "via")
	if !ok {
		return ""
	}
	known := s.channelNames()
	i := slices.Index(known, name)
	if i < 0 {
		s.report(n.pos, "unknown-channel", human.Suggest(name, known), "there is no channel %q, only %s", name, joinWords(known))
		return name
	}
	if info := s.messages[message]; info != nil && !info.broken && !s.opts.Channels[i].Any && !slices.Contains(info.channels, name) {
		s.report(n.pos, "unknown-channel", human.Suggest(name, info.channels), "%s", noTreatment(message, name, info.channels))
	}
	return name
}

// vars reads the variables of the instance.
func (e *expectation) vars(n *node) {
	m := e.fields(n, "vars")
	if m == nil {
		return
	}
	e.out.Vars, _ = e.value(n).(map[string]any)
	for i, key := range n.keys {
		if key.shape != scalar || m.index(key.text) != i {
			continue
		}
		e.out.Places["vars."+key.text] = e.place(n.values[i].pos)
		e.inner("vars."+key.text, n.values[i])
		if def := e.subject.def; def != nil {
			if known := varsOf(def); !slices.Contains(known, key.text) {
				e.report(key.pos, "bad-value", human.Suggest(key.text, known), "the journey %q has no variable %q", def.Journey, key.text)
			}
		}
	}
}
