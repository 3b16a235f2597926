package render_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/tabi-journeys/tabi/activities/channels"
	"github.com/tabi-journeys/tabi/activities/render"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/journey/expr"
	"github.com/tabi-journeys/tabi/internal/journey/lint"
	"github.com/tabi-journeys/tabi/internal/journey/template"
)

// compiled returns a message of a folder: what is published of it.
func compiled(t *testing.T, files map[string]string) *journey.Message {
	t.Helper()
	all := []lint.File{{Name: "j.yaml", Data: []byte(
		"journey: j\nentry: {event: E}\ngoal: {event: G}\nsteps: [{send: m, data: {code: entry.code}}]\n")}}
	for name, data := range files {
		all = append(all, lint.File{Name: "messages/" + name, Data: []byte(data)})
	}
	content, found := lint.Check(all, lint.Options{Channels: channels.Shipped().Specs()})
	if found.Failed(false) {
		var out strings.Builder
		_ = found.Text(&out)
		t.Fatal(out.String())
	}
	return content.Messages["m"]
}

// show renders a message on a channel, as a send does, and returns what filters noted.
func show(t *testing.T, m *journey.Message, channel, language string, v expr.Vars) (map[string]string, []string) {
	t.Helper()
	var notes []string
	fields, err := render.Render(t.Context(), spec(t, channel), render.Pick(m, channel, "", language), v,
		map[string]any{"code": "SAVE10"}, render.Options{Odd: func(field string, n template.Note) {
			notes = append(notes, field+": "+n.String())
		}})
	if err != nil {
		t.Fatal(err)
	}
	return fields, notes
}

// A mail is one document of layout, blocks and content; its parts see what they may see.
func TestLayoutAndBlocks(t *testing.T) {
	t.Parallel()
	m := compiled(t, map[string]string{
		"_defaults.yaml": "email: {layout: base, from: Hikari <hello@example.com>}\n",
		"_layouts/base.html": `<html><body>[{% render "head", title: customer.first_name %}{{ content }}{{ data.code }}` +
			`{% render "foot" with "Hikari" as brand %}]</body></html>`,
		"_layouts/plain.html":  `<i>{{ content }}</i>`,
		"_blocks/head.liquid":  `<h1>{{ title }}{{ subtitle }}{{ content }}</h1>`,
		"_blocks/foot.liquid":  `{% assign x = "own" %}<p>{{ brand }} {{ customer.email }} {{ x }}{{ y }}</p>{% render "line" %}`,
		"_blocks/line.liquid":  `{{ brand }}<hr>`,
		"_blocks/row.liquid":   `<b>{{ forloop.index }}{{ item.name }}{{ outer }}</b>{% assign outer = "kept" %}`,
		"_blocks/count.liquid": `{% increment n %}`,
		"m.yaml": `message: m
email:
  subject: '{% render "count" %}{% increment n %}{% increment n %}'
  preheader: "{{ entry.count }} items, {{ customer.first_name }}"
  html: '{% assign y = "y" %}{% assign outer = "outer" %}{% render "row" for entry.items as item %}{{ outer }}'
languages:
  de: {email: {layout: plain, from: 'Laden <laden@example.de>', reply_to: hilfe@example.de}}
  fr: {email: {layout: ""}}
`,
	})
	got, notes := show(t, m, "email", "", vars())
	const rows = `<b>1旅の本</b><b>2Tea</b>outer`
	want := `[<h1>Ana &lt;b&gt;</h1>` + rows + `SAVE10<p>Hikari ana@example.com own</p><hr/>]`
	if !strings.HasSuffix(got["html"], want+"</body></html>") {
		t.Errorf("the html is %s\nwant it to end with %s", got["html"], want)
	}
	if hidden := strings.Index(got["html"], "3 items, Ana &lt;b&gt;"); hidden < 0 || hidden > strings.Index(got["html"], "[<h1>") {
		t.Errorf("the preheader is not at the beginning of the body: %s", got["html"])
	}
	if strings.Contains(got["text"], "3 items") || !strings.Contains(got["text"], "Hikari ana@example.com own") {
		t.Errorf("the text is %q", got["text"])
	}
	if got["from"] != "Hikari <hello@example.com>" || got["subject"] != "001" || got["layout"] != "" || len(notes) > 0 {
		t.Errorf("got from %q, subject %q, layout %q, notes %v", got["from"], got["subject"], got["layout"], notes)
	}
	for name := range got {
		if journey.IsPart(name) {
			t.Errorf("the part %s is sent", name)
		}
	}
	got, _ = show(t, m, "email", "de", vars())
	if !strings.Contains(got["html"], `<i>`+rows+`</i>`) || got["from"] != "Laden <laden@example.de>" ||
		got["reply_to"] != "hilfe@example.de" {
		t.Errorf("in German got %v", got)
	}
	if got, _ = show(t, m, "email", "fr", vars()); !strings.HasSuffix(got["html"], "</div>"+rows) {
		t.Errorf("without a layout got %s", got["html"])
	}
}

// What a customer's value holds is text wherever it goes: it is rendered once, and escaped in html.
func TestValuesAreNeverTemplates(t *testing.T) {
	t.Parallel()
	m := compiled(t, map[string]string{
		"_layouts/base.html":  `<p>{{ customer.name }}</p>{{ content }}`,
		"_blocks/name.liquid": `<b title="{{ name }}">{{ name }}</b>`,
		"m.yaml": `message: m
email:
  subject: "{{ customer.name }}"
  preheader: "{{ customer.name }}"
  layout: base
  from: "{{ customer.name }} <shop@example.com>"
  html: '{% render "name", name: customer.name %}{% capture c %}{{ customer.name }}{% endcapture %}{% render "name", name: c %}'
`,
	})
	for _, name := range []string{
		`{{ customer.secret }}`, `{% render "name", name: customer.secret %}`, `{{ content }}`,
		`</p><script>x</script>{{ customer.secret | upcase }}`,
	} {
		v := vars()
		v.Customer["name"] = name
		got, _ := show(t, m, "email", "", v)
		for field, text := range got {
			if strings.Contains(strings.ToLower(text), "s3cr3t") || strings.Contains(text, "<script") && field == "html" {
				t.Errorf("%q in %s: %s", name, field, text)
			}
		}
		escaped := strings.NewReplacer("<", "&lt;", ">", "&gt;", `"`, "&#34;", "'", "&#39;").Replace(name)
		if n := strings.Count(got["html"], escaped); n < 4 {
			t.Errorf("%q occurs %d times as text in %s", name, n, got["html"])
		}
		if got["subject"] != name {
			t.Errorf("the subject is %q, want %q", got["subject"], name)
		}
		if got["from"] != name+" <shop@example.com>" {
			t.Errorf("the sender is %q", got["from"])
		}
	}
}

// A sender whose Liquid comes out as no address is left out, and a note says so without the value.
func TestOddSender(t *testing.T) {
	t.Parallel()
	m := compiled(t, map[string]string{"m.yaml": `message: m
email: {subject: s, text: t, from: "{{ customer.owner }}", reply_to: "{{ customer.missing }}"}
`})
	v := vars()
	v.Customer["owner"] = "nobody at all"
	got, notes := show(t, m, "email", "", v)
	if got["from"] != "" || got["reply_to"] != "" {
		t.Errorf("got %v", got)
	}
	if len(notes) != 1 || !strings.HasPrefix(notes[0], "from: ") || strings.Contains(notes[0], "nobody") {
		t.Errorf("the notes are %v", notes)
	}
}

// Notes and errors say in which layout or block a value was odd.
func TestNotesOfParts(t *testing.T) {
	t.Parallel()
	m := compiled(t, map[string]string{
		"_layouts/base.html":  "<p>\n{{ customer.first_name | times: 2 }}{{ content }}</p>",
		"_blocks/odd.liquid":  "\n\n{{ x | divided_by: 0.5 }}",
		"_blocks/long.liquid": "{% for i in (1..entry.n) %}\n{% for j in (1..entry.n) %}{% endfor %}{% endfor %}",
		"m.yaml": "message: m\nemail: {subject: s, layout: base, " +
			"html: '{% render \"odd\", x: customer.email %}{% render \"long\" %}'}\n",
	})
	_, notes := show(t, m, "email", "", vars())
	for _, want := range []string{"html: the block odd, line 3, divided_by: ", "html: the layout, line 2, times: "} {
		if !slices.ContainsFunc(notes, func(n string) bool { return strings.HasPrefix(n, want) }) {
			t.Errorf("no note %q in %v", want, notes)
		}
	}
	v := vars()
	v.Entry["n"] = 5000.0
	_, err := render.Render(t.Context(), spec(t, "email"), render.Pick(m, "email", "", ""), v, nil, render.Options{})
	if err == nil || !strings.Contains(err.Error(), "html, line 2: the block long its loops") {
		t.Errorf("got %v", err)
	}
}

// Blocks that render each other end, also where lint did not see them.
func TestBlocksEnd(t *testing.T) {
	t.Parallel()
	treatment := journey.Treatment{
		"text":                    `{% render "a" %}`,
		journey.BlockKey("a"):     `{% render "b" %}{% render "b" %}`,
		journey.BlockKey("b"):     `{% render "a" %}{% render "a" %}`,
		journey.BlockKey("other"): `x`,
	}
	if _, err := render.Render(t.Context(), spec(t, "sms"), treatment, vars(), nil, render.Options{}); err == nil ||
		!strings.Contains(err.Error(), "nest deeper") {
		t.Errorf("got %v", err)
	}
}

// Push messages have a picture and buttons, and a button whose link comes out empty is left out.
func TestPushButtons(t *testing.T) {
	t.Parallel()
	m := compiled(t, map[string]string{"m.yaml": `message: m
push:
  title: t
  body: b
  image: "{{ customer.site }}"
  buttons: [{title: "Buy {{ data.code }}", link: "https://example.com/{{ entry.count }}"}, {title: Go, link: "{{ customer.none }}"}]
languages:
  ja: {push: {image: "https://example.com/a.png", buttons: [{title: 買う, link: "shop://buy"}]}}
  de: {push: {buttons: []}}
`})
	got, notes := show(t, m, "push", "", vars())
	if got["buttons.1.title"] != "Buy SAVE10" || got["buttons.1.link"] != "https://example.com/3" || got["buttons.2.title"] != "" ||
		got["image"] != "" || len(notes) != 1 {
		t.Errorf("got %v, %v", got, notes)
	}
	if got, _ = show(t, m, "push", "ja", vars()); got["image"] != "https://example.com/a.png" || got["buttons.1.title"] != "買う" {
		t.Errorf("in Japanese got %v", got)
	}
	if got, notes = show(t, m, "push", "de", vars()); got["buttons.1.title"] != "" || got["title"] != "t" || len(notes) != 0 {
		t.Errorf("without buttons got %v, %v", got, notes)
	}
}

// A message in MJML is a mail with MJML's tables and styles, also within a layout.
func TestMJML(t *testing.T) {
	t.Parallel()
	const source = `message: m
email:
  subject: s
  mjml: |
    <mjml><mj-body>
      {% for item in entry.items %}
      <mj-section><mj-column><mj-text>{{ item.name }} {{ item.price | money: "JPY" }}</mj-text></mj-column></mj-section>
      {% endfor %}
      <mj-section><mj-column><mj-button href="https://example.com/{{ data.code }}">Buy</mj-button></mj-column></mj-section>
    </mj-body></mjml>
`
	m := compiled(t, map[string]string{"m.yaml": source})
	got, _ := show(t, m, "email", "ja", vars())
	for _, want := range []string{
		"<!DOCTYPE html>", "旅の本 ¥1,200", "Tea", `href="https://example.com/SAVE10"`, "@media only screen and (min-width:480px)",
		"mj-column-per-100", "<!--[if mso | IE]>",
	} {
		if !strings.Contains(got["html"], want) {
			t.Errorf("the html lacks %q:\n%s", want, got["html"])
		}
	}
	if strings.Contains(got["html"], "fonts.googleapis.com") {
		t.Error("a reader of the mail would ask Google for its font")
	}
	m = compiled(t, map[string]string{
		"m.yaml": source, "_defaults.yaml": "email: {layout: base}\n",
		"_layouts/base.html": `<html><body><table><tr><td id="frame">{{ content }}</td></tr></table><p id="after">x</p></body></html>`,
	})
	got, _ = show(t, m, "email", "", vars())
	frame, column, after := strings.Index(got["html"], `id="frame"`), strings.Index(got["html"], `href="https://example.com/SAVE10"`),
		strings.Index(got["html"], `</td></tr></tbody></table><p id="after">`)
	if frame < 0 || column < frame || after < column || strings.Count(got["html"], "<html") != 1 ||
		strings.Count(got["html"], "<body") != 1 {
		t.Errorf("the layout does not frame it:\n%s", got["html"])
	}
}
