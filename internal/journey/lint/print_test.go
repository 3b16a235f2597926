package lint_test

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/tabi-journeys/tabi/internal/journey/journeytest"
	"github.com/tabi-journeys/tabi/internal/journey/lint"
	"github.com/tabi-journeys/tabi/internal/journey/source"
)

func printed(t *testing.T, source string) (text, github string, diagnostics source.Diagnostics) {
	t.Helper()
	_, diagnostics = lint.Check([]lint.File{{Name: "a.yaml", Data: []byte(source)}}, journeytest.Options())
	var plain, commands bytes.Buffer
	if err := diagnostics.Text(&plain); err != nil {
		t.Fatal(err)
	}
	if err := diagnostics.GitHub(&commands); err != nil {
		t.Fatal(err)
	}
	return plain.String(), commands.String(), diagnostics
}

func TestText(t *testing.T) {
	t.Parallel()
	text, github, diagnostics := printed(t, "journey: a\nentry: {event: 旅, when: custmer.x}\ngoal: {event: Y}\nsteps:\n  - wiat: 1h\n")
	want := `a.yaml:2:25: bad-expression: there is no variable custmer
    entry: {event: 旅, when: custmer.x}
                             ^
    did you mean "customer"?
a.yaml:5:5: unknown-step-kind: there is no step "wiat"
      - wiat: 1h
        ^
    did you mean "wait"?
`
	if text != want {
		t.Errorf("text is\n%swant\n%s", text, want)
	}
	wantGitHub := "::error file=a.yaml,line=2,col=25,title=bad-expression::there is no variable custmer; did you mean \"customer\"?\n" +
		"::error file=a.yaml,line=5,col=5,title=unknown-step-kind::there is no step \"wiat\"; did you mean \"wait\"?\n"
	if github != wantGitHub {
		t.Errorf("github is\n%swant\n%s", github, wantGitHub)
	}
	var out bytes.Buffer
	if err := diagnostics.JSON(&out); err != nil {
		t.Fatal(err)
	}
	var back source.Diagnostics
	if err := json.Unmarshal(out.Bytes(), &back); err != nil || len(back) != 2 || back[0] != diagnostics[0] {
		t.Errorf("json is %s (%v)", out.String(), err)
	}
}

func TestTextOfTabsWarningsAndHints(t *testing.T) {
	t.Parallel()
	text, _, diagnostics := printed(t, "journey: a\nentry: {event: X}\nsteps:\n  - set: {\tvars.x: trial}\n")
	want := `a.yaml:1:1: no-goal: the journey has no goal: its success cannot be measured (warning)
    journey: a
    ^
a.yaml:4:20: bad-expression: there is no variable trial; a text needs quotes inside the quotes
      - set: {	vars.x: trial}
              	        ^
    did you mean "'trial'"?
`
	if text != want {
		t.Errorf("text is\n%swant\n%s", text, want)
	}
	if !diagnostics.Failed(false) || diagnostics[:1].Failed(false) || !diagnostics[:1].Failed(true) || (source.Diagnostics{}).Failed(true) {
		t.Error("Failed is wrong about warnings")
	}
}

func TestPrintingIsSafe(t *testing.T) {
	t.Parallel()
	d := source.Diagnostics{
		{
			File:     "a\x1b[31m.yaml",
			Line:     3,
			Column:   400,
			Severity: source.Error,
			Code:     "bad-value",
			Message:  "x\ny,%",
			Source:   string(bytes.Repeat([]byte("é\x07"), 300)),
		},
	}
	var text, github bytes.Buffer
	if err := d.Text(&text); err != nil {
		t.Fatal(err)
	}
	if err := d.GitHub(&github); err != nil {
		t.Fatal(err)
	}
	if bytes.ContainsAny(text.Bytes(), "\x1b\x07") || bytes.Count(github.Bytes(), []byte("\n")) != 1 {
		t.Errorf("control characters are printed: %q %q", text.String(), github.String())
	}
	if text.Len() > 1000 {
		t.Errorf("the excerpt is not cut: %d bytes", text.Len())
	}
}
