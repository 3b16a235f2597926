package simulate

import (
	"strings"
	"testing"

	"github.com/tabi-journeys/tabi/internal/journey/lint"
)

// saying is a folder whose messages say something.
var saying = map[string]string{
	"cart.yaml": `journey: cart
entry: {event: Cart Updated}
steps:
  - send: cart-first
    via: [email, push]
    category: transactional
    data: {items: entry.items}
  - wait: 1h
  - send: cart-second
    via: push
    category: transactional
`,
	"messages/cart-first.yaml": `message: cart-first
email:
  subject: "{{ customer.first_name }}, your cart"
  html: "<p>{{ data.items | join: ', ' }} &amp; more<br>Total:&nbsp;¥{{ entry.total }}</p>"
push: {title: Your cart, body: Come back}
languages:
  ja:
    email: {subject: "お客様のカート", html: "<p>合計は¥{{ entry.total }}です</p>"}
  pt-BR:
    email: {subject: Seu carrinho}
`,
	"messages/cart-second.yaml": `message: cart-second
push: {title: Still there, body: "{{ customer.first_name }}\u3000様"}
`,
}

// playing runs a scenario of the journey cart, with an expectation after the first message and one at the end.
func playing(t *testing.T, traits, first, last string) Result {
	t.Helper()
	files := []lint.File{{Root: ".", Name: "cart.test.yaml", Data: []byte(`test: cart
scenarios:
  - name: one
    customer: {email: a@example.com, push_token: t, first_name: Hana` + traits + `}
    timeline:
      - {at: 0m, event: Cart Updated, properties: {items: [Cup, Blue Cap], total: "1,280"}}
      - {at: 1m, expect: ` + first + `}
    expect: ` + last + `
`)}}
	for name, text := range saying {
		files = append(files, lint.File{Root: ".", Name: name, Data: []byte(text)})
	}
	f := compile(t, files)
	return Run(t.Context(), f.Content, f.tests["cart"], 0, Options{})
}

// What a message says is compared with what it must say, where it is sent.
func TestScenariosSeeContent(t *testing.T) {
	t.Parallel()
	const anything = "{not_sent: [cart-second]}"
	one := func(more string) string { return "{sent: {message: cart-first, " + more + "}}" }
	for _, c := range []struct {
		name, traits, first string
		said                string // of the failure; empty: it passes
		column              int
	}{
		{"subject", "", one(`subject: "Hana, your cart"`), "", 0},
		{"subject with another space", "", one(`subject: "Hana,\u00a0your\u3000cart"`), "", 0},
		{"other subject", "", one(`subject: "Hana, your card"`),
			`expected cart-first with subject "Hana, your card", got "Hana, your cart"`, 64},
		{"no part of the subject", "", one(`subject: "Hana"`), `got "Hana, your cart"`, 64},
		{"pieces", "", one(`contains: [Cup, "Cup, Blue Cap", "Total: ¥1,280", "<p>", "Cap & more", "Cap &amp; more"]`), "", 0},
		{"one piece", "", one(`contains: Cup, not_contains: "{{"`), "", 0},
		{"a piece that is nearly there", "", one(`contains: [Cup, "Total: ¥1.280"]`),
			`expected cart-first to contain "Total: ¥1.280", got text: "Cup, Blue Cap & more Total: ¥1,280"`, 71},
		{"a piece that is nowhere", "", one(`contains: ["Xyzzy and plugh"]`),
			`got nothing like it; subject: "Hana, your cart", text: "Cup,`, 66},
		{"what must not be there", "", one(`not_contains: ["{{", Blue]`),
			`expected cart-first without "Blue", got html: "<p>Cup, Blue Cap &amp; more<br/>Tota…"`, 76},
		{"in html alone", "", one(`not_contains: "<br"`), `without "<br", got html:`, 69},
		{"language", ", language: ja-JP", one(`via: email, language: ja, subject: "お客様のカート", ` +
			`contains: "¥1,280", not_contains: Cup`), "", 0},
		{"language with region", ", language: pt-BR", one(`language: pt`), "", 0},
		{"another language", ", language: ja", one(`language: en`), "expected cart-first in en, got it is in ja", 65},
		{"the message's own language", ", language: fr", one(`language: en`), "", 0},
		{"not translated", ", language: fr", one(`language: ja`),
			"got it is the message's own text: the customer's language is \"fr\"", 65},
		{"another script", "", one(`language: ko`), "another script", 65},
		{"the region's language only", ", language: pt", one(`language: pt-BR`), "got it is the message's own text", 65},
		{"a list", "", `{sent: [{message: cart-first, contains: [Cup]}]}`, "", 0},
		{"a list that differs", "", `{sent: [{message: cart-first, contains: [Cup, Tea]}]}`, `expected cart-first to contain "Tea"`, 72},
		{"a list that is too short", "", `{sent: []}`, "expected [], got [cart-first by email]", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			result := playing(t, c.traits, c.first, anything)
			var words []string
			for _, f := range result.Failures {
				if f.Place.Line == 7 {
					words = append(words, f.Message)
					if c.column > 0 && f.Place.Column != c.column {
						t.Errorf("column %d, want %d", f.Place.Column, c.column)
					}
				}
			}
			got := strings.Join(words, "\n")
			if (c.said == "") != (got == "") || !strings.Contains(got, c.said) {
				t.Errorf("said %q, want %q", got, c.said)
			}
		})
	}
}

// At the end a list is compared message by message, and a channel without a subject has none.
func TestContentAtTheEnd(t *testing.T) {
	t.Parallel()
	const first = "{sent: [cart-first]}"
	r := playing(t, "", first, `{sent: [{message: cart-first, contains: Cup}, {message: cart-second, via: push, contains: "Hana 様"}]}`)
	if !r.Passed {
		t.Error(printed(t, r))
	}
	r = playing(t, "", first, `{sent: [cart-first, {message: cart-second, subject: Hello}]}`)
	if len(r.Failures) != 1 || !strings.Contains(r.Failures[0].Message, "push has no subject") || r.Failures[0].Place.Line != 8 {
		t.Errorf("%+v", r.Failures)
	}
}

func TestClosest(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text, piece, part string
		cost              int
	}{
		{"the quick brown fox", "quick", "quick", 0},
		{"the quick brown fox", "quack", "quick", 1},
		{"the quick brown fox", "QUICK", "quick", 0},
		{"合計は1,280円です", "1.280円", "1,280円", 1},
		{"", "abc", "", 3},
		{"xyz", "abc", "", 3},
	} {
		from, to, cost := closest(c.text, c.piece)
		if c.text[from:to] != c.part || cost != c.cost {
			t.Errorf("closest(%q, %q) = %q, %d; want %q, %d", c.text, c.piece, c.text[from:to], cost, c.part, c.cost)
		}
	}
}
