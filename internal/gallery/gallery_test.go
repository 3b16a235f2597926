package gallery

import (
	"slices"
	"strings"
	"testing"

	"github.com/tabi-journeys/tabi/activities/channels"
	"github.com/tabi-journeys/tabi/internal/journey"
)

// shop is a message with everything that a gallery shows.
var shop = &journey.Message{
	Name: "cart", About: "an open cart",
	Treatments: map[string]journey.Treatment{
		"email": {
			"subject": "{{ customer.first_name }}, {{ entry.items | size }} items",
			"html": `<p>Hello {{ customer.first_name }}</p>{% if entry.items %}<ul>{% for item in entry.items %}<li>{{ item.name }} ` +
				`{{ item.price }}</li>{% endfor %}</ul>{% endif %}<p>until {{ entry.ends_at | date: "%Y-%m-%d" }}, {{ data.code }}</p>`,
		},
		"push":    {"title": "Your cart", "body": "{{ entry.items.first.name }} waits"},
		"webhook": {"url": "https://hooks.example.com/{{ customer.id }}", "body": `{"n": {{ entry.total }}}`},
	},
	Tones:     map[string]map[string]journey.Treatment{"warm": {"push": {"title": "Dear {{ customer.first_name }}"}}},
	Languages: map[string]map[string]journey.Treatment{"ja": {"email": {"subject": "{{ customer.first_name }}様"}}},
}

func built(t *testing.T, m *journey.Message) *Gallery {
	t.Helper()
	content := &journey.Content{Messages: map[string]*journey.Message{m.Name: m}, Journeys: map[string]*journey.Definition{
		"cart-rescue": {Journey: "cart-rescue", Steps: []journey.Step{{ID: "nudge", Spec: &journey.Send{Message: m.Name}}}},
	}}
	g, err := Build(t.Context(), content, channels.Shipped().Specs(), m.Name, nil)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// All treatments, tones and languages are there, and have a value wherever the message reads one.
func TestEveryTreatmentIsShown(t *testing.T) {
	t.Parallel()
	g := built(t, shop)
	said := map[string]string{}
	for i := range g.Views {
		v := &g.Views[i]
		if v.Err != "" {
			t.Errorf("%s for %s: %s", v.Title(), v.Sample, v.Err)
		}
		if !v.Odd {
			said[v.Title()] = v.Fields["subject"] + v.Fields["title"] + " | " + v.Fields["text"] + v.Fields["body"]
		}
	}
	for title, want := range map[string]string{
		"email":      "Hana, 2 items | Hello Hana\n\n- Travel Mug 1280\n- Blue Rain Jacket 1280\n\nuntil 2026-04-12, A-1042",
		"email, ja":  "花様 | Hello 花",
		"push":       "Your cart | Travel Mug waits",
		"push, warm": "Dear Hana | Travel Mug waits",
		"webhook":    ` | {"n": 1280}`,
	} {
		if !strings.HasPrefix(said[title], want) {
			t.Errorf("%s says %q, want %q", title, said[title], want)
		}
	}
	if len(said) != 5 {
		t.Errorf("%d treatments: %v", len(said), said)
	}
	nothing := slices.IndexFunc(g.Views, func(v View) bool { return v.Sample == "nothing known" && v.Channel == "email" })
	if nothing < 0 || g.Views[nothing].Fields["subject"] != ", 0 items" {
		t.Errorf("for nobody: %+v", g.Views[max(nothing, 0)].Fields)
	}
	if len(g.Uses) != 1 || g.Uses[0].Step != "nudge" {
		t.Errorf("uses: %+v", g.Uses)
	}
}

// A page is whole: frames hold mails as text, in the light and in the dark, and nothing on it runs or is loaded, except pictures.
func TestPage(t *testing.T) {
	t.Parallel()
	m := *shop
	m.Treatments = map[string]journey.Treatment{"email": {"subject": "</title><script>", "html": `<p onclick="x()">Hi "you" ` +
		`<img src="https://img.example.com/a.png" alt=""></p>`}}
	g := built(t, &m)
	page, err := Page{Title: "cart", Galleries: []*Gallery{g}}.HTML(channels.Shipped().Specs())
	if err != nil {
		t.Fatal(err)
	}
	text := string(page)
	for _, want := range []string{`srcdoc="&lt;!doctype html&gt;`, `width="390"`, `width="1280"`, `<iframe sandbox`, "plain text",
		"Content-Security-Policy", "cart-rescue <code>nudge</code>", "https://tabi.example.com/u/sample"} {
		if !strings.Contains(text, want) {
			t.Errorf("the page lacks %s", want)
		}
	}
	for _, bad := range []string{"<script", "onclick", " src=\"http:", "<link", "ZgotmplZ"} {
		if strings.Contains(text, bad) {
			t.Errorf("the page has %s", bad)
		}
	}
}

// A reader in the dark sees what the mail says for the dark; where it says nothing, the reader inverts it.
func TestDocument(t *testing.T) {
	t.Parallel()
	const styled = `<html><head><style>@media (prefers-color-scheme: dark) {p{color:#fff}}</style></head><body><p>Hi</p></body></html>`
	if dark := Document(styled, true); !strings.Contains(dark, "(min-width: 0px) {p{color:#fff}}") || strings.Contains(dark, "invert") {
		t.Error(dark)
	}
	if light := Document(styled, false); !strings.Contains(light, "(max-width: 0px) {p{color:#fff}}") {
		t.Error(light)
	}
	if dark := Document("<p>Hi</p>", true); !strings.Contains(dark, "invert(1)") {
		t.Error(dark)
	}
	if light := Document("<p>Hi</p>", false); strings.Contains(light, "invert(1)") {
		t.Error(light)
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, html, text, want string }{
		{"fine", `<p style="color:#333">Hi <a href="https://a.example/">there</a> <img src="https://a.example/a.png" alt=""></p>`,
			"Hi", ""},
		{"as large as may be", strings.Repeat("x", ClipSize), "x", ""},
		{"too large", strings.Repeat("x", ClipSize+1), "x", "clipped-mail"},
		{"no alt", `<p>Hi<img src="https://a.example/a.png"></p>`, "Hi", "missing-alt"},
		{"only pictures", `<img src="https://a.example/a.png" alt="">`, " \n", "missing-text"},
		{"http link", `<a href="HTTP://a.example/">x</a>`, "x", "insecure-link"},
		{"mail link", `<a href="mailto:a@example.com">x</a>`, "x", ""},
		{"http picture", `Hi<img alt="" src="http://a.example/a.png">`, "Hi", "insecure-link"},
		{"gray on white", `<p style="color: #999">Hi</p>`, "Hi", "low-contrast"},
		{"the least gray", `<p style="color:#767676">Hi</p>`, "Hi", ""},
		{"a bit less", `<p style="color:#777777">Hi</p>`, "Hi", "low-contrast"},
		{"large gray", `<h1 style="color:#949494">Hi</h1>`, "Hi", ""},
		{"large by size", `<p style="font-size:18pt;color:#949494">Hi</p>`, "Hi", ""},
		{"bold but small", `<p style="font-size:14px;font-weight:700;color:#949494">Hi</p>`, "Hi", "low-contrast"},
		{"on a ground of a table", `<table bgcolor="#0b5fa5"><tr><td style="color:#fff">Hi</td></tr></table>`, "Hi", ""},
		{"white on yellow", `<div style="background:yellow;color:white">Hi</div>`, "Hi", "low-contrast"},
		{"on a picture", `<div style="background:#fff url(https://a.example/a.png);color:#fff">Hi</div>`, "Hi", ""},
		{"a ground on a picture", `<div style="background-image:url(https://a.example/a.png);color:#fff">` +
			`<p style="background-color:#fff">Hi</p></div>`, "Hi", "low-contrast"},
		{"let through", `<p style="color:rgba(0,0,0,.4)">Hi</p>`, "Hi", ""},
		{"a preview line", `<div style="display:none;color:#fff">Hi</div><p>Hi</p>`, "Hi", ""},
		{"a link in the dark", `<div style="background:#000000;color:#fff">Hi <a href="https://a.example/">x</a></div>`,
			"Hi", "low-contrast"},
		{"a link with a color", `<div style="background:#000;color:#fff">Hi <a style="color:#fff" href="https://a.example/">x</a></div>`,
			"Hi", ""},
		{"color of a name, important", `<p style="color: lightgray !important">Hi</p>`, "Hi", "low-contrast"},
	} {
		var codes []string
		for _, w := range Check(map[string]string{"html": c.html, "text": c.text}) {
			codes = append(codes, w.Code)
		}
		if got := strings.Join(codes, " "); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
	if found := Check(map[string]string{"text": "no html"}); found != nil {
		t.Error(found)
	}
}
