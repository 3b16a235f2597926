package simulate

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/tabi-journeys/tabi/activities/channels"
	"github.com/tabi-journeys/tabi/internal/journey/lint"
	"github.com/tabi-journeys/tabi/internal/journey/scenario"
	"github.com/tabi-journeys/tabi/internal/journey/source"
)

// writer draws a journey, and scenarios for it, as YAML.
type writer struct {
	t     *rapid.T
	out   strings.Builder
	steps int
	ids   []string
	paths []string
}

var (
	shortTimes = []string{"0s", "1s", "1m", "90m", "2d12h"}
	eventNames = []string{"Go", "Pick", "Order Completed", "Pinged", "Customer Updated"}
	conditions = []string{
		"true", "false", "vars.n > 2", "vars.n < 3", "event.k == 'a'", "entry.k == event.k", `customer.tier == "gold"`,
		"has(customer.email)",
		`count("Pick", "1d") > 1`, `last("Pick") > timestamp("2026-03-02T11:00:00Z")`, "now > timestamp('2026-03-03T00:00:00Z')",
		"event.gone == 1", "customer.age + vars.n > 20",
		"event_name == 'Pick'", "customer.?tier.orValue('none') == 'none'",
	}
	values = []string{"vars.n + 1", "event.k", "customer.age", "'text'", "now", "vars.list", "true", "12.5", "event.gone", "{'a': vars.n}"}
)

func (w *writer) pick(what string, from ...string) string {
	return rapid.SampledFrom(from).Draw(w.t, what)
}

func (w *writer) chance(what string) bool { return rapid.Bool().Draw(w.t, what) }
func (w *writer) upTo(what string, low, high int) int {
	return rapid.IntRange(low, high).Draw(w.t, what)
}

func (w *writer) line(depth int, format string, args ...any) {
	fmt.Fprintf(&w.out, "%s%s\n", strings.Repeat("  ", depth), fmt.Sprintf(format, args...))
}

// quoted writes an expression as a YAML text.
func quoted(expr string) string { return `"` + strings.ReplaceAll(expr, `"`, `\"`) + `"` }

func (w *writer) when(key string) string {
	return key + ": " + quoted(rapid.SampledFrom(conditions).Draw(w.t, "condition"))
}

// journey writes a whole one.
func (w *writer) journey() string {
	w.paths = []string{"aside", "back"}
	w.line(0, "journey: drawn")
	switch w.upTo("entry", 0, 5) {
	case 0:
		w.line(0, "entry: {when: %s}", quoted(`customer.tier == "gold"`))
	case 1:
		w.line(0, `entry: {schedule: {at: "%s", days: [mon, tue, wed]%s}, reentry: %s}`, w.pick("clock", "09:00", "00:00", "02:30"),
			w.pick("zone", "", ", timezone: Asia/Tokyo", ", timezone: customer"), w.pick("reentry", "always", "after_exit", "never"))
	default:
		w.line(
			0,
			"entry: {event: %s, reentry: %s%s%s}",
			w.pick("entry event", "Go", "[Go, Pick]"),
			w.pick("reentry", "never", "always", "after_exit", "{after: 1h}"),
			w.pick("key", "", ", key: event.k"),
			w.pick("entry when", "", ", when: event.k != 'z'"),
		)
	}
	w.line(0, "vars: {n: 1, list: [1, two, {three: 3}]}")
	w.line(
		0,
		"goal: {event: Order Completed, %s%s%s}",
		w.when("when"),
		w.pick("value", "", ", value: event.total"),
		w.pick("within", "", ", within: 3d"),
	)
	if w.chance("exit") {
		w.line(0, "exit: [{event: Pick, %s, outcome: picked}, {%s, outcome: out}]", w.when("when"), w.when("when"))
	}
	if w.chance("reroute") {
		w.line(0, "reroute: [{event: Pinged, go_to: aside%s}, {%s, go_to: back}]", w.pick("repeat", "", ", repeat: true"), w.when("when"))
	}
	w.line(0, "timeout: %s", w.pick("timeout", "1d", "30d", "5d"))
	w.line(0, "steps:")
	w.list(1, w.upTo("steps", 1, 5), 0)
	w.line(0, "paths:")
	for _, p := range w.paths {
		w.line(1, "%s:", p)
		w.line(2, "- {id: rest-%s, wait: %s}", p, w.pick("rest", "1m", "3h"))
		w.list(2, w.upTo("path", 0, 3), 1)
	}
	return w.out.String()
}

func (w *writer) list(depth, n, nested int) {
	for range n {
		w.step(depth, nested)
	}
}

// arm writes the steps of an arm under a key; nested bounds how deep arms go.
func (w *writer) arm(depth int, key string, nested int) {
	if nested >= 3 || !w.chance(key) {
		return
	}
	w.line(depth, "%s:", key)
	w.list(depth+1, w.upTo("arm", 1, 2), nested+1)
}

// step writes one of any kind.
func (w *writer) step(depth, nested int) {
	w.steps++
	id := fmt.Sprintf("s%d", w.steps)
	w.ids = append(w.ids, id)
	w.line(depth, "- id: %s", id)
	depth++
	if w.upTo("when", 0, 4) == 0 {
		w.line(depth, "%s", w.when("when"))
	}
	kinds := []string{"wait", "wait", "wait_for", "branch", "split", "send", "send", "handoff", "set", "emit", "call",
		"activity", "go_to", "exit"}
	switch kind := w.pick("kind", kinds...); kind {
	case "wait":
		w.line(
			depth,
			"wait: %s",
			w.pick(
				"wait",
				append(slices.Clone(shortTimes), `{until: "09:00"}`, `{until: "02:30", days: [sun, fri], timezone: Europe/Berlin}`,
					"{until: customer.trial_ends_at, offset: -2d}", "{until: event.gone}", `{until: "now + duration('1h')"}`)...),
		)
	case "wait_for":
		w.line(depth, "wait_for:")
		for range w.upTo("arms", 1, 3) {
			w.line(depth+1, "- event: %s", w.pick("event", eventNames...))
			if w.chance("arm when") {
				w.line(depth+2, "%s", w.when("when"))
			}
			w.arm(depth+2, "then", nested)
		}
		w.line(depth, "timeout: %s", w.pick("timeout", "1s", "1h", "2d"))
		if w.chance("since") {
			w.line(depth, "since: entry")
		}
		w.arm(depth, "on_timeout", nested)
	case "branch":
		w.line(depth, "branch:")
		for range w.upTo("arms", 1, 3) {
			w.line(depth+1, "- %s", w.when("when"))
			w.arm(depth+2, "then", nested)
		}
		w.arm(depth, "else", nested)
	case "split":
		w.line(depth, "split:")
		for n := range w.upTo("arms", 1, 3) {
			w.line(depth+1, "- weight: %d", w.upTo("weight", 1, 9))
			if w.chance("named") {
				w.line(depth+2, "name: n%d", n)
			}
			w.arm(depth+2, "then", nested)
		}
	case "send":
		w.line(depth, "send: note")
		w.line(depth, "via: %s", w.pick("via", "email", "push", "app", "[push, email]", "log", "webhook"))
		w.line(depth, "data: {a: %s, b: %s}", quoted(w.pick("value", values...)), quoted(w.pick("value", values...)))
		w.line(depth, "category: %s", w.pick("category", "marketing", "transactional"))
		w.arm(depth, "on_blocked", nested)
		w.arm(depth, "on_failure", nested)
	case "handoff":
		w.line(depth, "handoff: %s", w.pick("queue", "support", "sales"))
		w.line(depth, "priority: %s", w.pick("priority", "low", "normal", "high", "urgent"))
		w.line(depth, `note: "{{ customer.first_name }} {{ vars.n }} {{ steps | size }}"`)
		if w.chance("timeout") {
			w.line(depth, "timeout: %s", w.pick("timeout", "1m", "4h"))
			w.arm(depth, "on_timeout", nested)
		}
		if nested < 3 && w.chance("outcomes") {
			w.line(depth, "outcomes:")
			w.line(depth+1, "resolved:")
			w.list(depth+2, 1, nested+1)
		}
	case "set":
		w.line(depth, "set: {vars.n: %s, customer.tier: %s}", quoted(w.pick("value", values...)), quoted(w.pick("value", values...)))
	case "emit":
		w.line(depth, "emit: %s", w.pick("event", eventNames[:4]...))
		w.line(depth, "properties: {k: %s, total: %s}", quoted(w.pick("value", values...)), quoted(w.pick("value", values...)))
	case "call":
		w.line(depth, `call: {url: "https://shop.example/{{ entry.k }}", body: {k: "{{ vars.n }}"}}`)
		w.arm(depth, "on_failure", nested)
	case "activity":
		w.line(depth, `activity: {name: A, task_queue: q, input: {k: entry.k, n: %s}, timeout: %s}`, quoted(w.pick("value", values...)),
			w.pick("attempt", "1s", "2h"))
		w.arm(depth, "on_failure", nested)
	case "go_to":
		w.line(depth, "go_to: %s", w.pick("target", append(slices.Clone(w.paths), w.ids...)...))
	case "exit":
		w.line(depth, "exit: %s", w.pick("outcome", "done", "gone"))
	}
}

// scenario writes one whose timeline has entries of every kind.
func (w *writer) scenario() string {
	w.out.Reset()
	w.line(0, "test: drawn")
	w.line(0, "customer: {id: ana, email: ana@example.com, push_token: t, age: 20, timezone: %s, trial_ends_at: 2026-03-06%s}",
		w.pick("zone", "Asia/Tokyo", "Europe/Berlin", "America/New_York", "nowhere"), w.pick("tier", "", ", tier: gold"))
	w.line(0, "start: %s", w.pick("start", "2026-03-02T10:00:00+09:00", "2026-03-28T23:00:00Z", "2026-10-25T00:30:00+02:00"))
	w.line(0, "scenarios:")
	w.line(1, "- name: drawn")
	w.line(2, "holdout: %v", w.upTo("holdout", 0, 9) == 0)
	w.line(2, "timeline:")
	at := time.Duration(0)
	for range w.upTo("lines", 1, 6) {
		at += rapid.SampledFrom([]time.Duration{0, time.Second, time.Minute, time.Hour, 26 * time.Hour}).Draw(w.t, "at")
		what := w.pick(
			"line",
			"event: Go, properties: {k: a}",
			"event: Go, properties: {k: b}",
			"event: Pick, properties: {k: a}",
			"event: Order Completed, properties: {k: a, total: 3}",
			"event: Pinged",
			"customer: {tier: gold}",
			"customer: {tier: none, trial_ends_at: 2026-04-01T00:00:00Z}",
			"fail: {times: 3}",
			"fail: {via: email, permanent: true}",
			"expect: {not_sent: [never]}",
		)
		w.line(3, "- {at: %s, %s}", Offset(at), what)
	}
	w.line(2, "expect: {not_sent: [never]}")
	return w.out.String()
}

// bounded reports whether a bound ended the scenario: journeys may start each other, or loop, more often than any limit
// allows.
func bounded(r Result) bool {
	return len(r.Failures) == 1 &&
		(strings.Contains(r.Failures[0].Message, "enrollments started") ||
			strings.Contains(r.Failures[0].Message, "is there an endless loop?"))
}

// runsAndEnds is the property: a journey that lints runs in simulation without a panic, and ends. It reports
// whether what was drawn lints.
func runsAndEnds(t *rapid.T) bool {
	w := &writer{t: t}
	definition := w.journey()
	scenarios := w.scenario()
	content, tests, found := scenario.Check([]lint.File{
		{Name: "drawn.yaml", Data: []byte(definition)},
		{Name: "drawn.test.yaml", Data: []byte(scenarios)},
		{
			Name: "messages/note.yaml",
			Data: []byte(
				"message: note\nemail: {subject: \"{{ data.a }}\", text: \"{{ data.b }} {{ vars.n }}\"}\npush: {title: a, body: \"{{ " +
					"data.b }}\"}\n" +
					"app: {title: a, body: b}\nwebhook: {url: \"https://hook.example/{{ customer.id }}\", body: \"{}\"}\n",
			),
		},
		{Name: "messages/never.yaml", Data: []byte("message: never\napp: {title: a, body: b}\n")},
	}, lint.Options{Channels: channels.Shipped().Specs()})
	for _, d := range found {
		if d.Severity == source.Error && d.Code != "endless-loop" {
			t.Fatalf("the generator wrote what does not lint: %v\n%s\n%s", d, definition, scenarios)
		}
	}
	if found.Failed(false) {
		return false // a loop without a wait is lint's to refuse
	}
	r := Run(t.Context(), content, tests["drawn"], 0, Options{Enrollments: 50, Work: 3000, Wall: 5 * time.Minute})
	if !r.Passed && !bounded(r) {
		t.Fatalf("%s\n%s\n%s\n%+v", told(r), definition, scenarios, r.Failures)
	}
	return true
}

// Any journey that lints runs in simulation without a panic, and ends.
func TestWhatLintsRunsAndEnds(t *testing.T) {
	t.Parallel()
	ran := 0
	rapid.Check(t, func(t *rapid.T) {
		if runsAndEnds(t) {
			ran++
		}
	})
	if ran < 20 {
		t.Errorf("only %d of the drawn journeys lint", ran)
	}
}

func FuzzWhatLintsRunsAndEnds(f *testing.F) {
	f.Fuzz(rapid.MakeFuzz(func(t *rapid.T) { runsAndEnds(t) }))
}
