package workflows

import (
	"fmt"
	"strings"

	"pgregory.net/rapid"
)

// drawer draws journeys of every form. They lint unless a go_to closes a loop without a wait.
type drawer struct {
	*rapid.T
	next int // numbers step ids
}

func (d *drawer) pick(what string, of ...string) string { return rapid.SampledFrom(of).Draw(d.T, what) }
func (d *drawer) hours() int                            { return rapid.IntRange(1, 9).Draw(d.T, "h") }

// name of an event: what the script sends, and what emit makes.
func (d *drawer) name() string { return d.pick("name", "A", "B", "C", "E") }

// level of an intent.
func (d *drawer) level() string {
	return d.pick(
		"level",
		"intent: complaint, above: 0.5",
		"intent: complaint, below: 0.3",
		"intent: purchase, above: 0.7",
		"intent: purchase, below: 0.6",
	)
}

// journey draws a whole journey.
func (d *drawer) journey() string {
	head := []string{
		"vars: {n: 0}",
		d.pick("timeout", "timeout: 4d", "timeout: 30h"),
		d.pick(
			"goal",
			"",
			"goal: {event: G, value: event.n}",
			"goal: {event: G, within: 20h}",
			"goal: {event: G, when: customer.vip == true, within: 90h}",
		),
		d.pick("exit", "exit: [{event: X}]", "exit: [{event: X}, {when: event.n > 8, outcome: high}]"),
	}
	var rules []string
	for range rapid.IntRange(0, 3).Draw(d.T, "rules") {
		rules = append(
			rules,
			"{"+d.pick(
				"on",
				"event: "+d.name(),
				"event: [A, E]",
				"when: event.n > 5",
				d.level(),
				d.level(),
			)+d.pick(
				"if",
				"",
				", when: customer.vip == false",
			)+
				", go_to: "+d.pick(
				"to",
				"p1",
				"p2",
			)+d.pick(
				"again",
				"",
				", repeat: true",
			)+"}",
		)
	}
	if len(rules) > 0 {
		for i, rule := range rules { // one `when` is enough
			if strings.Count(rule, "when:") > 1 || strings.Contains(rule, "intent:") {
				rules[i] = strings.Replace(rule, ", when: customer.vip == false", "", 1)
			}
		}
		head = append(head, "reroute: ["+strings.Join(rules, ", ")+"]")
	}
	return journeyOf(d.steps("  ", 2)+"paths:\n  p1:\n"+d.steps("    ", 1)+"  p2:\n"+d.steps("    ", 1), head...)
}

// steps draws a list. depth bounds how deep arms may lie.
func (d *drawer) steps(indent string, depth int) string {
	var b strings.Builder
	for range rapid.IntRange(1, 3).Draw(d.T, "steps") {
		d.step(&b, indent, depth)
	}
	return b.String()
}

// step draws one step: its lines begin with indent.
func (d *drawer) step(b *strings.Builder, indent string, depth int) {
	d.next++
	id := fmt.Sprintf("s%d", d.next)
	more := "" // keys beside the kind
	add := func(format string, args ...any) { more += indent + "  " + fmt.Sprintf(format, args...) + "\n" }
	arm := func() string {
		if depth == 0 {
			return "[]"
		}
		return "\n" + strings.TrimSuffix(d.steps(indent+"        ", depth-1), "\n")
	}
	key := func(name string) {
		if rapid.Bool().Draw(d.T, name) {
			add("%s: %s", name, arm())
		}
	}
	if when := d.pick("when", "", "", "", "vars.n > 1", "customer.vip == true", "event.n < 3"); when != "" {
		add("when: %s", when)
	}
	switch d.pick("kind", "wait", "clock", "date", "wait_for", "wait_for", "branch", "split", "send", "decide", "ask", "handoff", "set",
		"emit", "call", "activity", "go_to", "exit") {
	case "wait":
		add("wait: %dh", d.hours())
	case "clock":
		add(
			"wait: {until: \"%02d:00\"%s%s}",
			d.hours(),
			d.pick("days", "", ", days: [mon, wed]"),
			d.pick("zone", "", ", timezone: Europe/Berlin"),
		)
	case "date":
		add("wait: {until: %s}", d.pick("date", "customer.ends_at", "entry.nothing"))
	case "wait_for":
		more := d.pick("arm", "event: "+d.name()+", when: event.n > 4", d.level())
		add("wait_for:\n%s    - event: %s\n%s      then: %s\n%s    - {%s}", indent, d.name(), indent, arm(), indent, more)
		add("timeout: %dh", d.hours())
		if rapid.Bool().Draw(d.T, "since") {
			add("since: entry")
		}
		key("on_timeout")
	case "branch":
		add("branch:\n%s    - when: %s\n%s      then: %s", indent, d.pick("if", "vars.n > 1", "customer.vip == true"), indent, arm())
		key("else")
	case "split":
		add(
			"split:\n%s    - weight: 1\n%s      then: %s\n%s    - weight: 2\n%s      name: b\n%s      then: []",
			indent,
			indent,
			arm(),
			indent,
			indent,
			indent,
		)
	case "send":
		add("send: hello")
		add("via: email")
		key("on_blocked")
		key("on_failure")
	case "decide":
		add("decide: %s", d.pick("decide", "offers", "[discount]"))
		if rapid.Bool().Draw(d.T, "choose") {
			add("send: false")
		}
		key("none")
	case "ask":
		add("ask: hello")
		add("via: email")
		add("timeout: %dh", d.hours())
		add("replies:\n%s    - intent: refund\n%s      then: %s\n%s    - {matches: \"^yes\"}", indent, indent, arm(), indent)
		key("on_timeout")
		key("on_blocked")
	case "handoff":
		add("handoff: care")
		if rapid.Bool().Draw(d.T, "timed") {
			add("timeout: %dh", d.hours())
			key("on_timeout")
		}
		if rapid.Bool().Draw(d.T, "outcomes") {
			add("outcomes:\n%s    refunded: %s", indent, strings.ReplaceAll(arm(), "\n", "\n  "))
		}
	case "set":
		add("set: {vars.n: vars.n + 1%s}", d.pick("trait", "", ", customer.n: vars.n, vars.m: customer.n"))
	case "emit":
		add("emit: %s", d.pick("emit", "A", "E", "E", "G"))
		add("properties: {n: vars.n}")
	case "call":
		add("call: {url: \"https://a.example\"}")
		key("on_failure")
	case "activity":
		add("activity: {name: ReserveSeat, task_queue: booking, input: {n: vars.n, tier: customer.tier}, timeout: 30s}")
		key("on_failure")
	case "go_to":
		if strings.Contains(more, "when:") || depth < 2 { // else what is behind could not be reached
			add("go_to: %s", d.pick("to", "p1", "p2", fmt.Sprintf("s%d", rapid.IntRange(1, d.next).Draw(d.T, "s"))))
		} else {
			add("wait: 30m")
		}
	case "exit":
		if more == "" {
			add("when: vars.n > 3")
		}
		add("exit: early")
	}
	fmt.Fprintf(b, "%s- id: %s\n%s", indent, id, more)
}
