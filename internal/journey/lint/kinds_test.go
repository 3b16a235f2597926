package lint_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/journey/journeytest"
	"github.com/tabi-journeys/tabi/internal/journey/lint"
)

func indent(text, by string) string {
	return by + strings.ReplaceAll(strings.TrimRight(text, "\n"), "\n", "\n"+by) + "\n"
}

// TestKinds checks the registry: a kind needs a description, a valid example, a decoder, and a golden with its
// definition.
func TestKinds(t *testing.T) {
	t.Parallel()
	var compiled strings.Builder
	for _, path := range goldens(t) {
		archive, err := txtar.ParseFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range archive.Files {
			if strings.HasSuffix(file.Name, ".json") {
				compiled.Write(file.Data)
			}
		}
	}
	files, err := filepath.Glob("../step_*.go")
	if err != nil || len(files) != len(journey.Kinds) {
		t.Errorf("%d files step_<kind>.go for %d kinds (%v)", len(files), len(journey.Kinds), err)
	}
	for _, kind := range journey.Kinds {
		t.Run(kind.Name, func(t *testing.T) {
			if kind.Form == "" || kind.Doc == "" || kind.Example == "" || kind.New == nil {
				t.Fatal("lacks form, doc, example or an empty spec")
			}
			if _, err := os.Stat("../step_" + kind.Name + ".go"); err != nil {
				t.Error(err)
			}
			if !strings.Contains(compiled.String(), `"kind": "`+kind.Name+`"`) {
				t.Error("no golden has its definition")
			}
			for _, f := range kind.New().Fields()[1:] {
				if !regexp.MustCompile(`\b` + f.Key + `\b`).MatchString(kind.Form) {
					t.Errorf("the form does not name the field %s", f.Key)
				}
			}
			spec := kind.New()
			if key := spec.Fields()[0].Key; key != kind.Name {
				t.Errorf("the first field is %q", key)
			}
			if spec.Kind() != kind.Name {
				t.Errorf("the spec is of kind %q", spec.Kind())
			}
			source := "journey: example\nentry: {event: X}\nvars: {tries: 0}\nsteps:\n" + indent(kind.Example, "  ")
			_, diagnostics := lint.Check(
				append(journeytest.ExampleFiles(), lint.File{Name: "example.yaml", Data: []byte(source)}),
				journeytest.Options(),
			)
			if diagnostics.Failed(false) {
				t.Errorf("the example does not lint: %v", diagnostics)
			}
		})
	}
}

func TestUnknownKindIsRefused(t *testing.T) {
	t.Parallel()
	for _, data := range []string{`{"id":"a","kind":"teleport","spec":{}}`, `{"id":"a","kind":"ask","spec":5}`,
		`{"id":"a","kind":"wait","spec":5}`, `[]`} {
		var s journey.Step
		if err := json.Unmarshal([]byte(data), &s); err == nil {
			t.Errorf("%s is taken: %+v", data, s)
		}
	}
}

// BenchmarkCheck checks 500 journeys that share no expressions, with an empty cache.
func BenchmarkCheck(b *testing.B) {
	files := journeytest.ExampleFiles()
	for i := range 500 {
		source := strings.ReplaceAll(journeytest.Cart, "cart-recovery", fmt.Sprintf("cart-%d", i))
		for from, to := range map[string]string{
			"event.total >= 50": "event.total >= 50.%d && event.currency != \"JPY\"", "key: event.cart_id": "key: event.cart_id%d",
			"value: event.total":               "value: event.total * %d",
			"event.cart_id == entry.cart_id":   "event.cart_id == entry.cart_id%d",
			"customer.employee == true":        "customer.employee == true || customer.n > %d",
			"size(entry.items)":                "size(entry.items) + %d",
			`event.message == "cart-reminder"`: `event.message == "cart-reminder-%d"`, "vars.tries + 1": "vars.tries + %d",
			"when: steps.response.timed_out": "when: steps.response.timed_out && now > timestamp(%d)",
			"until: customer.trial_ends_at":  "until: customer.trial_ends_at_%d",
		} {
			if !strings.Contains(source, from) {
				b.Fatalf("the journey has no %s", from)
			}
			source = strings.ReplaceAll(source, from, fmt.Sprintf(to, i))
		}
		files = append(files, lint.File{Name: fmt.Sprintf("cart-%d.yaml", i), Data: []byte(source)})
	}
	for b.Loop() {
		if _, diagnostics := lint.Check(files, journeytest.Options()); diagnostics.Failed(false) {
			b.Fatal(diagnostics)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Milliseconds())/float64(b.N)/500, "ms/journey")
}
