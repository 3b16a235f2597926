package lint_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/journey/expr"
	"github.com/tabi-journeys/tabi/internal/journey/journeytest"
	"github.com/tabi-journeys/tabi/internal/journey/lint"
)

// decided compiles a journey with the example's actions and intents.
func decided(t *testing.T, steps string) *journey.Program {
	t.Helper()
	source := "journey: p\nentry: {event: Start}\ngoal: {event: Won}\n" + steps
	content, diagnostics := lint.Check(
		append(journeytest.ExampleFiles(), lint.File{Name: "p.yaml", Data: []byte(source)}),
		journeytest.Options(),
	)
	if diagnostics.Failed(false) {
		t.Fatal(diagnostics)
	}
	p, err := journey.NewProgram(content.Journeys["p"])
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestListensToLevelsAndReplies(t *testing.T) {
	t.Parallel()
	p := decided(t, `
reroute:
  - {intent: complaint, above: 0.7, go_to: other}
  - {intent: complaint, below: 0.2, event: Calmed, go_to: other}
steps:
  - wait_for:
      - {intent: complaint, above: 0.7}
      - {intent: price-sensitive, below: 0.3}
    timeout: 1d
  - ask: cart-reminder
    timeout: 1d
paths:
  other: []
`)
	l := p.Listens()
	if diff := cmp.Diff(map[string]bool{"Won": true, "Calmed": true, journey.MessageReceived: true}, l.Events); diff != "" || l.Every {
		t.Errorf("every %v, %s", l.Every, diff)
	}
	if len(l.Levels) != 3 || l.Levels[0].Intent != "complaint" || l.Levels[2].Intent != "price-sensitive" {
		t.Errorf("levels %+v", l.Levels)
	}
}

// What a customer replied enters history only if an expression reads it.
func TestReadsText(t *testing.T) {
	t.Parallel()
	const ask = "  - {id: the-question, ask: cart-reminder, timeout: 1d}\n  - {id: other, emit: X}\n"
	for when, want := range map[string]bool{
		"true": false, "steps.the_question.intent == 'x'": false, "steps.the_question.text != ''": true,
		"steps['the-question'].text == 'a'": true,
		"has(steps.the_question.text)":      true, "size(steps.the_question) > 0": true, "size(steps) > 0": true,
	} {
		if got := decided(t, "steps:\n"+ask+"  - {when: \""+when+"\", wait: 1h}\n").Reads().Text; got != want {
			t.Errorf("%s: text is read: %v", when, got)
		}
	}
	if decided(t, "steps:\n  - {id: the-question, emit: X, properties: {text: size(steps)}}\n").Reads().Text {
		t.Error("nothing is asked")
	}
}

func TestIntentsInExpressions(t *testing.T) {
	t.Parallel()
	b, err := journey.NewRulebook(journey.Rules{})
	if err != nil {
		t.Fatal(err)
	}
	s := journey.NewScope(expr.Vars{Intent: map[string]float64{"price-sensitive": 0.5, "complaint": 0}})
	for e, want := range map[expr.Expr]bool{
		"intent.price_sensitive == 0.5": true, "intent['price-sensitive'] == 0.5": true, "intent['price_sensitive'] == 0.5": true,
		"intent.complaint == 0":                    true,
		"intent.?price_sensitive.orValue(0) > 0.4": true, "has(intent.price_sensitive)": true, "intent.unknown == 0": false,
		"size(intent) == 2": true,
	} {
		if b.Test(e, s) != want {
			t.Errorf("%s is %v", e, !want)
		}
	}
}

func TestInvalidQuestions(t *testing.T) {
	t.Parallel()
	half := 0.5
	sound := func() *journey.Ask {
		return &journey.Ask{
			Question:  journey.Send{Message: "m", OnBlocked: journey.End, OnFailure: journey.End},
			Timeout:   1,
			OnTimeout: journey.End,
			Replies:   []journey.ReplyArm{{Any: true, Then: journey.End}},
		}
	}
	for name, spec := range map[string]journey.Spec{
		"no message":     &journey.Ask{Timeout: 1, Replies: []journey.ReplyArm{{Any: true}}},
		"no time":        &journey.Ask{Question: journey.Send{Message: "m"}, Replies: []journey.ReplyArm{{Any: true}}},
		"no arm":         &journey.Ask{Question: journey.Send{Message: "m"}, Timeout: 1},
		"two conditions": func() journey.Spec { a := sound(); a.Replies[0].Intent = "x"; return a }(),
		"pattern": func() journey.Spec {
			a := sound()
			a.Replies[0] = journey.ReplyArm{Matches: "(", Then: journey.End}
			return a
		}(),
		"no choice":   &journey.Decide{None: journey.End},
		"two choices": &journey.Decide{Group: "g", Actions: []string{"a"}, None: journey.End},
		"no threshold": &journey.WaitFor{OnTimeout: journey.End,
			Arms: []journey.EventArm{{Level: &journey.Level{Intent: "x"}, Then: journey.End}}},
		"two thresholds": &journey.WaitFor{OnTimeout: journey.End,
			Arms: []journey.EventArm{{Level: &journey.Level{Intent: "x", Above: &half, Below: &half}, Then: journey.End}}},
		"event, too": &journey.WaitFor{OnTimeout: journey.End,
			Arms: []journey.EventArm{{Events: []string{"E"}, Level: &journey.Level{Intent: "x", Above: &half}, Then: journey.End}}},
		"no intent": &journey.WaitFor{OnTimeout: journey.End,
			Arms: []journey.EventArm{{Level: &journey.Level{Above: &half}, Then: journey.End}}},
	} {
		d := &journey.Definition{
			Journey: "x",
			Paths:   []journey.Path{{Name: journey.Main}},
			Steps:   []journey.Step{{ID: "a", Kind: spec.Kind(), Path: journey.Main, Next: journey.End, Spec: spec}},
		}
		if _, err := journey.NewProgram(d); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	d := &journey.Definition{
		Journey: "x",
		Paths:   []journey.Path{{Name: journey.Main}},
		Steps:   []journey.Step{{ID: "a", Kind: "ask", Path: journey.Main, Next: journey.End, Spec: sound()}},
	}
	if _, err := journey.NewProgram(d); err != nil {
		t.Error(err)
	}
	d.Reroute = []journey.RerouteRule{{Level: &journey.Level{Intent: "x"}, GoTo: journey.Main}}
	if _, err := journey.NewProgram(d); err == nil || !strings.Contains(err.Error(), "reroute 1") {
		t.Errorf("a reroute without threshold: %v", err)
	}
}

// Enrollments that wait for a reply migrate like those that wait for an event: to a step of their kind.
func TestAskMoves(t *testing.T) {
	t.Parallel()
	old := decided(t, "steps:\n  - {id: question, ask: cart-reminder, timeout: 1d}\n")
	same := decided(t, "steps:\n  - {id: question, ask: cart-reminder, timeout: 2d}\n")
	if to, refused := old.CanMigrate("question", same, nil); to != "question" || refused != "" {
		t.Errorf("%q, %s", to, refused)
	}
	other := decided(t, "steps:\n  - {id: question, decide: retention}\n")
	if _, refused := old.CanMigrate("question", other, nil); !strings.Contains(refused, "is a ask") && !strings.Contains(refused, "ask") {
		t.Errorf("refused: %q", refused)
	}
}
