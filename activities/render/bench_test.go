package render_test

import (
	"testing"

	"github.com/tabi-journeys/tabi/activities/channels"
	"github.com/tabi-journeys/tabi/activities/render"
	"github.com/tabi-journeys/tabi/channel"
	"github.com/tabi-journeys/tabi/internal/journey"
)

// typicalMail is a cart reminder as designers write them: a loop, a condition, filters, a date and a sum.
var typicalMail = journey.Treatment{
	"subject": `{{ entry.items | size }} items are waiting, {{ customer.first_name | default: "friend" }}`,
	"html": `<html><body><h1>Hello {{ customer.first_name | default: "there" }},</h1>
<table>{% for item in entry.items limit: 5 %}
<tr><td>{{ forloop.index }}. {{ item.name | truncate: 40 }}</td><td>{{ item.price | times: 1.1 | round: 2 }}</td></tr>
{% endfor %}</table>
{% if entry.total > 100 %}<p>Shipping is free.</p>{% else %}<p>Add {{ 100 | minus: entry.total }} for free shipping.</p>{% endif %}
<p>Since {{ entry.at | date: "%-d %B %Y, %H:%M" }}.
<a href="https://shop.example.com/cart?c={{ entry.code | url_encode }}">Your cart</a></p>
<p><a href="{{ unsubscribe_url }}">No more of these</a></p></body></html>`,
}

// BenchmarkRenderMail renders a typical mail with html, text and unsubscribe link.
func BenchmarkRenderMail(b *testing.B) {
	var email channel.Spec
	for _, s := range channels.Shipped().Specs() {
		if s.Name == "email" {
			email = s
		}
	}
	v := vars()
	v.Entry["at"], v.Entry["code"] = "2026-03-02T18:30:00+09:00", "a b&c"
	b.ReportAllocs()
	for b.Loop() {
		if _, err := render.Render(b.Context(), email, typicalMail, v, nil,
			render.Options{Unsubscribe: "https://u.example.com/1"}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkRenderText renders the subject alone: Liquid without the cleaning of html.
func BenchmarkRenderText(b *testing.B) {
	v := vars()
	v.Entry["at"], v.Entry["code"] = "2026-03-02T18:30:00+09:00", "a b&c"
	sms := channel.Spec{Name: "sms", Fields: []channel.Field{{Name: "text"}}}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := render.Render(b.Context(), sms, journey.Treatment{"text": typicalMail["html"]}, v, nil, render.Options{}); err != nil {
			b.Fatal(err)
		}
	}
}
