package format

import (
	"fmt"
	"strconv"

	"pgregory.net/rapid"

	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/journey/expr"
	"github.com/tabi-journeys/tabi/internal/journey/localtime"
)

// generator draws random valid journeys: every kind in every form, nested arms, jumps between paths.
type generator struct {
	*rapid.T
	ids []string
}

var (
	genWords = rapid.SampledFrom(
		[]string{
			"A",
			"Order Completed",
			"true",
			"12",
			"旅 始まる",
			"a: b",
			"x #y",
			"- z",
			"\"quoted\"",
			"tab\there",
			"é\u0085\u2028",
			"two\nlines",
			" lead",
			"😀",
			"null",
			"'",
		},
	)
	genConds = rapid.SampledFrom(
		[]expr.Expr{
			"true",
			"customer.tier == \"gold\"",
			"event.total > 50",
			"vars.tries < 3 && !has(customer.x)",
			"count('A', '30d') > 1",
			"entry.list.exists(x,\n  x > 1)",
		},
	)
	genValues = rapid.SampledFrom(
		[]expr.Expr{"1", "'text'", "size(entry.items) + 1", "customer.?tier.orValue(\"none\")", "{'a': [1, 2]}", "now"},
	)
	genSpans = rapid.SampledFrom([]string{"0s", "90s", "15m", "1h30m", "2d12h", "1w", "5200w"})
	genZones = rapid.SampledFrom([]string{"", "customer", "Asia/Tokyo", "UTC"})
)

func (g *generator) maybe(label string) bool { return rapid.Bool().Draw(g.T, label) }

// journey draws a file.
func (g *generator) journey() yamlMap {
	file := yamlMap{{key: "journey", inline: "gen"}}
	for _, key := range []string{"description", "owner"} {
		if g.maybe(key) {
			file.text(key, genWords.Draw(g.T, key))
		}
	}
	file = append(
		file,
		yamlField{key: "entry", fields: g.entry()},
		yamlField{
			key:    "vars",
			inline: flowYAML(map[string]any{"tries": rapid.Float64().Filter(finite).Draw(g.T, "tries"), "any": g.value(2)}),
		},
	)
	if g.maybe("goal") {
		goal := g.rule()
		if g.maybe("value") {
			goal.expr("value", "event.total")
		}
		if g.maybe("within") {
			goal.plain("within", genSpans.Draw(g.T, "within"))
		}
		file = append(file, yamlField{key: "goal", fields: goal})
	}
	if n := rapid.IntRange(0, 2).Draw(g.T, "exits"); n > 0 {
		file = append(file, yamlField{key: "exit", items: g.repeat(n, func() yamlMap {
			m := g.rule()
			if g.maybe("outcome") {
				m.plain("outcome", quotedYAML(genWords.Draw(g.T, "outcome")))
			}
			return m
		})})
	}
	if n := rapid.IntRange(0, 2).Draw(g.T, "reroutes"); n > 0 {
		file = append(file, yamlField{key: "reroute", items: g.repeat(n, func() yamlMap {
			m := g.level(g.rule)
			m.plain("go_to", rapid.SampledFrom([]string{"main", "other", "third-path"}).Draw(g.T, "to"))
			if g.maybe("repeat") {
				m.plain("repeat", strconv.FormatBool(g.maybe("again")))
			}
			return m
		})})
	}
	if g.maybe("timeout") {
		file.plain("timeout", "45d")
	}
	file.steps("steps", g.list(3))
	return append(file, yamlField{key: "paths", fields: yamlMap{{key: "other", items: g.list(2)}, {key: "third-path", inline: "[]"}}})
}

func finite(v float64) bool { return v-v == 0 }

func (g *generator) repeat(n int, one func() yamlMap) (out []yamlMap) {
	for range n {
		out = append(out, one())
	}
	return out
}

// value draws a JSON value.
func (g *generator) value(depth int) any {
	switch kind := rapid.IntRange(0, 5).Draw(g.T, "value"); {
	case kind == 0:
		return nil
	case kind == 1:
		return g.maybe("bool")
	case kind == 2:
		return rapid.Float64().Filter(finite).Draw(g.T, "number")
	case kind == 3 && depth > 0:
		return []any{g.value(depth - 1), g.value(depth - 1)}
	case kind == 4 && depth > 0:
		return map[string]any{genWords.Draw(g.T, "key"): g.value(depth - 1), "1": g.value(depth - 1)}
	}
	return genWords.Draw(g.T, "text")
}

func (g *generator) entry() (out yamlMap) {
	switch rapid.IntRange(0, 2).Draw(g.T, "entry") {
	case 0:
		out = g.rule()
	case 1:
		out.expr("when", genConds.Draw(g.T, "state"))
	case 2:
		out = yamlMap{{key: "schedule", fields: g.clock("at")}}
		if g.maybe("when") {
			out.expr("when", genConds.Draw(g.T, "when"))
		}
	}
	if g.maybe("key") {
		out.expr("key", rapid.SampledFrom([]expr.Expr{"event.cart_id", "event_name", "5"}).Draw(g.T, "key"))
	}
	if g.maybe("reentry") {
		out.plain("reentry", rapid.SampledFrom([]string{"never", "always", "after_exit", "{after: 7d}", "{after: 0s}"}).Draw(g.T, "mode"))
	}
	if g.maybe("holdout") {
		out.plain("holdout", numberYAML(rapid.Float64Range(0, 100).Draw(g.T, "percent")))
	}
	return out
}

// rule draws an event, a condition or both.
func (g *generator) rule() (out yamlMap) {
	which := rapid.IntRange(0, 2).Draw(g.T, "rule")
	if which < 2 {
		out.plain("event", wordsYAML(rapid.SliceOfNDistinct(genWords.Filter(notBlank), 1, 2, rapid.ID[string]).Draw(g.T, "events")))
	}
	if which > 0 {
		out.expr("when", genConds.Draw(g.T, "when"))
	}
	return out
}

func notBlank(s string) bool { return s != "" }

func (g *generator) clock(key string) yamlMap {
	out := yamlMap{{key: key, inline: rapid.SampledFrom([]string{`"09:00"`, `23:59:59`, `"00:00"`}).Draw(g.T, "clock")}}
	if g.maybe("days") {
		out.plain(
			"days",
			wordsYAML(rapid.SliceOfNDistinct(rapid.SampledFrom(localtime.Weekdays), 1, 7, rapid.ID[string]).Draw(g.T, "days")),
		)
	}
	if zone := genZones.Draw(g.T, "zone"); zone != "" {
		out.plain("timezone", zone)
	}
	return out
}

// list draws steps. A go_to follows a wait, so that no cycle is endless.
func (g *generator) list(depth int) (out []yamlMap) {
	for range rapid.IntRange(1, 4).Draw(g.T, "steps") {
		kind := rapid.SampledFrom(journey.Kinds).Draw(g.T, "kind").Name
		if kind == "go_to" {
			to := append([]string{"main", "other", "third-path"}, g.ids...)
			out = append(
				out,
				yamlMap{{key: "wait", inline: "1d"}},
				yamlMap{{key: "when", inline: quotedYAML(string(genConds.Draw(g.T, "when")))},
					{key: "go_to", inline: rapid.SampledFrom(to).Draw(g.T, "to")}},
			)
			continue
		}
		step := g.common()
		g.kind(&step, kind, depth)
		out = append(out, step)
	}
	return out
}

// common draws the keys that every step may have.
func (g *generator) common() (out yamlMap) {
	if g.maybe("id") {
		id := fmt.Sprintf("step-%d", len(g.ids))
		g.ids = append(g.ids, id)
		out.plain("id", id)
	}
	if g.maybe("name") {
		out.text("name", genWords.Draw(g.T, "name"))
	}
	if g.maybe("skips") {
		out.expr("when", genConds.Draw(g.T, "skip"))
	}
	return out
}

// arm draws an arm, or nothing.
func (g *generator) arm(out *yamlMap, key string, depth int) {
	if depth > 0 && g.maybe(key) {
		*out = append(*out, yamlField{key: key, items: g.list(depth - 1)})
	} else if g.maybe("empty " + key) {
		out.plain(key, "[]")
	}
}

func (g *generator) exprs() (out yamlMap) {
	for i := range rapid.IntRange(0, 2).Draw(g.T, "data") {
		out.expr("k"+strconv.Itoa(i), genValues.Draw(g.T, "value"))
	}
	return out
}

func (g *generator) kind(out *yamlMap, kind string, depth int) {
	arms := func(one func() yamlMap) {
		*out = append(*out, yamlField{key: kind, items: g.repeat(rapid.IntRange(1, 2).Draw(g.T, "arms"), func() yamlMap {
			m := one()
			g.arm(&m, "then", depth)
			return m
		})})
	}
	switch kind {
	case "wait":
		g.wait(out)
	case "wait_for":
		arms(func() yamlMap {
			if g.maybe("of an intent") {
				return g.level(func() yamlMap { return nil })
			}
			m := yamlMap{{key: "event", inline: quotedYAML(genWords.Draw(g.T, "event"))}}
			if g.maybe("when") {
				m.expr("when", genConds.Draw(g.T, "when"))
			}
			return m
		})
		out.plain("timeout", genSpans.Draw(g.T, "timeout"))
		if g.maybe("since") {
			out.plain("since", "entry")
		}
		g.arm(out, "on_timeout", depth)
	case "branch":
		arms(func() yamlMap { return yamlMap{{key: "when", inline: quotedYAML(string(genConds.Draw(g.T, "when")))}} })
		g.arm(out, "else", depth)
	case "split":
		n := 0
		arms(func() yamlMap {
			m := yamlMap{{key: "weight", inline: numberYAML(rapid.Float64Range(0.001, 1e20).Draw(g.T, "weight"))}}
			if n++; g.maybe("name") {
				m.text("name", fmt.Sprintf("arm-%d", n))
			}
			return m
		})
	case "decide":
		out.plain(
			"decide",
			rapid.SampledFrom([]string{"retention", "[loyalty-discount]", "[loyalty-discount, cart-help]"}).Draw(g.T, "among"),
		)
		if g.maybe("send") {
			out.plain("send", strconv.FormatBool(g.maybe("sends")))
		}
		if g.maybe("via") {
			out.plain("via", rapid.SampledFrom([]string{"email", "[push, email, log]", "best"}).Draw(g.T, "narrow"))
		}
		g.arm(out, "none", depth)
	case "send":
		g.say(out, kind)
		g.arm(out, "on_blocked", depth)
		g.arm(out, "on_failure", depth)
	case "ask":
		g.say(out, kind)
		out.plain("timeout", "24h")
		if g.maybe("replies") {
			*out = append(*out, yamlField{key: "replies", items: g.repeat(rapid.IntRange(1, 3).Draw(g.T, "arms"), func() yamlMap {
				m := yamlMap{
					rapid.SampledFrom([]yamlField{{key: "intent", inline: "complaint"}, {key: "intent", inline: "price-sensitive"},
						{key: "matches", inline: `"(?i)^y\\b|はい"`}, {key: "any", inline: "true"}}).
						Draw(g.T, "reply"),
				}
				g.arm(&m, "then", depth)
				return m
			})})
		}
		g.arm(out, "on_timeout", depth)
		g.arm(out, "on_blocked", depth)
		g.arm(out, "on_failure", depth)
	case "handoff":
		g.handoff(out, depth)
	case "set":
		set := yamlMap{{key: "customer.stage", inline: quotedYAML(string(genValues.Draw(g.T, "stage")))}}
		if g.maybe("vars") {
			set.expr("vars.tries", "vars.tries + 1")
		}
		*out = append(*out, yamlField{key: "set", fields: set})
	case "emit":
		out.plain("emit", quotedYAML(genWords.Draw(g.T, "event")))
		if g.maybe("properties") {
			*out = append(
				*out,
				yamlField{key: "properties", fields: append(g.exprs(), yamlField{key: genWords.Draw(g.T, "property"), inline: `"1"`})},
			)
		}
	case "call":
		g.call(out, depth)
	case "activity":
		g.activity(out, depth)
	case "exit":
		out.plain("exit", quotedYAML(genWords.Draw(g.T, "outcome")))
	default:
		g.Fatalf("the generator does not know the kind %s", kind)
	}
}

// say draws a message and its delivery options.
func (g *generator) say(out *yamlMap, kind string) {
	out.plain(kind, "cart-reminder")
	if g.maybe("via") {
		out.plain("via", rapid.SampledFrom([]string{"[push, email, log]", "best"}).Draw(g.T, "channels"))
	}
	if g.maybe("data") {
		*out = append(*out, yamlField{key: "data", fields: g.exprs()})
	}
	for _, option := range [][2]string{{"category", "transactional"}, {"topic", "offers"}, {"tone", "empathetic"}} {
		if g.maybe(option[0]) {
			out.plain(option[0], option[1])
		}
	}
}

// level draws a threshold of an intent, with a rule or alone.
func (g *generator) level(rule func() yamlMap) (out yamlMap) {
	if g.maybe("no level") {
		if out = rule(); out != nil {
			return out
		}
	}
	out.plain("intent", rapid.SampledFrom([]string{"complaint", "price-sensitive"}).Draw(g.T, "intent"))
	out.plain(rapid.SampledFrom([]string{"above", "below"}).Draw(g.T, "side"), numberYAML(rapid.Float64Range(0, 1).Draw(g.T, "score")))
	if g.maybe("level only") {
		return out
	}
	return append(out, rule()...)
}

func (g *generator) wait(out *yamlMap) {
	switch rapid.IntRange(0, 2).Draw(g.T, "wait") {
	case 0:
		out.plain("wait", genSpans.Draw(g.T, "span"))
	case 1:
		*out = append(*out, yamlField{key: "wait", fields: g.clock("until")})
	case 2:
		m := yamlMap{{key: "until", inline: rapid.SampledFrom([]string{"customer.ends_at", "now", `"'2026-03-02'"`}).Draw(g.T, "until")}}
		if g.maybe("offset") {
			m.plain("offset", rapid.SampledFrom([]string{"-2d", "+1h", "0s"}).Draw(g.T, "offset"))
		}
		if zone := genZones.Draw(g.T, "zone"); zone != "" {
			m.plain("timezone", zone)
		}
		*out = append(*out, yamlField{key: "wait", fields: m})
	}
}

func (g *generator) handoff(out *yamlMap, depth int) {
	out.plain("handoff", quotedYAML(genWords.Draw(g.T, "queue")))
	if g.maybe("priority") {
		out.plain("priority", rapid.SampledFrom(journey.Priorities).Draw(g.T, "priority"))
	}
	if g.maybe("note") {
		out.plain("note", quotedYAML("{{ customer.first_name }} "+genWords.Draw(g.T, "note")))
	}
	if g.maybe("timeout") {
		out.plain("timeout", "4h")
	}
	if g.maybe("outcomes") {
		var arms yamlMap
		for _, outcome := range []string{"refunded", "a.b", "旅"} {
			g.arm(&arms, outcome, depth)
		}
		*out = append(*out, yamlField{key: "outcomes", fields: arms})
	}
	g.arm(out, "on_timeout", depth)
}

func (g *generator) call(out *yamlMap, depth int) {
	m := yamlMap{
		{
			key: "url",
			inline: quotedYAML(
				rapid.SampledFrom([]string{"https://example.com/{{ customer.id }}", "{{ entry.url }}", "http://a"}).Draw(g.T, "url"),
			),
		},
	}
	if g.maybe("method") {
		m.plain("method", rapid.SampledFrom(journey.CallMethods).Draw(g.T, "method"))
	}
	if g.maybe("headers") {
		m = append(
			m,
			yamlField{
				key:    "headers",
				fields: yamlMap{{key: "X-A", inline: `"{{ entry.a }}"`}, {key: "Accept", inline: "application/json"}},
			},
		)
	}
	if g.maybe("timeout") {
		m.plain("timeout", "30s")
	}
	switch rapid.IntRange(0, 3).Draw(g.T, "body") {
	case 1:
		m.plain("body", quotedYAML(genWords.Draw(g.T, "text")))
	case 2:
		m.plain("body", flowYAML(map[string]any{"a": g.value(2)}))
	case 3:
		m.plain("body", flowYAML([]any{g.value(2)}))
	}
	*out = append(*out, yamlField{key: "call", fields: m})
	g.arm(out, "on_failure", depth)
}

func (g *generator) activity(out *yamlMap, depth int) {
	m := yamlMap{
		{key: "name", inline: rapid.SampledFrom([]string{"ReserveSeat", `"a b"`, "旅", "\"12\""}).Draw(g.T, "activity")},
		{key: "task_queue", inline: "booking"},
		{key: "timeout", inline: rapid.SampledFrom([]string{"1s", "30s", "2h"}).Draw(g.T, "attempt")},
	}
	if g.maybe("input") {
		m = append(m, yamlField{key: "input", fields: g.exprs()})
	}
	if g.maybe("retry_for") {
		m.plain("retry_for", rapid.SampledFrom([]string{"2h", "3d"}).Draw(g.T, "retry"))
	}
	*out = append(*out, yamlField{key: "activity", fields: m})
	g.arm(out, "on_failure", depth)
}
