package mjml_test

import (
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/tabi-journeys/tabi/internal/journey/mjml"
)

// TestPinned checks that the compiler is the file that npm has as mjml-browser 4.15.3.
func TestPinned(t *testing.T) {
	t.Parallel()
	f, err := os.Open("mjml-browser-" + mjml.Version + ".js.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	r, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	h := sha256.New()
	if _, err := io.Copy(h, r); err != nil { //nolint:gosec // a file of this repository
		t.Fatal(err)
	}
	const want = "940e86c87f29c144e9113d408ce081c202aa1ea65f622b1ae36de6dcf886668a" // package/lib/index.js
	if got := hex.EncodeToString(h.Sum(nil)); got != want {
		t.Errorf("the compiler's hash is %s, want %s", got, want)
	}
}

const shop = `<mjml>
  <mj-head>
    <mj-preview>{{ entry.n }} items</mj-preview>
    <mj-attributes><mj-all font-family="Noto Sans JP, sans-serif" /></mj-attributes>
    <mj-style>.big { font-size: {{ vars.size }}px } @media (max-width:480px) { .big { color: red } }</mj-style>
  </mj-head>
  <mj-body background-color="{{ customer.color | default: "#ffffff" }}">
    {% if entry.n > 1 %}
    <mj-section>
      <mj-column width="50%">
        <mj-text>こんにちは {{ customer.first_name | default: "<friend>" }}{% if a < b %} & more{% endif %}</mj-text>
      </mj-column>
      {% for item in entry.items %}
      <mj-column><mj-image src="{{ item.image }}" alt="{{ item.name }}" width="200px" /></mj-column>{% endfor %}
    </mj-section>
    {% endif %}
    <mj-section><mj-column><mj-button href="https://x.example.com/{{ entry.id | url_encode }}?a=1&b=2">Buy</mj-button>
      <mj-raw>{% render "footer", brand: "Hikari" %}</mj-raw></mj-column></mj-section>
  </mj-body>
</mjml>`

// What is compiled has the tables of MJML, and the Liquid of the source.
func TestCompile(t *testing.T) {
	t.Parallel()
	html, problems := mjml.Compile(shop)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	for _, want := range []string{
		"<!doctype html>", "<table", "mj-column-per-50", "@media", "Noto Sans JP", "<!--[if mso",
		`{{ customer.first_name | default: "<friend>" }}{% if a < b %} & more{% endif %}`, `{% for item in entry.items %}`, "{% endfor %}",
		`{% if entry.n > 1 %}`, `src="{{ item.image }}"`, `href="https://x.example.com/{{ entry.id | url_encode }}?a=1&b=2"`,
		`{% render "footer", brand: "Hikari" %}`, `{{ entry.n }} items`, `{{ customer.color | default: "#ffffff" }}`, "{{ vars.size }}px",
	} {
		if !strings.Contains(html, want) {
			t.Errorf("the html lacks %q", want)
		}
	}
	if strings.Contains(html, "tabiliquid") || strings.Contains(html, "<mj-") {
		t.Error("the html has something of the compiler's in it")
	}
	if again, _ := mjml.Compile(shop); again != html {
		t.Error("a second compilation differs")
	}
}

// Faults are reported where they are.
func TestProblems(t *testing.T) {
	t.Parallel()
	const head, foot = "<mjml><mj-body>\n<mj-section><mj-column>", "</mj-column></mj-section></mj-body></mjml>"
	for source, want := range map[string][2]string{ // the text at the problem, and words of the message
		head + `{{ a }}<mj-txet>x</mj-txet>` + foot:                        {"<mj-txet", "doesn't exist"},
		head + "{{ a }}\n<mj-text colour=\"red\">x</mj-text>" + foot:       {"colour=", "illegal"},
		head + `<mj-text font-size="big">x</mj-text>` + foot:               {"font-size=", "invalid value"},
		head + `<mj-text>x` + foot:                                         {"<mj-text>", "never closed"},
		head + `<mj-section></mj-column>` + foot:                           {"</mj-column>", "comes before </mj-section>"},
		"<mjml><mj-body></mj-body></mjml></mj-body>":                       {"</mj-body>", "closes nothing"},
		head + "{{ a }} lost {{ b }}" + foot:                               {"lost", "directly in <mj-column>"},
		"<p>{{ a }} no MJML</p>":                                           {"<p>", ""},
		head + `<mj-image src="a.png" width="{{ w }}px" />` + foot:         {"{{ w }}", "computes with it"},
		"<mjml>{{ a }}<mj-body></mj-body></mjml>":                          {"{{ a }}", "lost"},
		head + "\n<mj-section><mj-column></mj-column></mj-section>" + foot: {"<mj-section><mj-column></mj", "cannot be used inside"},
		`<mjml><mj-body><mj-include path="./x.mjml" /></mj-body></mjml>`:   {"<mj-include", "in place of <mj-include>"},
		"": {"", ""},
	} {
		html, problems := mjml.Compile(source)
		if len(problems) == 0 || html != "" {
			t.Errorf("%s\n has no problem", source)
			continue
		}
		p := problems[0]
		if p.Offset > len(source) || !strings.HasPrefix(source[p.Offset:], want[0]) || !strings.Contains(p.Message, want[1]) {
			t.Errorf("%s\n got %q at %.30q\nwant %q at %q", source, p.Message, source[min(p.Offset, len(source)):], want[1], want[0])
		}
	}
}
