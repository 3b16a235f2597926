package simulate

import (
	"slices"
	"strings"
	"testing"

	"github.com/tabi-journeys/tabi/internal/journey/lint"
)

// TestOddValuesCostThemselvesOnly sends a message whose filters get what they cannot use: it is sent, and the log of the
// scenario says which value was left out, without the value.
func TestOddValuesCostThemselvesOnly(t *testing.T) {
	t.Parallel()
	folder := compile(t, []lint.File{
		{Name: "a.yaml", Data: []byte(`
journey: a
entry: {event: Ping}
goal: {event: Never}
steps:
  - {id: say, send: m, via: email, category: transactional, on_failure: [{exit: failed}]}
  - exit: said
`)},
		{Name: "messages/m.yaml", Data: []byte(`
message: m
email:
  subject: "{{ entry.total | divided_by: entry.count }} {{ entry.price | times: 2 }} {{ entry.price | money: 'EUR' }}"
  html: "<p>{{ entry.products | first }} {{ entry.products | join: ', ' }} {{ entry.rows | map: 'price' | sum }}</p>"
`)},
		{Name: "a.test.yaml", Data: []byte(`
test: a
customer: {email: ana@example.com}
scenarios:
  - name: odd
    timeline:
      - at: 0m
        event: Ping
        properties: {total: 5, count: 0, price: "N/A", products: 7, rows: [{price: 1}, "secret", null]}
    expect: {outcome: said, sent: [m]}
`)},
	})
	result := Run(t.Context(), folder.Content, folder.tests["a"], 0, Options{})
	if !result.Passed {
		t.Fatalf("did not pass: %v", result.Failures)
	}
	var log []string
	for _, line := range result.Story {
		if strings.HasPrefix(line.Text, "! ") {
			log = append(log, line.Text)
		}
	}
	for _, want := range []string{
		"! template: subject, line 1, divided_by: a division by 0: nothing is inserted",
		"! template: subject, line 1, times: a text that is no number counts as a number",
		"! template: subject, line 1, money: a text that is no number: it is inserted as it is",
		"! template: html, line 1, map: an item is a text and has no properties",
	} {
		if !slices.Contains(log, want) {
			t.Errorf("the log does not say %q:\n%s", want, strings.Join(log, "\n"))
		}
	}
	if strings.Contains(strings.Join(log, ""), "secret") || strings.Contains(strings.Join(log, ""), "N/A") {
		t.Errorf("the log holds values: %s", log)
	}
}
