package template

import (
	"context"
	"encoding/json"
	"regexp"
	"strconv"
	"strings"
)

// specimen is any value of a customer, while a template is rendered by CheckJSON: it prints as 12, has all properties,
// and is a list of two of itself.
type specimen struct{}

// specimenText is a specimen as a text and as a number.
const specimenText = "12"

// mark is what an inserted specimen prints as: a number by which its place is found again.
var mark = regexp.MustCompile(`77\d{6}77`)

// jsonStart matches what begins as JSON does: an object, or a list of objects, texts or lists.
var jsonStart = regexp.MustCompile(`^\s*(\{\s*("|\}|\{\{|\{%)|\[\s*([\["\]]|\{\s*"|\{%))`)

// quoteless are the filters whose result has no quote or line break, or has them escaped.
var quoteless = func() map[string]bool {
	out := map[string]bool{}
	for _, name := range strings.Fields(`json inspect url_encode base64_encode base64_url_safe_encode md5 sha1 sha256 size date money number
plus minus times divided_by modulo round ceil floor abs at_least at_most sum find_index has handle handleize`) {
		out[name] = true
	}
	return out
}()

// CheckJSON returns what is wrong with a template whose text begins as JSON does: it is none with ordinary values, or
// a value is inserted between quotes without the filter json, so that a quote or line break in it would break the text.
func CheckJSON(source string) []Problem {
	if !jsonStart.MatchString(source) {
		return nil
	}
	t := Parse(source, false)
	if len(t.Problems) > 0 || len(t.renders) > 0 { // what a block inserts is not known here
		return nil
	}
	r := &run{ctx: context.Background(), source: source, out: &strings.Builder{}, specimens: true}
	if r.all(t.body); r.err != nil {
		return nil
	}
	if !json.Valid([]byte(r.out.String())) {
		return []Problem{{
			Offset: -1, Code: "broken-json",
			Message: "this is no JSON, with any values: look for a comma too many or missing, and for quotes that do not match",
		}}
	}
	d := json.NewDecoder(strings.NewReader(r.out.String()))
	d.UseNumber()
	var between []string
	for token, err := d.Token(); err == nil; token, err = d.Token() {
		if s, ok := token.(string); ok {
			between = append(between, mark.FindAllString(s, -1)...)
		}
	}
	var out []Problem
	seen := map[int]bool{}
	for _, m := range between {
		at, err := strconv.Atoi(m[2:8])
		if err != nil || seen[at] {
			continue
		}
		seen[at] = true
		out = append(out, Problem{
			Offset: at, Code: "broken-json",
			Message: "a value with a quote or a line break breaks the JSON: write {{ … | json }} and no quotes around it",
		})
	}
	return out
}

// marked returns what an output prints for CheckJSON; ok is false if its value has nothing of a customer, or is safe.
func (r *run) marked(o output, v any) (string, bool) {
	p, filtered := o.value.(pipeline)
	if filtered && quoteless[p.calls[len(p.calls)-1].filter.name] {
		return "", false
	}
	if _, is := v.(specimen); !is && (!filtered || !strings.Contains(toText(v), specimenText)) {
		return "", false
	}
	n := strconv.Itoa(o.at)
	return "77" + strings.Repeat("0", max(0, 6-len(n))) + n + "77", true
}
