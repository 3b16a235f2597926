package journey

import (
	"bytes"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/tabi-journeys/tabi/internal/clock"
	"pgregory.net/rapid"
)

// addSeeds gives sound files and bytes that are known to be hard.
func addSeeds(f *testing.F) {
	f.Add([]byte(cart))
	f.Add([]byte(reminder))
	for _, seed := range []string{"", "\x00", "\xff\xfe", "\xef\xbb\xbf", "a: [", "- - - -", "? a\n: b", "a: &a [*a]", "steps: [{wait: {until: }}]", "--- |\n x\n...\n", "a: !!binary x",
		"journey: f\nentry: {event: X}\nsteps: [{when: \"\\U0010ffff\\x41\\\n  q\", wait: 1h}]\n", "journey: f\nentry: {event: [X, X], when: 1e999}\nvars: {a: .nan, 1: 2}\nsteps: {}\n"} {
		f.Add([]byte(seed))
	}
	for _, path := range []string{"testdata/eaten-many.txtar", "testdata/eaten-flow.txtar", "testdata/bad-template-now.txtar", "testdata/positions.txtar", "testdata/emit-call.txtar",
		"testdata/clock-wait.txtar", "testdata/reroute.txtar", "testdata/entries.txtar",
		"testdata/brain.txtar", "testdata/decide.txtar", "testdata/ask.txtar", "testdata/levels.txtar", "testdata/intents-bad.txtar", "testdata/intents-eaten.txtar", "testdata/actions-bad.txtar",
		"testdata/actions-eaten.txtar", "testdata/policy-bad.txtar", "testdata/policy-eaten.txtar"} {
		archive, err := txtar.ParseFile(path)
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range splitGolden(archive) {
			f.Add(file.Data)
			if _, rest, ok := bytes.Cut(file.Data, []byte("\n")); ok && bytes.HasPrefix(file.Data, []byte("journey: ")) {
				f.Add(append([]byte("journey: f\n"), rest...)) // the name that compiles
			}
		}
	}
}

// checkAnywhere checks bytes in every role and looks at what must hold of the diagnostics.
func checkAnywhere(t interface{ Fatalf(string, ...any) }, data []byte) {
	for _, name := range []string{"f.yaml", "messages/f.yaml", "f.test.yaml", "intents.yaml", "policy.yaml", "actions/f.yaml"} {
		content, diagnostics := Check([]File{{Name: name, Data: data}}, testOptions())
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
			roundTrip(t, d)
			printAgain(t, d, nil)
		}
	}
}

// roundTrip packs and unpacks a definition and holds both against each other.
func roundTrip(t interface{ Fatalf(string, ...any) }, d *Definition) {
	packed, err := Pack(d)
	if err != nil {
		t.Fatalf("pack: %v", err)
	}
	back, err := Unpack(packed)
	if err != nil {
		t.Fatalf("unpack: %v", err)
	}
	if back.Revision() != d.Revision() {
		t.Fatalf("revision %s became %s", d.Revision(), back.Revision())
	}
	p, err := NewProgram(back)
	if err != nil {
		t.Fatalf("program: %v", err)
	}
	for e := range p.exprs {
		_, _ = p.Eval(e, Vars{})
		_ = p.Test(e, testVars())
	}
}

func FuzzCheck(f *testing.F) {
	addSeeds(f)
	f.Fuzz(func(t *testing.T, data []byte) { checkAnywhere(t, data) })
}

func FuzzExpr(f *testing.F) {
	for _, seed := range []string{"event.total > 1", "a.b[", "[1].map(x, x + 1)", "{'a': 1}.a", "count('x', '30d')", "'\\u00e9' + b", "has(a.b.c)", "customer.?a[?0].orValue(1)", "((((((", "\"日本\" == x"} {
		f.Add(seed)
	}
	p := testProgram()
	f.Fuzz(func(t *testing.T, source string) {
		compiled, issues := compileExpr(Expr(source))
		if (compiled == nil) == (len(issues) == 0) {
			t.Fatalf("neither result nor issue, or both: %v", issues)
		}
		for _, issue := range issues {
			if issue.offset < 0 || issue.offset > len([]rune(source)) {
				t.Fatalf("issue outside of the source: %+v", issue)
			}
		}
		if compiled == nil {
			return
		}
		first, err := p.Eval(Expr(source), testVars())
		second, again := p.Eval(Expr(source), testVars())
		if (err == nil) != (again == nil) {
			t.Fatalf("%v, then %v", err, again)
		}
		_, _ = first, second
	})
}

func TestCheckNeverPanics(t *testing.T) {
	t.Parallel()
	sources := []string{cart, reminder}
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

// TestRoundTrip draws definitions and holds them against their packed form.
func TestRoundTrip(t *testing.T) {
	t.Parallel()
	exprs := rapid.SampledFrom([]Expr{"", "true", "event.total > 50", "customer.tier == \"gold\"", "vars.n + 1 > 2"})
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 12).Draw(t, "steps")
		to := rapid.IntRange(End, n-1)
		d := &Definition{Journey: "j", Timeout: DefaultTimeout, Paths: []Path{{Name: Main, Start: 0}},
			Entry: Entry{
				Events:  []string{rapid.String().Draw(t, "event")},
				When:    exprs.Draw(t, "entry"),
				Reentry: ReentryAlways,
				Holdout: rapid.Float64Range(0, 100).Draw(t, "holdout"),
			},
			Vars: map[string]any{
				"n":    rapid.Float64Range(-1e9, 1e9).Draw(t, "n"),
				"text": rapid.String().Draw(t, "text"),
				"list": []any{true, nil, "x"},
			}}
		for i := range n {
			var spec Spec
			switch rapid.IntRange(0, 8).Draw(t, "kind") {
			case 0:
				spec = &Wait{Duration: time.Duration(rapid.Int64Range(0, int64(clock.MaxDuration)).Draw(t, "d")), Until: exprs.Draw(t, "until")}
			case 1:
				spec = &WaitFor{
					Arms:      []EventArm{{Events: []string{"<&>"}, When: exprs.Draw(t, "when"), Then: to.Draw(t, "then")}},
					OnTimeout: to.Draw(t, "to"),
				}
			case 2:
				spec = &Branch{Arms: []BranchArm{{When: exprs.Draw(t, "when"), Then: to.Draw(t, "then")}}, Else: to.Draw(t, "else")}
			case 3:
				spec = &Split{Arms: []SplitArm{{Weight: rapid.Float64Range(0.5, 1e6).Draw(t, "weight"), Then: to.Draw(t, "then")}}}
			case 4:
				spec = &Send{
					Message:   "m",
					Via:       []string{"email"},
					Data:      map[string]Expr{"b": exprs.Draw(t, "b"), "a": "1"},
					OnBlocked: to.Draw(t, "b"),
					OnFailure: to.Draw(t, "f"),
				}
			case 5:
				spec = &Handoff{
					Queue:     "q",
					Outcomes:  map[string]int{"x": to.Draw(t, "x"), "y": to.Draw(t, "y")},
					OnTimeout: to.Draw(t, "to"),
				}
			case 6:
				spec = &Set{Assign: []Assignment{{Target: "vars", Name: "n", Value: exprs.Draw(t, "value")}}}
			case 7:
				spec = &GoTo{Target: "x", To: to.Draw(t, "go")}
			default:
				spec = &Exit{Outcome: rapid.String().Draw(t, "outcome")}
			}
			d.Steps = append(
				d.Steps,
				Step{
					ID:   Main + "." + strconv.Itoa(i),
					Kind: spec.Kind(),
					Path: Main,
					When: exprs.Draw(t, "step"),
					Next: to.Draw(t, "next"),
					Spec: spec,
				},
			)
		}
		roundTrip(t, d)
	})
}

// TestCheckIsBounded gives files that are made to be slow.
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
				Check([]File{{Name: "f.yaml", Data: []byte(source)}}, testOptions())
			}()
			select {
			case <-done:
			case <-time.After(30 * time.Second):
				t.Error("takes longer than 30 s")
			}
		})
	}
}
