package simulate

import (
	"strings"
	"testing"

	"github.com/tabi-journeys/tabi/internal/journey/lint"
)

// What production does silently is in the trace of a scenario: an entry whose condition is false, a condition without an answer, a
// wait that does not wait, and consent that nobody gave.
func TestSilenceIsTold(t *testing.T) {
	t.Parallel()
	folder := compile(t, []lint.File{
		{Name: "policy.yaml", Data: []byte("consent: {marketing: customer.consent.marketing == true}\n")},
		{Name: "messages/note.yaml", Data: []byte("message: note\nemail: {subject: Note, html: <p>Note</p>}\n")},
		{Name: "renewal.yaml", Data: []byte(`journey: renewal
entry: {schedule: {at: "09:00"}, when: customer.renews_at > now}
goal: {event: Never}
steps:
  - {id: due, wait: {until: customer.renews_at, offset: -30d}}
  - {id: say, send: note, via: email}
`)},
		{Name: "asked.yaml", Data: []byte(`journey: asked
entry: {event: Ping, when: event.total > 5}
goal: {event: Never}
steps:
  - branch: [{when: customer.tier == "gold", then: [{exit: gold}]}]
  - {id: due, wait: {until: customer.born}}
  - {id: say, send: note, via: email}
`)},
		{Name: "renewal.test.yaml", Data: []byte(`test: renewal
customer: {email: ana@example.com, renews_at: 2026/05/04}
start: 2026-04-06T08:00:00Z
scenarios:
  - {name: a text that is no date, timeline: [{at: 1d, expect: {sent: []}}], expect: {sent: []}}
`)},
		{Name: "asked.test.yaml", Data: []byte(`test: asked
customer: {email: ana@example.com, born: 1775001600}
start: 2026-04-06T08:00:00Z
scenarios:
  - name: assumes consent
    timeline: [{at: 0m, event: Ping, properties: {total: 3}}, {at: 1m, event: Ping, properties: {total: 7}}]
    expect: {sent: [note]}
  - name: has it
    customer: {consent: {marketing: true}}
    timeline: [{at: 1m, event: Ping, properties: {total: 7}}]
    expect: {sent: [note]}
  - name: is refused
    customer: {consent: {marketing: false}}
    timeline: [{at: 1m, event: Ping, properties: {total: 7}}]
    expect: {sent: []}
`)},
	})
	var stories []string
	var assumed [][]string
	for _, job := range everything(folder) {
		result := Run(t.Context(), job.Content, job.Test, job.Scenario, Options{})
		if !result.Passed {
			t.Error(printed(t, result))
		}
		stories, assumed = append(stories, told(result)), append(assumed, result.Assumed)
	}
	for n, lines := range [][]string{
		{
			"asked not entered at Mon 6 Apr 08:00 UTC: `when` was false: event.total is 3",
			"customer.tier == \"gold\" has no value: tier is missing",
			"went on at once: customer.born is a number: 1775001600, not a date or timestamp",
		},
		{}, {},
		{"renewal not entered at Mon 6 Apr 09:00 UTC: `when` was false (cannot compare a text with a timestamp): " +
			"customer.renews_at is \"2026/05/04\", a text"},
	} {
		for _, line := range lines {
			if !strings.Contains(stories[n], line) {
				t.Errorf("the story does not say %q:\n%s", line, stories[n])
			}
		}
	}
	if len(assumed[0]) != 1 || assumed[0][0] != "customer.consent.marketing == true" ||
		len(assumed[1])+len(assumed[2])+len(assumed[3]) > 0 {
		t.Errorf("consent was assumed: %q", assumed)
	}
}

// A key whose value is missing is left out, and the trace says which, and why: of set, of emit and of the data of a message.
func TestLeftOutKeysAreTold(t *testing.T) {
	t.Parallel()
	folder := compile(t, []lint.File{
		{Name: "messages/note.yaml", Data: []byte("message: note\nemail: {subject: 'Note {{ data.plan }}', html: <p>Note</p>}\n")},
		{Name: "fill.yaml", Data: []byte(`journey: fill
entry: {event: Ping}
goal: {event: Never}
steps:
  - id: keep
    set: {vars.plan: entry.plan, vars.tier: customer.tier, customer.color: entry.color, customer.last: '"ping"'}
  - {id: say, emit: Pinged, properties: {plan: entry.plan, size: entry.size}}
  - {id: write, send: note, via: email, category: transactional, data: {plan: entry.plan}}
`)},
		{Name: "fill.test.yaml", Data: []byte(`test: fill
customer: {email: ana@example.com}
start: 2026-04-06T08:00:00Z
scenarios:
  - {name: without values, timeline: [{at: 1m, event: Ping, properties: {size: 3}}], expect: {sent: [note]}}
  - name: with them
    customer: {tier: gold}
    timeline: [{at: 1m, event: Ping, properties: {size: 3, plan: fibre, color: red}}]
    expect: {sent: [note]}
`)},
	})
	var stories []string
	for _, job := range everything(folder) {
		result := Run(t.Context(), job.Content, job.Test, job.Scenario, Options{})
		if !result.Passed {
			t.Error(printed(t, result))
		}
		stories = append(stories, told(result))
	}
	for _, line := range []string{
		"passed keep (set): not set, for want of a value: vars.plan (plan is missing), vars.tier (tier is missing), " +
			"customer.color (color is missing)",
		"passed say (emit): Pinged, without what had no value: plan (plan is missing)",
		"left out of the message, for want of a value: data.plan (plan is missing)",
	} {
		if !strings.Contains(stories[0], line) {
			t.Errorf("the story does not say %q:\n%s", line, stories[0])
		}
	}
	if strings.Contains(stories[1], "value") {
		t.Errorf("something was left out:\n%s", stories[1])
	}
}

// The trace shows a wait's end as the customer's calendar and clock do, with the weekday.
func TestTraceShowsLocalTime(t *testing.T) {
	t.Parallel()
	folder := compile(t, []lint.File{
		{Name: "morning.yaml", Data: []byte(`journey: morning
entry: {event: Ping}
goal: {event: Never}
timeout: 400d
steps:
  - {id: nine, wait: {until: "09:00", days: [mon, tue, wed, thu, fri]}}
  - {id: year, wait: 365d}
`)},
		{Name: "morning.test.yaml", Data: []byte(`test: morning
start: 2026-04-10T08:00:00Z
scenarios:
  - name: in Tokyo
    customer: {timezone: Asia/Tokyo}
    timeline: [{at: 0m, event: Ping}]
    expect: {outcome: completed}
  - name: nowhere
    timeline: [{at: 0m, event: Ping}]
    expect: {outcome: completed}
`)},
	})
	var stories []string
	for _, job := range everything(folder) {
		result := Run(t.Context(), job.Content, job.Test, job.Scenario, Options{})
		if !result.Passed {
			t.Error(printed(t, result))
		}
		stories = append(stories, told(result))
	}
	for n, lines := range [][]string{
		{"waits at nine until 2d16h (Mon 13 Apr 09:00 JST) for 09:00 on mon", "passed nine (wait) on Mon 13 Apr 09:00 JST\n",
			"passed year (wait) on Tue 13 Apr 2027 09:00 JST\n"},
		{"waits at nine until 1h (Fri 10 Apr 09:00 UTC) for 09:00 on mon", "passed nine (wait) on Fri 10 Apr 09:00 UTC\n"},
	} {
		for _, line := range lines {
			if !strings.Contains(stories[n], line) {
				t.Errorf("the story does not say %q:\n%s", line, stories[n])
			}
		}
	}
}
