package journey

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
)

// exampleFiles are what the examples name: a message, actions and intents.
func exampleFiles() []File {
	return []File{
		{Name: "messages/cart-reminder.yaml", Data: []byte(reminder)},
		{
			Name: "actions/retention.yaml",
			Data: []byte(
				"group: retention\nactions:\n  loyalty-discount: {message: cart-reminder, value: customer.mrr * 0.3}\n  cart-help: {message: cart-reminder, via: [push, email], value: 1}\n",
			),
		},
		{Name: "intents.yaml", Data: []byte("intents:\n  complaint: {half_life: 7d}\n  price-sensitive: {half_life: 3d}\n")},
	}
}

// indent moves lines to the right.
func indent(text, by string) string {
	return by + strings.ReplaceAll(strings.TrimRight(text, "\n"), "\n", "\n"+by) + "\n"
}

// TestKinds walks the registry: a kind needs words, an example that compiles, a decoder of its spec, and a
// golden with its definition.
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
	files, err := filepath.Glob("step_*.go")
	if err != nil || len(files) != len(Kinds) {
		t.Errorf("%d files step_<kind>.go for %d kinds (%v)", len(files), len(Kinds), err)
	}
	for _, kind := range Kinds {
		t.Run(kind.Name, func(t *testing.T) {
			if kind.Form == "" || kind.Doc == "" || kind.Example == "" || kind.parse == nil || kind.decode == nil {
				t.Fatal("lacks form, doc, example, parse or decode")
			}
			if _, err := os.Stat("step_" + kind.Name + ".go"); err != nil {
				t.Error(err)
			}
			if !strings.Contains(compiled.String(), `"kind": "`+kind.Name+`"`) {
				t.Error("no golden has its definition")
			}
			spec, err := kind.decode(json.RawMessage("{}"))
			if err != nil || spec.Kind() != kind.Name {
				t.Errorf("decode gives %v, %v", spec, err)
			}
			if _, ok := spec.(program); !ok {
				t.Error("the spec does not tell its targets and expressions")
			}
			source := "journey: example\nentry: {event: X}\nvars: {tries: 0}\nsteps:\n" + indent(kind.Example, "  ")
			_, diagnostics := Check(append(exampleFiles(), File{Name: "example.yaml", Data: []byte(source)}), testOptions())
			if diagnostics.Failed(false) {
				t.Errorf("the example does not lint: %v", diagnostics)
			}
		})
	}
}

func TestUnknownKindIsRefused(t *testing.T) {
	t.Parallel()
	for _, data := range []string{`{"id":"a","kind":"teleport","spec":{}}`, `{"id":"a","kind":"ask","spec":5}`, `{"id":"a","kind":"wait","spec":5}`, `[]`} {
		var s Step
		if err := json.Unmarshal([]byte(data), &s); err == nil {
			t.Errorf("%s is taken: %+v", data, s)
		}
	}
}

// BenchmarkCheck checks 500 journeys, none of which has an expression of another, with nothing compiled before.
func BenchmarkCheck(b *testing.B) {
	files := exampleFiles()
	for i := range 500 {
		source := strings.ReplaceAll(cart, "cart-recovery", fmt.Sprintf("cart-%d", i))
		for from, to := range map[string]string{
			"event.total >= 50": "event.total >= 50.%d && event.currency != \"JPY\"", "key: event.cart_id": "key: event.cart_id%d", "value: event.total": "value: event.total * %d",
			"event.cart_id == entry.cart_id": "event.cart_id == entry.cart_id%d", "customer.employee == true": "customer.employee == true || customer.n > %d",
			"size(entry.items)": "size(entry.items) + %d", `event.message == "cart-reminder"`: `event.message == "cart-reminder-%d"`, "vars.tries + 1": "vars.tries + %d",
			"when: steps.response.timed_out": "when: steps.response.timed_out && now > timestamp(%d)", "until: customer.trial_ends_at": "until: customer.trial_ends_at_%d",
		} {
			if !strings.Contains(source, from) {
				b.Fatalf("the journey has no %s", from)
			}
			source = strings.ReplaceAll(source, from, fmt.Sprintf(to, i))
		}
		files = append(files, File{Name: fmt.Sprintf("cart-%d.yaml", i), Data: []byte(source)})
	}
	for b.Loop() {
		exprCache.Lock()
		clear(exprCache.entries)
		exprCache.Unlock()
		if _, diagnostics := Check(files, testOptions()); diagnostics.Failed(false) {
			b.Fatal(diagnostics)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Milliseconds())/float64(b.N)/500, "ms/journey")
}
