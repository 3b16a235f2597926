package template

import "testing"

func TestCheckJSON(t *testing.T) {
	t.Parallel()
	const quote = "a value with a quote or a line break breaks the JSON: write {{ … | json }} and no quotes around it"
	for source, want := range map[string]string{
		`hello {{ a }}`:                                    "",
		`{{ a | json }}`:                                   "",
		`[VIP] {{ customer.name }}`:                        "",
		`[{{ customer.tier }}] waits`:                      "",
		`{hello} "{{ name }}"`:                             "",
		`{"a": {{ entry.total }}, "b": {{ name | json }}}`: "",
		`{"a": "{{ customer.name }}"}`:                     "7: " + quote,
		`{"a": "Hello {{ name }}!", "b": "{{ now | date: '%Y' }}{{ n | plus: 1 }}"}`: "13: " + quote,
		`{"a": "{{ name | upcase }}"}`:                                                          "7: " + quote,
		`{"a": "{{ name | default: 'x' | json }}"}`:                                             "-",
		`[{% for i in items %}{{ i.id }}{% unless forloop.last %},{% endunless %}{% endfor %}]`: "",
		`[{% for i in items %}{{ i.id }},{% endfor %}]`:                                         "-",
		`{"a": 1,}`:     "-",
		`{"a": {{ a }}`: "-",
		`{"a": {{ a | default: 0 }}, "b": {% if a %}1{% else %}2{% endif %}}`: "",
		`{"c": "{% case a %}{% when 1 %}{% else %}x{% endcase %}"}`:           "",
		`{% if a %}{"a": 1}{% endif %}`:                                       "",
		`{"items": {{ items | map: "id" | json }}, "n": {{ items | size }}}`:  "",
		`{"{{ key }}": 1}`: "2: " + quote,
	} {
		got := ""
		if problems := CheckJSON(source); len(problems) > 0 {
			if got = "-"; problems[0].Offset >= 0 {
				got = itoa(problems[0].Offset) + ": " + problems[0].Message
			}
		}
		if got != want {
			t.Errorf("%s\n got %q\nwant %q", source, got, want)
		}
	}
}
