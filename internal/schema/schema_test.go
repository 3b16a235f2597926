package schema

import (
	"encoding/json"
	"flag"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tabi-journeys/tabi/activities/channels"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/journey/lint"
	"github.com/tabi-journeys/tabi/internal/schema/shape"
)

var update = flag.Bool("update", false, "write docs/schema anew")

const published = "../../docs/schema"

// TestPublished checks that docs/schema holds exactly the schemas of this build.
func TestPublished(t *testing.T) {
	t.Parallel()
	var names []string
	for _, k := range Kinds() {
		data, err := Generate(k.Name, channels.Shipped().Specs())
		if err != nil {
			t.Fatal(err)
		}
		name := filepath.Join(published, k.File())
		names = append(names, name)
		if *update {
			if err := os.WriteFile(name, data, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		have, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(have), string(data)); diff != "" {
			t.Errorf("%s is not of this build: tabi schema --write docs/schema (-have +want):\n%s", name, diff)
		}
	}
	found, err := filepath.Glob(filepath.Join(published, "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(names)
	if diff := cmp.Diff(names, found); diff != "" {
		t.Error(diff)
	}
	if _, err := Generate("mesage", nil); err == nil {
		t.Error("there is a schema of a kind that is none")
	}
}

// TestSchemasAreSound checks every schema against the draft's own schema, and that mappings with known keys allow no
// others.
func TestSchemasAreSound(t *testing.T) {
	t.Parallel()
	all, err := compiled()
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range Kinds() {
		if all[k.Name] == nil {
			t.Errorf("%s was not compiled", k.Name)
		}
		data, err := Generate(k.Name, channels.Shipped().Specs())
		if err != nil {
			t.Fatal(err)
		}
		var root map[string]any
		if err := json.Unmarshal(data, &root); err != nil {
			t.Fatal(err)
		}
		if root["$schema"] != shape.Dialect || root["additionalProperties"] != false {
			t.Errorf("%s: the dialect is %v, other keys are %v", k.Name, root["$schema"], root["additionalProperties"])
		}
		described(t, k.Name, root, "")
	}
}

// described fails if a key has no description, neither its own nor that of the definition it refers to.
func described(t *testing.T, kind string, node any, path string) {
	switch n := node.(type) {
	case []any:
		for _, item := range n {
			described(t, kind, item, path+"[]")
		}
	case map[string]any:
		properties, _ := n["properties"].(map[string]any)
		for key, value := range properties {
			one, ok := value.(map[string]any)
			if ok && n["additionalProperties"] == false && one["description"] == nil && one["$ref"] == nil && key != "note" &&
				key != "via" {
				t.Errorf("%s: %s.%s has no description", kind, path, key)
			}
		}
		for key, value := range n {
			described(t, kind, value, path+"."+key)
		}
	}
}

// def returns a definition of the journey's schema.
func def(t *testing.T, name string) *shape.Schema {
	t.Helper()
	b := &builder{shape.NewBuilder(channels.Shipped().Specs())}
	b.journey()
	if b.Defs[name] == nil {
		t.Fatalf("the schema has no part %s", name)
	}
	return b.Defs[name]
}

// TestKindsMatchRegistry compares the schema's kinds, options and results with the registry and the manual.
func TestKindsMatchRegistry(t *testing.T) {
	t.Parallel()
	var alternatives, kinds []string
	for _, one := range def(t, "step").OneOf {
		alternatives = append(alternatives, strings.TrimPrefix(one.Ref, "#/$defs/step_"))
	}
	for _, kind := range journey.Kinds {
		kinds = append(kinds, kind.Name)
		s := def(t, "step_"+kind.Name)
		have := slices.Sorted(maps.Keys(s.Properties))
		want := slices.Concat([]string{kind.Name, "id", "name", "when"}, kind.Options())
		slices.Sort(want)
		if diff := cmp.Diff(want, have); diff != "" {
			t.Errorf("%s: keys (-registry +schema):\n%s", kind.Name, diff)
		}
		if s.Others != false || !slices.Contains(s.Required, kind.Name) {
			t.Errorf("%s: the step is not closed, or its kind is not required", kind.Name)
		}
		doc := s.Properties[kind.Name].Description
		if !strings.HasPrefix(doc, kind.Doc) {
			t.Errorf("%s: what the editor shows is not what the manual says: %s", kind.Name, doc)
		}
		if results := "Leaves in steps.<id>: " + strings.Join(kind.Results, ", ") + "."; len(
			kind.Results,
		) > 0 != strings.Contains(
			doc,
			results,
		) {
			t.Errorf("%s: the results are not %v: %s", kind.Name, kind.Results, doc)
		}
	}
	if diff := cmp.Diff(kinds, alternatives); diff != "" {
		t.Errorf("kinds (-registry +schema):\n%s", diff)
	}
}

// TestEnumerationsMatchLint compares the words of each enumeration with those that lint lists for an unknown word.
func TestEnumerationsMatchLint(t *testing.T) {
	t.Parallel()
	for step, have := range map[string]*shape.Schema{
		"call: {url: \"https://x.example\", method: X}":       def(t, "step_call").Properties["call"].Properties["method"],
		"handoff: q\n    priority: X":                         def(t, "step_handoff").Properties["priority"],
		"send: m\n    category: X":                            def(t, "step_send").Properties["category"],
		"wait_for: {event: A}\n    timeout: 1h\n    since: X": def(t, "step_wait_for").Properties["since"],
	} {
		files := []lint.File{
			{Name: "j.yaml", Data: []byte("journey: j\nentry: {event: E}\ngoal: {event: G}\nsteps:\n  - " + step + "\n")},
			{Name: "messages/m.yaml", Data: []byte("message: m\nsms: {text: x}\n")},
		}
		_, _, words := verdict(files, "j.yaml")
		var want []string
		for _, word := range have.Enum {
			want = append(want, word.(string))
		}
		if !strings.Contains(words, "is one of: "+strings.Join(want, ", ")+"\n") {
			t.Errorf("%s: the schema has %v, lint says %s", step, want, words)
		}
	}
}

// TestChannelsMatchRegistry compares the channels and their fields with the registry.
func TestChannelsMatchRegistry(t *testing.T) {
	t.Parallel()
	b := &builder{shape.NewBuilder(channels.Shipped().Specs())}
	message := b.message()
	b.journey()
	var names []string
	for i, c := range channels.Shipped().Specs() {
		names = append(names, b.Defs["channel"].AnyOf[i].Enum[0].(string))
		treatment := message.Properties[c.Name]
		if (treatment == nil) != c.Any {
			t.Errorf("%s: has a treatment: %v", c.Name, treatment != nil)
		}
		if treatment == nil {
			continue
		}
		var fields []string
		for _, f := range c.Fields {
			fields = append(fields, f.Name)
			if got := treatment.Properties[f.Name]; got == nil || !strings.Contains(got.Description, f.Doc) {
				t.Errorf("%s.%s is not described as in the registry", c.Name, f.Name)
			}
			if needed := f.Required && f.Or == ""; needed != slices.Contains(treatment.Required, f.Name) {
				t.Errorf("%s.%s: required is %v", c.Name, f.Name, !needed)
			}
		}
		slices.Sort(fields)
		if diff := cmp.Diff(fields, slices.Sorted(maps.Keys(treatment.Properties))); diff != "" {
			t.Errorf("%s: fields (-registry +schema):\n%s", c.Name, diff)
		}
	}
	for i, c := range channels.Shipped().Specs() {
		if names[i] != c.Name {
			t.Errorf("the channels are %v", names)
		}
	}
}
