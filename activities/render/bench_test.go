package render_test

import (
	"maps"
	"strings"
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

// framedMail is the typical mail with a layout and three blocks, as published.
func framedMail() journey.Treatment {
	t := maps.Clone(typicalMail)
	t["layout"], t["preheader"], t["from"] = "base", "{{ entry.items | size }} items are waiting", "Hikari <hello@shop.example.com>"
	t["html"] = strings.NewReplacer("<html><body>", "", "</body></html>", "").Replace(t["html"])
	t[journey.LayoutKey("base")] = `<!doctype html><html><head><meta charset="utf-8"><title>Hikari</title><style>
.wrap { max-width: 600px; margin: 0 auto } @media (prefers-color-scheme: dark) { .wrap { background: #111; color: #eee } }
</style></head><body style="margin:0;background:#f4f4f4"><table width="100%"><tr><td align="center"><div class="wrap">
{% render "header", title: customer.first_name %}{{ content }}{% render "help" %}{% render "footer", brand: "Hikari" %}
</div></td></tr></table></body></html>`
	t[journey.BlockKey("header")] = `<img src="https://shop.example.com/logo.png" alt="Hikari" width="120">
<h2>{{ title | default: "you" }}</h2>`
	t[journey.BlockKey("help")] = `<p style="font-size:13px">Questions? <a href="https://shop.example.com/help">Write to us</a>.</p>`
	t[journey.BlockKey("footer")] = `<p style="font-size:12px;color:#666">{{ brand }}, 1-1 Chiyoda, Tokyo ·
{% if unsubscribe_url %}<a href="{{ unsubscribe_url }}">Unsubscribe</a>{% endif %} · {{ now | date: "%Y" }}</p>`
	return t
}

// BenchmarkRenderLayout renders the typical mail in a layout with three blocks.
func BenchmarkRenderLayout(b *testing.B) {
	var email channel.Spec
	for _, s := range channels.Shipped().Specs() {
		if s.Name == "email" {
			email = s
		}
	}
	v := vars()
	v.Entry["at"], v.Entry["code"] = "2026-03-02T18:30:00+09:00", "a b&c"
	mail := framedMail()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := render.Render(b.Context(), email, mail, v, nil, render.Options{Unsubscribe: "https://u.example.com/1"}); err != nil {
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
