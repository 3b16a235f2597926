package lint_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/journey/journeytest"
	"github.com/tabi-journeys/tabi/internal/journey/lint"
	"github.com/tabi-journeys/tabi/internal/journey/source"
)

// manual is the folder of the reference manual: README.md, a page for each step kind and each file of rules, and the
// page on scenarios.
const manual = "../../../docs/language"

var rulePages = []string{"intents.md", "actions.md", "policy.md", "topics.md", "layouts.md"}

// results describes what a kind stores in steps.<id>.
func results(kind journey.Kind) string {
	if len(kind.Results) == 0 {
		return "–"
	}
	return "`" + strings.Join(kind.Results, "` `") + "`"
}

// kindTable returns the manual's table of steps.
func kindTable() string {
	var out strings.Builder
	out.WriteString("| kind | form | result in `steps.<id>` |\n|---|---|---|\n")
	for _, kind := range journey.Kinds {
		fmt.Fprintf(&out, "| [`%s`](%s.md) | %s | %s |\n", kind.Name, kind.Name, kind.Form, results(kind))
	}
	return out.String()
}

// kindHead returns the generated head of a kind's page.
func kindHead(kind journey.Kind) string {
	options := "–"
	if len(kind.Options()) > 0 {
		options = "`" + strings.Join(kind.Options(), "` `") + "`"
	}
	return fmt.Sprintf(
		"| | |\n|---|---|\n| form | %s |\n| keys beside `%s` | %s |\n| result in `steps.<id>` | %s |\n\n%s\n\n```yaml\n%s```\n",
		kind.Form,
		kind.Name,
		options,
		results(kind),
		wrapped(kind.Doc),
		kind.Example,
	)
}

// wrapped breaks a text into lines as long as the house allows.
func wrapped(text string) string {
	var out strings.Builder
	column := 0
	for _, word := range strings.Fields(text) {
		width := utf8.RuneCountInString(word)
		switch {
		case column == 0:
		case column+1+width > 140:
			out.WriteString("\n")
			column = 0
		default:
			out.WriteString(" ")
			column++
		}
		out.WriteString(word)
		column += width
	}
	return out.String()
}

// codeTable returns the manual's table of diagnostics.
func codeTable() string {
	var out strings.Builder
	out.WriteString("| code | | meaning |\n|---|---|---|\n")
	for _, code := range source.Codes {
		fmt.Fprintf(&out, "| `%s` | %s | %s |\n", code.Code, code.Severity, code.Doc)
	}
	return out.String()
}

// TestManualTables compares the generated parts of the manual with the registry; -update writes them.
func TestManualTables(t *testing.T) {
	t.Parallel()
	generated := map[string]map[string]string{"README.md": {"kinds": kindTable(), "codes": codeTable()}}
	for _, kind := range journey.Kinds {
		generated[kind.Name+".md"] = map[string]string{"kind": kindHead(kind)}
	}
	for page, parts := range generated {
		path := filepath.Join(manual, page)
		data, err := os.ReadFile(path)
		if err != nil {
			t.Error(err)
			continue
		}
		text := string(data)
		for name, part := range parts {
			begin, end := "<!-- "+name+" -->\n", "<!-- /"+name+" -->"
			before, rest, ok := strings.Cut(text, begin)
			old, after, closed := strings.Cut(rest, end)
			if !ok || !closed {
				t.Errorf("%s has no part %s", page, name)
				continue
			}
			if old != part && !*update {
				t.Errorf("%s: the part %s is not that of the registry: go test ./internal/journey -run Manual -update", page, name)
			}
			text = before + begin + part + end + after
		}
		if *update {
			if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
}

var (
	fenced  = regexp.MustCompile("(?ms)^```(?:yaml|html|liquid)(?: ([a-z-]+))?\n(.*?)^```$")
	fileTop = regexp.MustCompile(`^(?:# |<!-- |\{% # )([\w./-]+\.(?:yaml|html|liquid))(?: -->| %\})?\n`)
)

// manualExample is a YAML block of the manual.
type manualExample struct {
	file  lint.File
	code  string // the diagnostic it demonstrates; empty: it is valid
	whole bool   // it names its file: the named files of a page form a folder
	at    string
}

// manualExamples returns the examples of a page.
func manualExamples(t *testing.T, page string) (out []manualExample) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(manual, page))
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range fenced.FindAllStringSubmatchIndex(string(data), -1) {
		e := manualExample{at: fmt.Sprintf("%s:%d", page, 1+strings.Count(string(data[:m[0]]), "\n"))}
		if m[2] >= 0 {
			e.code = string(data[m[2]:m[3]])
		}
		source := string(data[m[4]:m[5]])
		first, rest, _ := strings.Cut(source, ": ")
		name, _, _ := strings.Cut(rest, "\n")
		switch top := fileTop.FindStringSubmatch(source); {
		case top != nil:
			e.whole, e.file = e.code == "", lint.File{Name: top[1], Data: []byte(source)}
		case slices.Contains([]string{"limits", "quiet_hours", "consent", "suppress", "tone", "control_groups"}, first):
			e.file = lint.File{Name: "policy.yaml", Data: []byte(source)}
		case first == "journey":
			e.file = lint.File{Name: name + ".yaml", Data: []byte(source)}
		case first == "message":
			e.file = lint.File{Name: "messages/" + name + ".yaml", Data: []byte(source)}
		case strings.HasPrefix(source, "- "):
			source = "journey: example\nentry: {event: X}\ngoal: {event: Y}\nvars: {tries: 0}\nsteps:\n" + indent(source, "  ")
			e.file = lint.File{Name: "example.yaml", Data: []byte(source)}
		default:
			t.Errorf("%s: the example is neither journey, message, policy nor a list of steps, and names no file:\n%s", e.at, source)
			continue
		}
		out = append(out, e)
	}
	return out
}

// TestManualExamples lints every YAML block of the manual. A valid example has no error; one marked with a code has
// that diagnostic and no other error.
func TestManualExamples(t *testing.T) {
	t.Parallel()
	pages := append([]string{"README.md"}, rulePages...)
	for _, kind := range journey.Kinds {
		pages = append(pages, kind.Name+".md")
	}
	wrong := map[string]bool{}
	for _, page := range pages {
		folder := []lint.File{}
		for _, e := range manualExamples(t, page) {
			if e.whole {
				folder = append(folder, e.file)
				continue
			}
			files := slices.DeleteFunc(journeytest.ExampleFiles(), func(f lint.File) bool { return f.Name == e.file.Name })
			_, diagnostics := lint.Check(append(files, e.file), journeytest.Options())
			shown := e.code == ""
			for _, d := range diagnostics {
				shown = shown || d.Code == e.code
				if d.Severity == source.Error && d.Code != e.code {
					t.Errorf("%s: %s", e.at, d.String())
				}
			}
			if !shown {
				t.Errorf("%s: the example is to show %s, and has %v", e.at, e.code, diagnostics)
			}
			wrong[e.code] = true
		}
		if _, diagnostics := lint.Check(folder, journeytest.Options()); diagnostics.Failed(false) {
			t.Errorf("%s: the files of the page: %v", page, diagnostics)
		}
	}
	if len(wrong) < 10 {
		t.Errorf("the manual shows only %d diagnostics", len(wrong)-1)
	}
}
