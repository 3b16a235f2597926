package template

import (
	"bytes"
	"encoding/json"
	"maps"
	"math"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/tabi-journeys/tabi/internal/journey/localtime"
)

// sample are the values of testdata/liquid.txt.
const sample = `{
	"text": "Hello, World", "empty_text": "", "blank_text": "  ", "numtext": "25.5", "unicode": "旅の本", "emoji": "👨‍👩‍👧 and more",
	"html": "<b>Tom & Jerry</b>", "lines": "a\nb\r\nc", "int": 5, "int0": 0, "dec": 25.5, "whole": 25, "neg": -7, "yes": true, "no": false,
	"nums": [4, 2, 3, 1], "words": ["c", "D", "a", "B"], "withnil": [null, 3, 1, 2], "dups": [1, 1, 3, 2, 3], "nested": [1, [2, [3, 4]]],
	"floats": [0.1, 0.2, 0.3], "mixed": [1, "a", null, true, {"a": 1}], "list0": [], "obj0": {}, "obj": {"a": 1, "b": "x"},
	"items": [{"name": "Kettle", "price": 60, "tags": ["a", "b"], "ok": true}, {"name": "Cup", "price": 12.5, "ok": false},
		{"name": "Spoon", "ok": true}],
	"at": "2026-03-02T09:30:00Z", "day": "2026-03-02", "tiny": 1e-7, "huge": 1e21}`

// values decodes the sample, with numbers as floats or as they were written.
func values(t testing.TB, numbers bool) map[string]any {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(sample))
	if numbers {
		d.UseNumber()
	}
	var out map[string]any
	if err := d.Decode(&out); err != nil {
		t.Fatal(err)
	}
	out["big"] = json.Number("9007199254740993")
	out["now"] = time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC)
	return out
}

func tokyo(t testing.TB) *time.Location {
	t.Helper()
	zone, ok := localtime.Zone("Asia/Tokyo")
	if !ok {
		t.Fatal("no time zones")
	}
	return zone
}

// TestLiquid renders testdata/liquid.txt and, with escaping, testdata/html.txt.
func TestLiquid(t *testing.T) {
	t.Parallel()
	zone, cases := tokyo(t), 0
	for _, name := range []string{"liquid", "html"} {
		data, err := os.ReadFile("testdata/" + name + ".txt")
		if err != nil {
			t.Fatal(err)
		}
		for n, line := range strings.Split(string(data), "\n") {
			source, want, ok := strings.Cut(line, " => ")
			if !ok || strings.HasPrefix(line, "#") {
				continue
			}
			cases += max(1, strings.Count(source, "{{"))
			source, want = strings.ReplaceAll(source, "⏎", "\n"), strings.ReplaceAll(want, "⏎", "\n")
			parsed := Parse(source, name == "html")
			if len(parsed.Problems) > 0 {
				t.Errorf("%s, line %d: %s: %v", name, n+1, source, parsed.Problems)
				continue
			}
			for _, numbers := range []bool{false, true} {
				env := Env{Vars: values(t, numbers), Zone: zone, Language: "en", HTML: name == "html"}
				got, _, err := parsed.Render(t.Context(), env)
				if got = plainSpaces(got); err != nil || got != want {
					t.Errorf("%s, line %d: %s\n got %q (%v)\nwant %q", name, n+1, source, got, err, want)
				}
			}
		}
	}
	if cases < 400 {
		t.Errorf("only %d cases", cases)
	}
}

// plainSpaces writes the spaces of CLDR as plain ones.
func plainSpaces(s string) string {
	return strings.NewReplacer("\u00a0", " ", "\u202f", " ").Replace(s)
}

// oddValues are what integrations send where a filter expects something else.
var oddValues = []any{
	nil, "", " ", "text", "NaN", "Infinity", "-", "1e999", "0x1f", "1,299.00", "12 apples", "\xff\xfe", "a\x00b", "<b>&amp;</b>", "%d %s",
	strings.Repeat("long ", 20_000), strings.Repeat("9", 5_000), "👨‍👩‍👧‍👦", "e\u0301", "now", "2026-02-30", "2026-03-02T25:00:00Z",
	"0000-00-00",
	0, 1, -1, 1.5, math.Copysign(0, -1), 1e308, 5e-324, 1 << 62, json.Number("1e400"), json.Number("9007199254740993"),
	json.Number("-0.000"),
	json.Number("nope"),
	true, false, []any{}, []any{nil}, []any{1, "a", nil, true, []any{2, []any{3}}, map[string]any{"a": nil}}, map[string]any{},
	map[string]any{"a": 1, "b": []any{map[string]any{"c": nil}}}, time.Time{}, time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC),
	[]string{"go", "slice"}, map[string]string{"go": "map"}, uint8(3), struct{ A int }{1}, (*time.Time)(nil),
}

// goSyntax is what only Go prints.
var goSyntax = []string{"map[", "%!", "<nil>", "[]interface", "{0x", "&{", "goroutine", "panic"}

// odd renders one call of a filter with odd values, and reports what must not happen.
func odd(t *testing.T, name string, html bool, in any, args ...any) {
	t.Helper()
	source, vars := "{{ in | "+name, map[string]any{"in": in}
	for i, a := range args {
		arg := string(rune('a' + i))
		vars[arg] = a
		source += map[bool]string{true: ": ", false: ", "}[i == 0] + arg
	}
	source += " }}"
	parsed := Parse(source, html)
	if len(parsed.Problems) > 0 {
		t.Fatalf("%s: %v", source, parsed.Problems)
	}
	out, notes, err := parsed.Render(t.Context(), Env{Vars: vars, HTML: html, Language: "ja"})
	if err != nil {
		for _, v := range vars {
			if text, ok := v.(string); ok && len(text) >= 5_000 {
				return // it may exceed a limit
			}
		}
		t.Errorf("%s with %#v: %v", source, vars, err)
	}
	if !utf8.ValidString(strings.ToValidUTF8(out, "")) {
		t.Errorf("%s with %#v: %q", source, vars, out)
	}
	given := string(mustJSON(vars))
	for _, bad := range goSyntax {
		if strings.Contains(out, bad) && !strings.Contains(given, bad) {
			t.Errorf("%s with %#v prints %q", source, vars, out)
		}
	}
	for _, n := range notes {
		if text, ok := in.(string); ok && len(text) > 6 && strings.Contains(n.String(), text) {
			t.Errorf("%s: the note holds the value: %s", source, n)
		}
	}
}

func mustJSON(vars map[string]any) []byte {
	var b bytes.Buffer
	for _, k := range slices.Sorted(maps.Keys(vars)) {
		if s, ok := vars[k].(string); ok {
			b.WriteString(s)
		}
	}
	return b.Bytes()
}

// TestOddValues puts odd values through every filter: no value fails the text, and nothing of Go is printed.
func TestOddValues(t *testing.T) {
	t.Parallel()
	for _, name := range FilterNames() {
		f := filters[name]
		for i, in := range oddValues {
			odd(t, name, i%2 == 0, in, oddValues[:f.min]...)
			for j := range oddValues {
				args := make([]any, len(f.args))
				for k := range args {
					args[k] = oddValues[(j+i*k)%len(oddValues)]
				}
				if len(args) > 0 && (j+i)%3 == 0 {
					odd(t, name, j%2 == 0, in, args...)
				}
			}
		}
	}
}

// TestPrintingOddValues inserts, loops over and compares odd values.
func TestPrintingOddValues(t *testing.T) {
	t.Parallel()
	source := `{{ a }}{{ a.b }}{{ a[b] }}{{ a.first }}{{ a.size }}{% for x in a limit: 3 %}{{ x }}{% endfor %}{% if a > b %}1{% endif %}` +
		`{% if a == b %}1{% endif %}{% if a contains b %}1{% endif %}{% case a %}{% when b %}1{% endcase %}` +
		`{% for x in (a..b) limit: 2 %}{{ x }}{% endfor %}{% for x in a limit: b offset: b %}{% cycle a, b %}{% endfor %}` +
		`{% tablerow x in a cols: b limit: 2 %}{{ x }}{% endtablerow %}`
	for _, html := range []bool{true, false} {
		parsed := Parse(source, html)
		if len(parsed.Problems) > 0 {
			t.Fatal(parsed.Problems)
		}
		for _, a := range oddValues {
			if s, ok := a.(string); ok && len(s) > 4_000 {
				continue
			}
			for _, b := range oddValues {
				out, _, err := parsed.Render(t.Context(), Env{Vars: map[string]any{"a": a, "b": b}, HTML: html})
				if s, ok := b.(string); err != nil && !(ok && len(s) > 4_000) {
					t.Errorf("%#v, %#v: %v", a, b, err)
				}
				for _, bad := range goSyntax {
					if text, _ := a.(string); strings.Contains(out, bad) && !strings.Contains(text, "%") {
						t.Errorf("%#v, %#v: prints %s", a, b, out)
					}
				}
			}
		}
	}
}

// FuzzTemplate parses and renders anything.
func FuzzTemplate(f *testing.F) {
	data, err := os.ReadFile("testdata/liquid.txt")
	if err != nil {
		f.Fatal(err)
	}
	for i, line := range strings.Split(string(data), "\n") {
		if source, _, ok := strings.Cut(line, " => "); ok && i%7 == 0 {
			f.Add(source, "12")
		}
	}
	f.Fuzz(func(t *testing.T, source, value string) {
		Check(source, true)
		for _, html := range []bool{true, false} {
			parsed := Parse(source, html)
			if len(parsed.Problems) > 0 {
				continue
			}
			vars := values(t, false)
			vars["text"], vars["numtext"] = value, value
			out, _, _ := parsed.Render(t.Context(), Env{Vars: vars, HTML: html})
			if strings.Contains(out, "map[") && !strings.Contains(source+value, "map[") {
				t.Errorf("%q prints %q", source, out)
			}
		}
	})
}

// TestCheck compares the problems of templates with what lint says.
func TestCheck(t *testing.T) {
	t.Parallel()
	for source, want := range map[string]string{
		`{{ a | upcase: 1 }}`:                     "15: the filter upcase takes no argument",
		`{{ a | default: 'x', 'y' }}`:             "21: the filter default takes 1 argument, got 2",
		`{{ a | round: 2, 3 }}`:                   "17: the filter round takes 1 argument, got 2",
		`{{ a | plus }}`:                          "7: the filter plus needs an argument",
		`{{ a | pluralize: 'x' }}`:                "7: the filter pluralize needs 2 arguments, got 1",
		`{{ a | divided_by: 0 }}`:                 "19: a division by 0 inserts nothing",
		`{{ a | modulo: 0.0 }}`:                   "15: a division by 0 inserts nothing",
		`{{ a | truncate: 'x' }}`:                 "17: the filter truncate takes a whole number here",
		`{{ a | times: 'x' }}`:                    "14: the filter times takes a number here",
		`{{ a | times: '2.5' }}`:                  "",
		`{{ a | date: 5 }}`:                       "13: the filter date takes a text here: put it between quotes",
		`{{ a | date: '' }}`:                      "13: the form of the date is empty",
		`{{ a | join: ',', ';' }}`:                "18: the filter join takes 1 argument, got 2",
		`{{ a | map: 5 }}`:                        "12: the filter map takes the name of a property here, between quotes",
		`{{ a | concat: 'x' }}`:                   "15: the filter concat takes a list here",
		`{{ a | in_zone: 'JST' }}`:                `16: "JST" is no time zone: write a name such as Asia/Tokyo [Asia/Tokyo]`,
		`{{ a | in_zone: 'Asia/Tokyo' }}`:         "",
		`{{ a | money: 'yen' }}`:                  `14: "yen" is no currency: write a code such as JPY or EUR [JPY]`,
		`{{ a | money: 'eur' }}`:                  `14: "eur" is no currency: write a code such as JPY or EUR [EUR]`,
		`{{ a | money: 'JPY', 'jp' }}`:            `21: "jp" is no language: write a code such as ja or pt-BR [ja]`,
		`{{ a | money }}`:                         "7: the filter money needs an argument",
		`{{ a | number: 7 }}`:                     "15: the filter number takes 0 to 6 digits",
		`{{ a | default: 1, allow_fals: true }}`:  `31: the filter default has no argument "allow_fals:" [allow_false]`,
		`{{ a | default: 1, allow_false: 1 }}`:    "32: allow_false: is true or false",
		`{{ a | upcse }}`:                         `7: there is no filter "upcse" [upcase]`,
		`{{ a | upcase 'x' }}`:                    "14: a colon is missing after the name of the filter",
		`{{ a | }}`:                               "7: the name of a filter is missing after |",
		`{{ }}`:                                   "0: there is nothing between {{ and }}",
		`{{ a`:                                    `0: "{{" is never closed by "}}"`,
		`{{ 'a }}`:                                "3: the text that begins here is never closed by '",
		`{{ a.b. }}`:                              "8: a name is missing after the point",
		`{{ a[0 }}`:                               `4: "[" is never closed by "]"`,
		`{{ a b }}`:                               `5: "b" is unexpected here`,
		`{{ “a” }}`:                               `3: '“' is not a quote that Liquid reads: write " or '`,
		`{% if a = 1 %}{% endif %}`:               "8: a comparison is written == [==]",
		`{% if a && b %}{% endif %}`:              "8: conditions are joined by and, or [and]",
		`{% if %}{% endif %}`:                     "0: {% if %} needs a condition",
		`{% if a %}`:                              "0: {% if %} is never closed by {% endif %}",
		`{% for x of y %}{% endfor %}`:            `9: "in" is missing: {% for item in list %}`,
		`{% for x in y limt: 2 %}{% endfor %}`:    `14: {% for %} takes limit:, offset: and reversed, not "limt" [limit]`,
		`{% for x in y limit: 'a' %}{% endfor %}`: "21: limit needs a whole number",
		`{% assign a.b = 1 %}`: "11: only a variable of the template can be assigned: choose a name " +
			"without a point",
		`{% assign a 1 %}`:                     "12: a = is missing after the name: {% assign name = value %}",
		`{% asign a = 1 %}`:                    `0: there is no tag "asign" [assign]`,
		`{% else %}`:                           "0: {% else %} belongs inside one of: if, unless, case, for",
		`{% if a %}{% else if b %}{% endif %}`: "10: {% else %} has no condition: write {% elsif … %} [elsif]",
		`{% render 'x' %}`:                     "",
		`{{ 5 + a }}`: "5: '+' is unexpected here: numbers are computed by filters, " +
			"such as {{ a | plus: b }}",
		`{{ ${first_name} }}`:                          "3: '$' is unexpected here: write names alone, such as {{ customer.first_name }}",
		`{{{ a }}}`:                                    "2: '{' is unexpected here: write names alone, such as {{ customer.first_name }}",
		`{% if not a %}{% endif %}`:                    "10: there is no not: write {% unless … %}, or compare with == false",
		`{% if !a %}{% endif %}`:                       "6: '!' is unexpected here: write {% unless … %}, or compare with == false",
		`{{ a.b ? 1 : 2 }}`:                            "7: '?' is unexpected here: write {% if … %}…{% else %}…{% endif %}",
		`{% if a == b == c %}{% endif %}`:              `13: "==" is unexpected here`,
		`{% raw %}`:                                    "0: {% raw %} is never closed by {% endraw %}",
		`{{ "now" | date: "%Y" }}`:                     "3: write {{ now | date: … }} without quotes: now is a variable",
		`{% assign t = "today" %}{{ t | date: "%Y" }}`: "27: write {{ now | date: … }} without quotes: now is a variable",
		`{{ a | default: "now" | date: "%Y" }}`:        "16: write {{ now | date: … }} without quotes: now is a variable",
		`{{ "now" | upcase }}`:                         "",
	} {
		got := ""
		if problems := Check(source, false).Problems; len(problems) > 0 {
			p := problems[0]
			got = strings.TrimSuffix(strings.Join([]string{itoa(p.Offset), ": ", p.Message, " [", p.Hint, "]"}, ""), " []")
			if len(problems) > 1 {
				got += " and more"
			}
		}
		if got != want {
			t.Errorf("%s\n got %s\nwant %s", source, got, want)
		}
	}
}

func itoa(n int) string { return asNumber(n).String() }

// TestNames lists the names that templates read.
func TestNames(t *testing.T) {
	t.Parallel()
	for source, want := range map[string]string{
		`{{ customer.first_name | default: data.x }}`:                                   "3 customer.first_name, 34 data.x",
		`{% for i in entry.items %}{{ i.name }}{{ forloop.index }}{% endfor %}`:         "12 entry.items",
		`{% assign a = vars.b %}{{ a }}{% capture c %}{% endcapture %}{{ c }}`:          "14 vars.b",
		`{{ steps["before end"].x }}{{ entry.items[0].name }}`:                          "3 steps.before end.x, 30 entry.items",
		`{{ customer[entry.key].x }}`:                                                   "12 entry.key, 3 customer",
		`{% if intent.churn > 0.5 and a == empty %}{% endif %}{% increment n %}{{ n }}`: "6 intent.churn, 29 a",
		`{% raw %}{{ x }}{% endraw %}{% comment %}{{ y }}{% endcomment %}`:              "",
	} {
		var got []string
		for _, name := range Check(source, false).Names {
			var parts []string
			for _, part := range name {
				parts = append(parts, part.Text)
			}
			got = append(got, itoa(name[0].Offset)+" "+strings.Join(parts, "."))
		}
		if s := strings.Join(got, ", "); s != want {
			t.Errorf("%s\n got %s\nwant %s", source, s, want)
		}
	}
}

// TestLimits stops templates that cost too much, whatever they do.
func TestLimits(t *testing.T) {
	t.Parallel()
	for source, want := range map[string]error{
		`{% for i in (1..100001) %}{% endfor %}`:                                                      errLoops,
		`{% for i in (1..1000) %}{% for j in (1..1000) %}{% endfor %}{% endfor %}`:                    errLoops,
		`{% for i in (1..90000) %}12345{% endfor %}`:                                                  errTooLong,
		`{% assign x = "xxxxxxxx" %}{% for i in (1..60) %}{% assign x = x | append: x %}{% endfor %}`: errHeld,
		`{% assign x = words %}{% for i in (1..60) %}{% assign x = x | concat: x %}{% endfor %}`:      errHeld,
		`{% assign x = "xxxxxxxx" %}{% for i in (1..14) %}{% assign x = x | append: x %}{% endfor %}` +
			`{{ x | replace: "x", x }}`: errHeld,
		`{% assign x = (1..90000) | join %}{% for i in (1..90000) %}{% assign y = x | size | append: x | size %}{% endfor %}`: errWork,
		`{% capture x %}{% for i in (1..90000) %}12345{% endfor %}{% endcapture %}`:                                           errTooLong,
		`{% assign x = 10 %}{% for i in (1..50) %}{% assign x = x | times: x %}{% endfor %}{{ x }}`:                           nil,
		`{% assign x = 10.5 %}{% for i in (1..50) %}{% assign x = x | times: x %}{% endfor %}{{ x }}`:                         nil,
		`{{ 5 | date: "%1000000Y" }}`: nil,
		strings.Repeat("{% if yes %}", 90) + "x" + strings.Repeat("{% endif %}", 90): nil,
	} {
		parsed := Parse(source, false)
		if len(parsed.Problems) > 0 {
			t.Errorf("%.80s: %v", source, parsed.Problems)
			continue
		}
		_, _, err := parsed.Render(t.Context(), Env{Vars: values(t, false)})
		stop, _ := err.(*StopError)
		if (stop == nil) != (want == nil) || stop != nil && stop.Cause != want {
			t.Errorf("%.80s: %v, want %v", source, err, want)
		}
	}
	if deep := Parse(strings.Repeat("{% if yes %}", 5000), false); len(deep.Problems) == 0 {
		t.Error("5,000 tags nest")
	}
	if deep := Parse("{{ "+strings.Repeat("(", 100_000)+" }}", false); len(deep.Problems) == 0 {
		t.Error("100,000 brackets nest")
	}
}
