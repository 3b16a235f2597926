package lint_test

import (
	"bytes"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"
	"pgregory.net/rapid"

	"github.com/tabi-journeys/tabi/internal/clock"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/journey/expr"
	"github.com/tabi-journeys/tabi/internal/journey/journeytest"
	"github.com/tabi-journeys/tabi/internal/journey/lint"
)

// addSeeds adds valid files and bytes that are known to be hard.
func addSeeds(f *testing.F) {
	f.Add([]byte(journeytest.Cart))
	f.Add([]byte(journeytest.Reminder))
	for _, seed := range []string{"", "\x00", "\xff\xfe", "\xef\xbb\xbf", "a: [", "- - - -", "? a\n: b", "a: &a [*a]",
		"steps: [{wait: {until: }}]", "--- |\n x\n...\n", "a: !!binary x",
		"journey: f\nentry: {event: X}\nsteps: [{when: \"\\U0010ffff\\x41\\\n  q\", wait: 1h}]\n",
		"journey: f\nentry: {event: [X, X], when: 1e999}\nvars: {a: .nan, 1: 2}\nsteps: {}\n"} {
		f.Add([]byte(seed))
	}
	for _, path := range []string{"testdata/eaten-many.txtar", "testdata/eaten-flow.txtar", "testdata/bad-template-now.txtar",
		"testdata/positions.txtar", "testdata/emit-call.txtar",
		"testdata/clock-wait.txtar", "testdata/reroute.txtar", "testdata/entries.txtar",
		"testdata/brain.txtar", "testdata/decide.txtar", "testdata/ask.txtar", "testdata/levels.txtar", "testdata/intents-bad.txtar",
		"testdata/intents-eaten.txtar", "testdata/actions-bad.txtar",
		"testdata/actions-eaten.txtar", "testdata/policy-bad.txtar", "testdata/policy-eaten.txtar"} {
		archive, err := txtar.ParseFile(path)
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range journeytest.SplitGolden(archive) {
			f.Add(file.Data)
			if _, rest, ok := bytes.Cut(file.Data, []byte("\n")); ok && bytes.HasPrefix(file.Data, []byte("journey: ")) {
				f.Add(append([]byte("journey: f\n"), rest...)) // the name that makes the file valid
			}
		}
	}
}

// checkAnywhere checks bytes in every role and verifies the properties of the diagnostics.
func checkAnywhere(t interface{ Fatalf(string, ...any) }, data []byte) {
	for _, name := range []string{"f.yaml", "messages/f.yaml", "f.test.yaml", "intents.yaml", "policy.yaml", "actions/f.yaml"} {
		content, diagnostics := lint.Check([]lint.File{{Name: name, Data: data}}, journeytest.Options())
		for i, d := range diagnostics {
			if d.Line < 1 || d.Column < 1 || d.Message == "" || d.Code == "" || d.File != name {
				t.Fatalf("a diagnostic without place or words: %+v", d)
			}
			if i > 0 && (diagnostics[i-1].Line > d.Line || diagnostics[i-1].Line == d.Line && diagnostics[i-1].Column > d.Column) {
				t.Fatalf("not sorted: %v", diagnostics)
			}
		}
		var out bytes.Buffer
		if diagnostics.Text(&out) != nil || diagnostics.JSON(&out) != nil || diagnostics.GitHub(&out) != nil {
			t.Fatalf("cannot print")
		}
		if d := content.Journeys["f"]; d != nil {
			journeytest.RoundTrip(t, d)
		}
	}
}

func FuzzCheck(f *testing.F) {
	addSeeds(f)
	f.Fuzz(func(t *testing.T, data []byte) { checkAnywhere(t, data) })
}

func TestCheckNeverPanics(t *testing.T) {
	t.Parallel()
	sources := []string{journeytest.Cart, journeytest.Reminder}
	rapid.Check(t, func(t *rapid.T) {
		data := []byte(rapid.SampledFrom(sources).Draw(t, "source"))
		for range rapid.IntRange(0, 6).Draw(t, "edits") {
			at := rapid.IntRange(0, len(data)).Draw(t, "at")
			with := rapid.SliceOfN(rapid.SampledFrom([]byte("\"'{}[]:,-#&*!|> \n\tab0\x00\xff\\")), 0, 3).Draw(t, "with")
			cut := min(len(data), at+rapid.IntRange(0, 4).Draw(t, "cut"))
			data = append(append(append([]byte{}, data[:at]...), with...), data[cut:]...)
		}
		checkAnywhere(t, data)
	})
}

// TestRoundTrip compares random definitions with their packed form.
func TestRoundTrip(t *testing.T) {
	t.Parallel()
	exprs := rapid.SampledFrom([]expr.Expr{"", "true", "event.total > 50", "customer.tier == \"gold\"", "vars.n + 1 > 2"})
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 12).Draw(t, "steps")
		to := rapid.IntRange(journey.End, n-1)
		d := &journey.Definition{Journey: "j", Timeout: journey.DefaultTimeout, Paths: []journey.Path{{Name: journey.Main, Start: 0}},
			Entry: journey.Entry{
				Events:  []string{rapid.String().Draw(t, "event")},
				When:    exprs.Draw(t, "entry"),
				Reentry: journey.ReentryAlways,
				Holdout: rapid.Float64Range(0, 100).Draw(t, "holdout"),
			},
			Vars: map[string]any{
				"n":    rapid.Float64Range(-1e9, 1e9).Draw(t, "n"),
				"text": rapid.String().Draw(t, "text"),
				"list": []any{true, nil, "x"},
			}}
		for i := range n {
			var spec journey.Spec
			switch rapid.IntRange(0, 8).Draw(t, "kind") {
			case 0:
				spec = &journey.Wait{
					Duration: time.Duration(rapid.Int64Range(0, int64(clock.MaxDuration)).Draw(t, "d")),
					Until:    exprs.Draw(t, "until"),
				}
			case 1:
				spec = &journey.WaitFor{
					Arms:      []journey.EventArm{{Events: []string{"<&>"}, When: exprs.Draw(t, "when"), Then: to.Draw(t, "then")}},
					OnTimeout: to.Draw(t, "to"),
				}
			case 2:
				spec = &journey.Branch{
					Arms: []journey.BranchArm{{When: exprs.Draw(t, "when"), Then: to.Draw(t, "then")}},
					Else: to.Draw(t, "else"),
				}
			case 3:
				spec = &journey.Split{
					Arms: []journey.SplitArm{{Weight: rapid.Float64Range(0.5, 1e6).Draw(t, "weight"), Then: to.Draw(t, "then")}},
				}
			case 4:
				spec = &journey.Send{
					Message:   "m",
					Via:       []string{"email"},
					Data:      map[string]expr.Expr{"b": exprs.Draw(t, "b"), "a": "1"},
					OnBlocked: to.Draw(t, "b"),
					OnFailure: to.Draw(t, "f"),
				}
			case 5:
				spec = &journey.Handoff{
					Queue:     "q",
					Outcomes:  map[string]*int{"x": new(to.Draw(t, "x")), "y": new(to.Draw(t, "y"))},
					OnTimeout: to.Draw(t, "to"),
				}
			case 6:
				spec = &journey.Set{Assign: []journey.Assignment{{Target: "vars", Name: "n", Value: exprs.Draw(t, "value")}}}
			case 7:
				spec = &journey.GoTo{Target: "x", To: to.Draw(t, "go")}
			default:
				spec = &journey.Exit{Outcome: rapid.String().Draw(t, "outcome")}
			}
			d.Steps = append(
				d.Steps,
				journey.Step{
					ID:   journey.Main + "." + strconv.Itoa(i),
					Kind: spec.Kind(),
					Path: journey.Main,
					When: exprs.Draw(t, "step"),
					Next: to.Draw(t, "next"),
					Spec: spec,
				},
			)
		}
		journeytest.RoundTrip(t, d)
	})
}

// TestCheckIsBounded checks files that are designed to be slow.
func TestCheckIsBounded(t *testing.T) {
	t.Parallel()
	for name, source := range map[string]string{
		"odd quotes":   "{" + strings.Repeat("when: a\", ", 60000) + "?}",
		"eaten values": strings.Repeat("- {when: a?b, value: [1}\n", 2900),
		"open braces":  strings.Repeat("- {a: [b?c,\n", 2900),
		"question":     "a: {" + strings.Repeat("? ", 200000),
		"long value":   "a: {b: " + strings.Repeat("x", 900000) + "?}",
		"commas":       "a: {b: ?" + strings.Repeat(",c", 200000) + "]",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			done := make(chan struct{})
			go func() {
				defer close(done)
				lint.Check([]lint.File{{Name: "f.yaml", Data: []byte(source)}}, journeytest.Options())
			}()
			select {
			case <-done:
			case <-time.After(30 * time.Second):
				t.Error("takes longer than 30 s")
			}
		})
	}
}
