package schema

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"gopkg.in/yaml.v3"

	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/journey/lint"
)

// agree compares the schema with lint for one file of a folder. The schema must accept what lint accepts, and refuse
// what lint refuses for its shape. What lint refuses for its meaning, the schema may accept or refuse.
func agree(t *testing.T, files []lint.File, name string, document any) (refusal, same bool) {
	t.Helper()
	shape, failed, words := verdict(files, name)
	why := refused(t, kindOf(name), document)
	refusal = why != nil
	switch {
	case !failed && why != nil:
		t.Errorf("%s: lint takes it, the schema does not: %v", name, why)
	case shape && why == nil:
		t.Errorf("%s: the schema takes it, lint does not:\n%s", name, words)
	default:
		return refusal, true
	}
	return refusal, false
}

// TestGoodFiles checks that lint and schema accept the shipped files, files that use every key, and the simulator's.
func TestGoodFiles(t *testing.T) {
	t.Parallel()
	for _, root := range []string{"../../journeys", "testdata/whole", "../simulate/testdata/language", "../simulate/testdata/rules"} {
		files := folder(t, root)
		for _, file := range files {
			if filepath.Ext(file.Name) != ".yaml" {
				continue // a layout or a block
			}
			_, document, ok := parse(file.Data)
			if !ok {
				t.Errorf("%s/%s cannot be read", root, file.Name)
				continue
			}
			if _, failed, words := verdict(files, file.Name); failed {
				t.Errorf("%s: lint: %s", root, words)
			}
			if why := refused(t, kindOf(file.Name), document); why != nil {
				t.Errorf("%s/%s: %v", root, file.Name, why)
			}
		}
	}
}

// TestGoldens compares schema and lint on lint's goldens, valid and invalid.
func TestGoldens(t *testing.T) {
	t.Parallel()
	paths, err := filepath.Glob("../journey/lint/testdata/*.txtar")
	if err != nil || len(paths) < 40 {
		t.Fatal("no goldens", err)
	}
	both := [2]int{}
	for _, path := range paths {
		archive, err := txtar.ParseFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var files []lint.File
		for _, file := range archive.Files {
			switch filepath.Ext(file.Name) {
			case ".yaml", ".yml", ".html", ".liquid":
				files = append(files, lint.File{Name: file.Name, Data: file.Data})
			}
		}
		for _, file := range files {
			if ext := filepath.Ext(file.Name); ext != ".yaml" && ext != ".yml" {
				continue
			}
			_, document, ok := parse(file.Data)
			if !ok {
				continue
			}
			if _, same := agree(t, files, file.Name, document); !same {
				t.Logf("in %s", path)
			}
			if shape, failed, _ := verdict(files, file.Name); shape {
				both[1]++
			} else if !failed {
				both[0]++
			}
		}
	}
	if both[0] < 40 || both[1] < 25 {
		t.Errorf("only %d good files and %d bad ones were compared", both[0], both[1])
	}
}

// edit is a reversible change of a document.
type edit struct {
	what string
	make func() (undo func())
}

// edits returns all small mistakes in a value: each key missing, one extra key in every mapping, each value replaced by
// one of another type.
func edits(n *yaml.Node, path string) []edit {
	var out []edit
	swap := func(what string, content []*yaml.Node) {
		out = append(out, edit{path + ": " + what, func() func() {
			old := n.Content
			n.Content = content
			return func() { n.Content = old }
		}})
	}
	switch n.Kind {
	case yaml.DocumentNode:
		return edits(n.Content[0], "")
	case yaml.MappingNode:
		one := func(text string) *yaml.Node { return &yaml.Node{Kind: yaml.ScalarNode, Value: text} }
		swap("a key too many", append([]*yaml.Node{one("zzz"), one("one")}, n.Content...))
		for i := 0; i+1 < len(n.Content); i += 2 {
			key := n.Content[i].Value
			swap("without "+key, append(append([]*yaml.Node{}, n.Content[:i]...), n.Content[i+2:]...))
			out = append(out, replaced(&n.Content[i+1], path+"."+key)...)
			out = append(out, edits(n.Content[i+1], path+"."+key)...)
		}
	case yaml.SequenceNode:
		for i := range n.Content {
			at := fmt.Sprintf("%s[%d]", path, i)
			out = append(out, replaced(&n.Content[i], at)...)
			out = append(out, edits(n.Content[i], at)...)
		}
	}
	return out
}

// replaced returns edits that replace a value by others.
func replaced(at **yaml.Node, path string) []edit {
	var out []edit
	for _, other := range []string{"~", "true", "5", "word", `" "`, "1h", "[]", "[word]", "{}", "{zzz: 1}"} {
		var n yaml.Node
		if err := yaml.Unmarshal([]byte(other), &n); err != nil {
			panic(err)
		}
		out = append(out, edit{path + ": " + other, func() func() {
			old := *at
			*at = n.Content[0]
			return func() { *at = old }
		}})
	}
	return out
}

// named maps a kind of file to the kinds that its files refer to.
var named = map[string][]string{
	"test": {
		"journey",
		"message",
		"actions",
		"intents",
	}, "journey": {"message", "actions", "intents"}, "actions": {"message", "intents"}, "policy": {"intents"},
}

// TestEveryMistake makes every small mistake in files that use every key, and compares lint and schema.
func TestEveryMistake(t *testing.T) {
	t.Parallel()
	files := folder(t, "testdata/whole")
	for _, file := range files {
		t.Run(strings.ReplaceAll(file.Name, "/", "-"), func(t *testing.T) {
			t.Parallel()
			root, _, ok := parse(file.Data)
			if !ok {
				t.Fatal("cannot be read")
			}
			changed := []lint.File{{Name: file.Name}} // and the files that it refers to, directly or not
			kind := kindOf(file.Name)
			for _, other := range files {
				if other.Name != file.Name && slices.Contains(named[kind], kindOf(other.Name)) {
					changed = append(changed, other)
				}
			}
			refusals := 0
			all := edits(root, "")
			for _, e := range all {
				undo := e.make()
				data, err := yaml.Marshal(root)
				if err != nil {
					t.Fatal(err)
				}
				changed[0].Data = data
				if document, ok := value(root); ok {
					refusal, same := agree(t, changed, file.Name, document)
					if refusal {
						refusals++
					}
					if !same {
						t.Log(e.what)
					}
				}
				undo()
			}
			if refusals < len(all)/2 || refusals == len(all) {
				t.Errorf("of %d mistakes %d were refused", len(all), refusals)
			}
		})
	}
}

var fileTop = regexp.MustCompile(`^# ([\w./-]+\.yaml)\n`)

var example = regexp.MustCompile("(?ms)^```yaml *([a-z-]*)\n(.*?)^```$")

// TestManual compares schema and lint on the examples of the manual, valid and invalid.
func TestManual(t *testing.T) {
	t.Parallel()
	pages, err := filepath.Glob("../../docs/language/*.md")
	if err != nil || len(pages) < len(journey.Kinds) {
		t.Fatalf("%d pages (%v)", len(pages), err)
	}
	good, bad := 0, 0
	for _, page := range pages {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range example.FindAllStringSubmatch(string(text), -1) {
			code, source := m[1], m[2]
			_, document, ok := parse([]byte(source))
			if !ok {
				if code == "" {
					t.Errorf("%s: cannot be read:\n%s", page, source)
				}
				continue
			}
			kind := "journey"
			if m := fileTop.FindStringSubmatch(source); m != nil {
				kind = kindOf(m[1])
			}
			switch d := document.(type) {
			case []any: // steps
				document = map[string]any{"journey": "j", "entry": map[string]any{"event": "E"}, "steps": d}
			case map[string]any:
				for key, name := range map[string]string{"test": "test", "message": "message", "group": "actions", "intents": "intents",
					"limits": "policy", "quiet_hours": "policy", "consent": "policy",
					"suppress": "policy", "control_groups": "policy", "topics": "topics"} {
					if d[key] != nil {
						kind = name
					}
				}
			}
			why := refused(t, kind, document)
			switch {
			case code == "" && why != nil:
				t.Errorf("%s: the manual shows it, the schema refuses it: %v\n%s", page, why, source)
			case slices.Contains(structural, code) && why == nil:
				t.Errorf("%s: the manual says %s, the schema takes it:\n%s", page, code, source)
			case code == "":
				good++
			case why != nil:
				bad++
			}
		}
	}
	if good < 30 || bad < 5 {
		t.Errorf("only %d good examples and %d bad ones were looked at", good, bad)
	}
}
