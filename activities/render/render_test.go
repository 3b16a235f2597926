package render_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tabi-journeys/tabi/activities/channels"
	"github.com/tabi-journeys/tabi/activities/render"
	"github.com/tabi-journeys/tabi/channel"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/journey/expr"
	"github.com/tabi-journeys/tabi/internal/journey/template"
)

// spec finds a channel of this build.
func spec(t *testing.T, name string) channel.Spec {
	t.Helper()
	for _, s := range channels.Shipped().Specs() {
		if s.Name == name {
			return s
		}
	}
	t.Fatalf("no channel %s", name)
	return channel.Spec{}
}

// vars are a customer's values.
func vars() expr.Vars {
	return expr.Vars{
		Customer: map[string]any{
			"first_name": "Ana <b>",
			"email":      "ana@example.com",
			"site":       "javascript:alert(1)",
			"many":       1e12,
			"secret":     "s3cr3t-value",
		},
		Entry: map[string]any{
			"items": []any{map[string]any{"name": "旅の本", "price": 1200.0}, map[string]any{"name": "Tea", "price": 4.5}},
			"total": 1204.5,
			"count": 3.0,
		},
		Event:  map[string]any{"reason": "late"},
		Intent: map[string]float64{"churn-risk": 0.75},
		Vars:   map[string]any{"tries": 2.0},
		Steps:  map[string]map[string]any{"before-end": {"timed_out": true}},
		Now:    time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC),
	}
}

// text renders one field of sms, which is plain text.
func text(t *testing.T, source string) string {
	t.Helper()
	out, err := render.Render(
		t.Context(),
		spec(t, "sms"),
		journey.Treatment{"text": source},
		vars(),
		map[string]any{"code": "SAVE10"},
		render.Options{Unsubscribe: "https://u.example.com/1"},
	)
	if err != nil {
		t.Fatalf("%s: %v", source, err)
	}
	return out["text"]
}

func TestTemplatesSeeTheirValues(t *testing.T) {
	t.Parallel()
	for source, want := range map[string]string{
		`{{ customer.first_name }}`:                                         "Ana <b>",
		`{{ entry.items | size }} items, {{ entry.total }}`:                 "2 items, 1204.5",
		`{% for i in entry.items %}{{ i.name }}={{ i.price }};{% endfor %}`: "旅の本=1200;Tea=4.5;",
		`{% for i in entry.items limit: vars.tries %}x{% endfor %}`:         "xx",
		`{{ event.reason }} {{ data.code }} {{ vars.tries }}`:               "late SAVE10 2",
		`{{ intent.churn_risk }} {{ steps.before_end.timed_out }}`:          "0.75 true",
		`{{ now | date: "%Y-%m-%d %H:%M" }}`:                                "2026-03-02 10:00",
		`[{{ customer.nothing }}{{ nothing.at.all }}{{ event.x.y }}]`:       "[]",
		`{{ customer.nickname | default: "there" }}`:                        "there",
		`{{ entry.count | divided_by: 2 }}`:                                 "1",
		`{{ unsubscribe_url }}`:                                             "https://u.example.com/1",
		"a\x00b\r\nc":                                                       "ab\nc",
	} {
		if got := text(t, source); got != want {
			t.Errorf("%s: got %q, want %q", source, got, want)
		}
	}
}

func TestTemplatesCannotChangeTheData(t *testing.T) {
	t.Parallel()
	v := vars()
	_, err := render.Render(t.Context(), spec(t, "app"), journey.Treatment{
		"title": `{% assign entry = "gone" %}{{ entry }}`, "body": `{{ entry.count }}`,
	}, v, nil, render.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(vars().Entry, v.Entry); diff != "" {
		t.Error(diff)
	}
}

func TestOneLineFields(t *testing.T) {
	t.Parallel()
	out, err := render.Render(t.Context(), spec(t, "push"), journey.Treatment{
		"title": "Hello\r\nBcc: eve@example.com\x00 {{ customer.first_name }}\u202e", "body": "one\ntwo", "link": " {{ customer.site }} ",
	}, vars(), nil, render.Options{})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"title": "Hello Bcc: eve@example.com Ana <b>", "body": "one\ntwo", "link": ""}
	if diff := cmp.Diff(want, out); diff != "" {
		t.Error(diff)
	}
}

// mail renders html as a mail.
func mail(t *testing.T, html string, opts render.Options) map[string]string {
	t.Helper()
	out, err := render.Render(t.Context(), spec(t, "email"), journey.Treatment{"subject": "s", "html": html}, vars(), nil, opts)
	if err != nil {
		t.Fatalf("%s: %v", html, err)
	}
	return out
}

func TestHTMLIsEscapedAndCleaned(t *testing.T) {
	t.Parallel()
	for source, want := range map[string]string{
		`<p>{{ customer.first_name }}</p>`:                              `<p>Ana &lt;b&gt;</p>`,
		`<p>{{ customer.first_name | escape }}</p>`:                     `<p>Ana &lt;b&gt;</p>`,
		`<a href="{{ customer.site }}">x</a>`:                           `<a>x</a>`,
		`<a href="{{ unsubscribe_url }}">x</a>`:                         `<a>x</a>`,
		`<p>{{ "a & b\n" | append: event.reason | newline_to_br }}</p>`: "<p>a &amp; b<br/>\nlate</p>",
		`<a href="java&#10;script:alert(1)">x</a>`:                      `<a>x</a>`,
		`<a href=" JavaScript:alert(1)">x</a>`:                          `<a>x</a>`,
		`<a href="data:text/html,x">x</a><a href="vbscript:x">y</a>`:    `<a>x</a><a>y</a>`,
		`<a href="https://a.example/?a=1&amp;b=2">x</a>`:                `<a href="https://a.example/?a=1&amp;b=2">x</a>`,
		`<a href="mailto:a@b.example">x</a><a href="tel:+81">y</a>`: `<a href="mailto:a@b.example">x</a><a ` +
			`href="tel:+81">y</a>`,
		`<img src="cid:logo"/><img src="data:image/png;base64,AA"/>`: `<img src="cid:logo"/><img ` +
			`src="data:image/png;base64,AA"/>`,
		`<img src="x.png" onerror="alert(1)" srcset="javascript:x 1x"/>`:                `<img src="x.png"/>`,
		`<img src="data:text/html,x"/>`:                                                 `<img/>`,
		`a<script>alert(1)</script>b<iframe src="https://x"></iframe>c`:                 `abc`,
		`<svg onload="x"><script>1</script></svg><object data="x"></object>`:            ``,
		`<p style="color:red">a</p><p style="x:expression(alert(1))">b</p>`:             `<p style="color:red">a</p><p>b</p>`,
		`<meta http-equiv="refresh" content="0;url=https://x"><base href="https://x">a`: `a`,
		`<p>open <b>bold`: `<p>open <b>bold</b></p>`,
		`<!doctype html><html><head><title>T</title></head><body><p>Hi</p></body></html>`: `<!DOCTYPE ` +
			`html><html><head><title>T</title></head><body><p>Hi</p></body></html>`,
	} {
		if got := mail(t, source, render.Options{})["html"]; got != want {
			t.Errorf("%s:\n got %s\nwant %s", source, got, want)
		}
	}
}

func TestSafeFilterIsRefused(t *testing.T) {
	t.Parallel()
	_, err := render.Render(
		t.Context(),
		spec(t, "email"),
		journey.Treatment{"html": "<p>\n{{ customer.first_name | safe }}</p>"},
		vars(),
		nil,
		render.Options{},
	)
	var failed *render.Error
	if !errors.As(err, &failed) || failed.Field != "html" || failed.Line != 2 || !strings.Contains(failed.Cause, "safe") {
		t.Errorf("got %v", err)
	}
}

func TestUnsubscribeLink(t *testing.T) {
	t.Parallel()
	const link = "https://u.example.com/1?a=b&c=d"
	opts := render.Options{Unsubscribe: link}
	added := mail(t, "<p>Hi</p>", opts)
	if strings.Count(added["html"], `href="https://u.example.com/1?a=b&amp;c=d"`) != 1 ||
		!strings.Contains(added["text"], "Unsubscribe ("+link+")") {
		t.Errorf("no link was added: %q", added)
	}
	whole := mail(t, "<html><body><p>Hi</p></body></html>", opts)["html"]
	if i, j := strings.Index(whole, link[:20]), strings.Index(whole, "</body>"); i < 0 || i > j {
		t.Errorf("the link is not in the body: %s", whole)
	}
	own := mail(t, `<p>Hi</p><p><a href="{{ unsubscribe_url }}">No more</a></p>`, opts)
	if strings.Count(own["html"], "https://u.example.com") != 1 || strings.Contains(own["html"], "Unsubscribe") {
		t.Errorf("the mail's own link: %q", own)
	}
	hidden := mail(t, `<a style="display:none" href="{{ unsubscribe_url }}">x</a>`, opts)
	if strings.Count(hidden["html"], "https://u.example.com") != 2 {
		t.Errorf("a hidden link counts: %q", hidden)
	}
	if ja := mail(t, "<p>Hi</p>", render.Options{Unsubscribe: link, Language: "ja-JP"})["html"]; !strings.Contains(ja, "配信停止") {
		t.Errorf("in Japanese: %s", ja)
	}
	if none := mail(t, "<p>Hi</p>", render.Options{}); none["html"] != "<p>Hi</p>" || none["text"] != "Hi\n" {
		t.Errorf("a transactional mail: %q", none)
	}
	out, err := render.Render(t.Context(), spec(t, "email"), journey.Treatment{"html": "<p>Hi</p>", "text": "Hi"}, vars(), nil, opts)
	if err != nil || out["text"] != "Hi\n\n-- \nUnsubscribe: "+link+"\n" {
		t.Errorf("in the message's own text: %q %v", out["text"], err)
	}
}

func TestMailOfPlainText(t *testing.T) {
	t.Parallel()
	out, err := render.Render(
		t.Context(),
		spec(t, "email"),
		journey.Treatment{"subject": "S", "text": "Hi {{ event.reason }}"},
		vars(),
		nil,
		render.Options{Unsubscribe: "https://u.example.com/1"},
	)
	if err != nil {
		t.Fatal(err)
	}
	if want := "Hi late\n\n-- \nUnsubscribe: https://u.example.com/1\n"; out["text"] != want || out["html"] != "" {
		t.Errorf("got text %q, want %q; html %q", out["text"], want, out["html"])
	}
}

func TestTextIsMadeFromHTML(t *testing.T) {
	t.Parallel()
	source := `<html><head><title>T</title><style>p{}</style></head><body>
<div style="display:none">preview</div>
<h1>Hello {{ customer.first_name }},</h1>
<p>your  cart
is <b>waiting</b>: see <a href="https://shop.example.com/cart">your cart</a>.<br>It holds:</p>
<ul><li>旅の本</li><li><p>Tea</p><ul><li>green</li><li>black</li></ul></li></ul>
<ol><li>one</li><li>two</li></ol>
<table><tr><td>Total</td><td>1204.5</td></tr><tr><td>Tax</td><td>0</td></tr></table>
<p><a href="https://shop.example.com">https://shop.example.com</a> or 
<a href="mailto:help@shop.example.com">help@shop.example.com</a><img src="x.png" alt="Logo"></p>
<pre>a
  b</pre><hr><blockquote>said</blockquote></body></html>`
	want := `Hello Ana <b>,

your cart is waiting: see your cart (https://shop.example.com/cart).
It holds:

- 旅の本
- Tea
  - green
  - black

1. one
2. two

Total 1204.5
Tax 0

https://shop.example.com or help@shop.example.comLogo

a
  b

---

> said
`
	if diff := cmp.Diff(want, mail(t, source, render.Options{})["text"]); diff != "" {
		t.Error(diff)
	}
}

func TestErrorsNameFieldLineAndCause(t *testing.T) {
	t.Parallel()
	for source, want := range map[string]string{
		"a\nb\n{{ customer.secret | nosuch }}":                    "nosuch",
		"a\nb\n{% if customer.x %}":                               "if",
		"a\nb\n{% include 'x' %}":                                 "include",
		"a\nb\n{% for i in (1..customer.many) %}{% endfor %}":     "loops",
		"a\nb\n{% for i in (1..customer.many) %}xxxx{% endfor %}": "longer",
		"a\nb\n{% assign x = 'xxxxxxxx' %}{% for i in (1..60) %}{% assign x = x | append: x %}{% endfor %}": "variables",
		"a\nb\n" + "{% for i in (1..30000) %}0123456789{% endfor %}":                                        "longer",
		"a\nb\n" + "{% tablerow i in (1..90000) cols: 2 %}0123456789{% endtablerow %}":                      "longer",
		"a\nb\n{{ 'now' | date: '%Y' }}":                                                                    "date",
	} {
		_, err := render.Render(t.Context(), spec(t, "sms"), journey.Treatment{"text": source}, vars(), nil, render.Options{})
		var failed *render.Error
		if !errors.As(err, &failed) || failed.Field != "text" || !strings.Contains(failed.Cause, want) ||
			strings.Contains(err.Error(), "s3cr3t") {
			t.Errorf("%s: got %v, want it to say %q", source, err, want)
		} else if failed.Line != 3 && want != "longer" && want != "if" {
			t.Errorf("%s: line %d, want 3", source, failed.Line)
		}
	}
}

func TestRenderingEndsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := render.Render(ctx, spec(t, "sms"), journey.Treatment{"text": "Hello"}, vars(), nil, render.Options{})
	if err == nil || !strings.Contains(err.Error(), "too long") {
		t.Errorf("got %v", err)
	}
}

func TestPick(t *testing.T) {
	t.Parallel()
	m := &journey.Message{
		Treatments: map[string]journey.Treatment{"email": {"subject": "Hi", "html": "<p>Hi</p>"}, "push": {"title": "Hi", "body": "b"}},
		Tones:      map[string]map[string]journey.Treatment{"empathetic": {"email": {"subject": "So sorry", "text": "sorry"}}},
		Languages: map[string]map[string]journey.Treatment{"ja": {"email": {"subject": "こんにちは"}}, "pt-BR": {"push": {"title": "Oi"}},
			"zh": {"push": {"title": "您好"}}, "zh-Hant": {"push": {"title": "妳好"}}, "he": {"push": {"title": "שלום"}}},
	}
	for _, test := range []struct {
		channel, tone, language string
		want                    journey.Treatment
	}{
		{"email", "", "", journey.Treatment{"subject": "Hi", "html": "<p>Hi</p>"}},
		{"email", "empathetic", "en", journey.Treatment{"subject": "So sorry", "html": "<p>Hi</p>", "text": "sorry"}},
		{"email", "empathetic", "ja-JP", journey.Treatment{"subject": "こんにちは", "html": "<p>Hi</p>", "text": "sorry"}},
		{"email", "cheerful", "JA", journey.Treatment{"subject": "こんにちは", "html": "<p>Hi</p>"}},
		{"push", "empathetic", "pt_br", journey.Treatment{"title": "Oi", "body": "b"}},
		{"push", "", "pt", journey.Treatment{"title": "Hi", "body": "b"}},
		{"push", "", "zh-TW", journey.Treatment{"title": "妳好", "body": "b"}},
		{"push", "", "zh-Hant-HK", journey.Treatment{"title": "妳好", "body": "b"}},
		{"push", "", "zh_CN.UTF-8", journey.Treatment{"title": "您好", "body": "b"}},
		{"push", "", "iw-IL", journey.Treatment{"title": "שלום", "body": "b"}},
		{"push", "", "fr-FR,pt-BR;q=0.8,zh;q=0.5", journey.Treatment{"title": "Oi", "body": "b"}},
		{"push", "", "not a language!", journey.Treatment{"title": "Hi", "body": "b"}},
		{"sms", "", "ja", nil},
	} {
		if diff := cmp.Diff(test.want, render.Pick(m, test.channel, test.tone, test.language)); diff != "" {
			t.Errorf("%+v: %s", test, diff)
		}
	}
	render.Pick(m, "email", "empathetic", "ja")["subject"] = "changed"
	if m.Treatments["email"]["subject"] != "Hi" {
		t.Error("Pick gives the message's own map away")
	}
	if got := render.PickAny(m, "log", channels.Shipped().Specs(), "", ""); got["subject"] != "Hi" {
		t.Errorf("log: got %v", got)
	}
	if render.Pick(nil, "email", "", "") != nil {
		t.Error("nothing has a treatment")
	}
}

// TestOddValuesAreReportedWithoutTheirContent renders what filters cannot use: the rest of the text goes out.
func TestOddValuesAreReportedWithoutTheirContent(t *testing.T) {
	t.Parallel()
	for source, want := range map[string]string{
		"a {{ customer.secret | times: 2 }} b":                       "a 0 b",
		"a {{ entry.count | divided_by: event.nothing }} b":          "a  b",
		"a {{ customer.secret | date: '%Y' }} b":                     "a s3cr3t-value b",
		"a {{ entry.items | map: 'name' | sort | join: ', ' }} b":    "a Tea, 旅の本 b",
		"a {{ customer.secret | money: event.reason }} b":            "a s3cr3t-value b",
		"a {% for i in customer.many %}x{% endfor %} b":              "a  b",
		"a {% if customer.secret > 3 %}x{% else %}y{% endif %} b":    "a y b",
		"a {{ entry.at | in_zone: customer.secret | date: '%H' }} b": "a  b",
	} {
		var notes []string
		out, err := render.Render(t.Context(), spec(t, "sms"), journey.Treatment{"text": source}, vars(), nil, render.Options{
			Odd: func(field string, n template.Note) { notes = append(notes, field+", "+n.String()) },
		})
		if err != nil || out["text"] != want {
			t.Errorf("%s: %q, %v", source, out["text"], err)
		}
		all := strings.Join(notes, "; ")
		if strings.Contains(all, "s3cr3t") {
			t.Errorf("%s: the customer's value is in the note: %s", source, all)
		}
		if (len(notes) == 0) != (strings.Contains(source, "sort") || strings.Contains(source, "entry.at")) {
			t.Errorf("%s: notes %q", source, notes)
		}
	}
	if render.OddValues()["times"] == 0 {
		t.Error("odd values are not counted")
	}
}

func FuzzRender(f *testing.F) {
	f.Add("<p>{{ customer.first_name }}</p>", "x")
	f.Add("{% for i in entry.items %}{{ i }}{% endfor %}<a href='{{ customer.site }}'>", "javascript:x")
	f.Add("{% tablerow i in (1..9) %}{{ i | divided_by: 0 }}{% endtablerow %}", "<script>")
	f.Fuzz(func(t *testing.T, source, value string) {
		v := vars()
		v.Customer["site"] = value
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		out, err := render.Render(
			ctx,
			spec(t, "email"),
			journey.Treatment{"subject": source, "html": source},
			v,
			nil,
			render.Options{Unsubscribe: "https://u.example.com/1"},
		)
		if err != nil {
			return
		}
		if strings.ContainsAny(out["subject"], "\r\n") {
			t.Errorf("a subject of two lines: %q", out["subject"])
		}
		if strings.Contains(strings.ToLower(out["html"]), "<script") {
			t.Errorf("a script came through: %s", out["html"])
		}
	})
}

// The texts of lists are rendered like others, as one line where they have to be; an item that came out empty goes, aloud.
func TestListsAreRendered(t *testing.T) {
	t.Parallel()
	v := vars()
	v.Customer["name"], v.Customer["nothing"] = "Ana <3", ""
	var odd []string
	opts := render.Options{Odd: func(field string, _ template.Note) { odd = append(odd, field) }}
	out, err := render.Render(t.Context(), spec(t, "line"), journey.Treatment{
		"text": "Hello {{ customer.name }}", "buttons.1.title": "{{ customer.nothing }}", "buttons.1.link": "https://a.example",
		"buttons.2.title": "Open\nit", "buttons.2.link": "https://a.example/{{ customer.name | url_encode }}",
		"buttons.3.title": "Lost", "buttons.3.link": "{{ customer.nothing }}", "buttons.4.title": "Bad", "buttons.4.link": "javascript:x",
		"buttons.10.title": "Yes",
	}, v, nil, opts)
	want := map[string]string{
		"text": "Hello Ana <3", "buttons.1.title": "Open it", "buttons.1.link": "https://a.example/Ana+%3C3", "buttons.2.title": "Yes",
	}
	if diff := cmp.Diff(want, out); diff != "" || err != nil {
		t.Error(diff, err)
	}
	if diff := cmp.Diff([]string{"buttons.1.title", "buttons.3.link", "buttons.4.link"}, odd); diff != "" {
		t.Error(diff)
	}
	out, err = render.Render(t.Context(), spec(t, "whatsapp"), journey.Treatment{
		"template": "cart", "language": "ja", "values.1": "{{ customer.nothing }}", "values.2": "a\n\tb",
	}, v, nil, opts)
	want = map[string]string{"template": "cart", "language": "ja", "values.1": "", "values.2": "a b"}
	if diff := cmp.Diff(want, out); diff != "" || err != nil {
		t.Error(diff, err)
	}
}

// A list of a variant takes the place of the whole list.
func TestPickTakesWholeLists(t *testing.T) {
	t.Parallel()
	m := &journey.Message{
		Treatments: map[string]journey.Treatment{"line": {"text": "Hi", "buttons.1.title": "Yes", "buttons.2.title": "No"}},
		Languages:  map[string]map[string]journey.Treatment{"ja": {"line": {"buttons.1.title": "はい"}}},
	}
	want := journey.Treatment{"text": "Hi", "buttons.1.title": "はい"}
	if diff := cmp.Diff(want, render.Pick(m, "line", "", "ja")); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(m.Treatments["line"], render.Pick(m, "line", "", "en")); diff != "" {
		t.Error(diff)
	}
}
