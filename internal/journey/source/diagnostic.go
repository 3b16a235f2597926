package source

import (
	"slices"
	"strings"
)

// Severity of a diagnostic.
type Severity string

const (
	Error   Severity = "error"
	Warning Severity = "warning"
)

// Diagnostic is one problem at one place.
type Diagnostic struct {
	File     string   `json:"file"`
	Line     int      `json:"line"`   // from 1
	Column   int      `json:"column"` // from 1, in characters
	Severity Severity `json:"severity"`
	Code     string   `json:"code"`
	Message  string   `json:"message"`          // what is wrong and what to do
	Hint     string   `json:"hint,omitempty"`   // did you mean "…"?
	Source   string   `json:"source,omitempty"` // the line; empty if it is blank or longer than 10,000 characters
}

// Diagnostics are sorted by file and position, so that the output is reproducible.
type Diagnostics []Diagnostic

// Failed reports whether one of them is an error. With strict, warnings count too.
func (d Diagnostics) Failed(strict bool) bool {
	return slices.ContainsFunc(d, func(one Diagnostic) bool { return strict || one.Severity == Error })
}

// Codes lists the codes of diagnostics with their meaning.
var Codes = []struct {
	Code     string
	Severity Severity
	Doc      string
}{
	{"yaml-syntax", Error, "the file is not YAML, or uses anchors, aliases or several documents"},
	{"unknown-key", Error, "a key that the language does not know here"},
	{"duplicate-key", Error, "a key that occurs twice in one mapping"},
	{"missing-key", Error, "a required key is absent"},
	{"wrong-type", Error, "a value of the wrong type, such as a list instead of a text"},
	{"bad-value", Error, "a value that is not allowed"},
	{"bad-duration", Error, "not a duration such as 90s, 15m, 2h, 3d, 1w or 1h30m"},
	{"bad-expression", Error, "a CEL expression that does not compile or is of the wrong type"},
	{"bad-template", Error, "a template in Liquid or MJML that does not parse, or a name in it that means nothing"},
	{"unknown-step-kind", Error, "a step without a known kind"},
	{"unknown-channel", Error, "no such channel, or the message has no treatment for it"},
	{"unknown-message", Error, "no file messages/<message>.yaml"},
	{"unknown-intent", Error, "no such intent"},
	{"unknown-journey", Error, "no such journey in the folder"},
	{"unknown-action", Error, "no such action or group of actions"},
	{"unknown-topic", Error, "`topics.yaml` has no such topic"},
	{"unknown-block", Error, "no such layout or block in `messages/_layouts` and `messages/_blocks`"},
	{"unknown-path", Error, "go_to names neither a path nor a step, or a reroute no path"},
	{"unknown-step", Error, "an expression names a step that the journey does not have"},
	{"duplicate-id", Error, "a step id or a name that is taken"},
	{"name-mismatch", Error, "the name differs from the file's"},
	{"endless-loop", Error, "a cycle without wait, wait_for, ask or handoff, or blocks that render each other"},
	{"not-available", Error, "part of a later language that this build does not have; unused today"},
	{"unreachable-step", Warning, "the step cannot be reached"},
	{"unused-path", Warning, "no go_to and no reroute leads to the path"},
	{"unused-message", Warning, "no journey and no action sends the message"},
	{"unused-block", Warning, "nothing names the layout or block"},
	{"no-goal", Warning, "the journey has no goal"},
	{"emits-own-entry", Warning, "an enrollment emits the journey's own entry event more than once"},
	{"unnamed-split", Warning, "a split without an id: an edit can move customers"},
	{"unknown-trait", Warning, "a trait that one place alone names, one letter from one that others name"},
	{"broken-json", Warning, "a body that is no JSON, or is none for some customers"},
	{"empty-link", Warning, "a link that has no address, or one that opens nothing"},
	{"large-journey", Warning, "the journey is large"},
	{"wait-beyond-timeout", Warning, "a wait that the journey's `timeout` ends first"},
	{"schedule-meets-limit", Warning, "a schedule whose sends or entries a frequency cap or re-entry of its own period holds back"},
}

// severityOf returns the severity of a code.
func severityOf(code string) Severity {
	for _, known := range Codes {
		if known.Code == code {
			return known.Severity
		}
	}
	return Error
}

// Sorted returns the diagnostics in order, without repeats.
func (d Diagnostics) Sorted() Diagnostics {
	slices.SortFunc(d, func(a, b Diagnostic) int {
		if c := strings.Compare(a.File, b.File); c != 0 {
			return c
		}
		if c := a.Line - b.Line; c != 0 {
			return c
		}
		if c := a.Column - b.Column; c != 0 {
			return c
		}
		if c := strings.Compare(a.Code, b.Code); c != 0 {
			return c
		}
		return strings.Compare(a.Message, b.Message)
	})
	return slices.Compact(d)
}
