package journey

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
)

const manual = "../../docs/language.md"

// kindTable is the manual's table of steps.
func kindTable() string {
	var out strings.Builder
	out.WriteString("| kind | form | result in `steps.<id>` |\n|---|---|---|\n")
	for _, kind := range Kinds {
		results := "–"
		if len(kind.Results) > 0 {
			results = "`" + strings.Join(kind.Results, "` `") + "`"
		}
		form := kind.Form
		if !strings.Contains(form, "`") {
			form = "`" + form + "`"
		}
		fmt.Fprintf(&out, "| `%s` | %s | %s |\n", kind.Name, form, results)
	}
	out.WriteByte('\n')
	for _, kind := range Kinds {
		fmt.Fprintf(&out, "#### %s\n%s\n\n```yaml\n%s```\n\n", kind.Name, kind.Doc, kind.Example)
	}
	return strings.TrimRight(out.String(), "\n") + "\n"
}

// codeTable is the manual's table of diagnostics.
func codeTable() string {
	var out strings.Builder
	out.WriteString("| code | | meaning |\n|---|---|---|\n")
	for _, code := range Codes {
		fmt.Fprintf(&out, "| `%s` | %s | %s |\n", code.Code, code.Severity, code.Doc)
	}
	return out.String()
}

// TestManualTables holds the generated parts of the manual against the registry; -update writes them.
func TestManualTables(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile(manual)
	if err != nil {
		t.Fatal(err)
	}
	text := string(data)
	for name, table := range map[string]string{"kinds": kindTable(), "codes": codeTable()} {
		begin, end := "<!-- "+name+" -->\n", "<!-- /"+name+" -->"
		before, rest, ok := strings.Cut(text, begin)
		old, after, closed := strings.Cut(rest, end)
		if !ok || !closed {
			t.Fatalf("the manual has no part %s", name)
		}
		if old != table && !*update {
			t.Errorf("the manual's %s are not those of the registry: go test ./internal/journey -run Manual -update", name)
		}
		text = before + begin + table + end + after
	}
	if *update {
		if err := os.WriteFile(manual, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

var fenced = regexp.MustCompile("(?s)```yaml\n(.*?)```")

// TestManualExamples lints every YAML of the manual: whole files by their first key, lists as steps of a journey.
func TestManualExamples(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile(manual)
	if err != nil {
		t.Fatal(err)
	}
	files := exampleFiles()
	var names []string
	for i, m := range fenced.FindAllStringSubmatch(string(data), -1) {
		source := m[1]
		name := fmt.Sprintf("steps-%d.yaml", i)
		switch first, rest, _ := strings.Cut(source, ": "); {
		case first == "journey":
			name, _, _ = strings.Cut(rest, "\n")
			name += ".yaml"
		case first == "message":
			name, _, _ = strings.Cut(rest, "\n")
			name = "messages/" + name + ".yaml"
		case strings.HasPrefix(source, "- "):
			source = fmt.Sprintf("journey: steps-%d\nentry: {event: X}\nvars: {tries: 0}\nsteps:\n", i) + indent(source, "  ")
		default:
			t.Fatalf("example %d is neither journey, message nor a list of steps:\n%s", i, source)
		}
		names = append(names, name)
		replaced := false
		for k := range files {
			if files[k].Name == name {
				files[k].Data, replaced = []byte(source), true
			}
		}
		if !replaced {
			files = append(files, File{Name: name, Data: []byte(source)})
		}
	}
	if len(names) < len(Kinds)+2 {
		t.Errorf("only %d examples in the manual", len(names))
	}
	_, diagnostics := Check(files, testOptions())
	for _, d := range diagnostics {
		if d.Severity == Error {
			t.Error(d.String())
		}
	}
}
