package archtest

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/tabi-journeys/tabi/activities/channels"
	"github.com/tabi-journeys/tabi/channel"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/workflows"
)

// text returns the joined text of the files that match.
func text(t *testing.T, patterns ...string) string {
	t.Helper()
	var all strings.Builder
	for _, p := range patterns {
		names, err := filepath.Glob(filepath.Join(root(t), p))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			data, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			all.Write(data)
		}
	}
	if all.Len() == 0 {
		t.Fatalf("no file matches %v", patterns)
	}
	return all.String()
}

// A step kind is a line in journey.Kinds and one in the interpreter's registry, and is documented and shown.
func TestStepKindsAreWhole(t *testing.T) {
	t.Parallel()
	runs := workflows.Kinds()
	schema := text(t, "docs/schema/journey.schema.json")
	var known []string
	for _, k := range journey.Kinds {
		known = append(known, k.Name)
		for what, there := range map[string]bool{
			"a run: a line in workflows/registry.go":    slices.Contains(runs, k.Name),
			"docs: Doc and Form in its journey.Kind":    k.Doc != "" && k.Form != "",
			"an example: Example in its journey.Kind":   strings.Contains(k.Example, k.Name+":"),
			"a page in docs/language":                   exists(t, "docs/language/"+k.Name+".md"),
			"its spec in internal/journey/step_x.go":    exists(t, "internal/journey/step_"+k.Name+".go"),
			"its run in workflows/step_x.go":            exists(t, "workflows/step_"+k.Name+".go"),
			"a part of docs/schema/journey.schema.json": strings.Contains(schema, `"step_`+k.Name+`": {`),
		} {
			if !there {
				t.Errorf("step kind %s lacks %s", k.Name, what)
			}
		}
	}
	for _, name := range runs {
		if !slices.Contains(known, name) {
			t.Errorf("the interpreter runs %s, which is not in journey.Kinds", name)
		}
	}
}

// inTable reports whether the manual's table of channels names the channel, all its fields and its address.
func inTable(manual string, c channel.Spec) bool {
	line := regexp.MustCompile("(?m)^\\| `" + c.Name + "` \\|.*$").FindString(manual)
	for _, f := range c.Fields {
		if !strings.Contains(line, "`"+f.Name+"`") {
			return false
		}
	}
	return line != "" && (c.Address == "" || strings.Contains(line, "`customer."+c.Address+"`"))
}

// A channel is a line in its registry, and is documented and tested.
func TestChannelsAreWhole(t *testing.T) {
	t.Parallel()
	manual, tests := text(t, "docs/language/README.md"), text(t, "activities/channels/*_test.go")
	via, message := text(t, "docs/schema/journey.schema.json"), text(t, "docs/schema/message.schema.json")
	for _, c := range channels.Shipped().Specs() {
		for what, there := range map[string]bool{
			"fields in its spec":                     len(c.Fields) > 0,
			"its own file in activities/channels":    exists(t, "activities/channels/"+c.Name+".go"),
			"a line in docs/language/README.md":      inTable(manual, c),
			"a test that names it in its package":    strings.Contains(tests, `"`+c.Name+`"`),
			"a line of via in the journey's schema":  strings.Contains(via, `"description": "`+c.Doc+`"`),
			"a treatment in the message's schema":    c.Any || strings.Contains(message, `"`+c.Name+`": {`),
			"a name that a journey can write in via": regexp.MustCompile(`^[a-z_]+$`).MatchString(c.Name),
		} {
			if !there && !(c.Name == "log" && what == "fields in its spec") { // log prints any treatment
				t.Errorf("channel %s lacks %s", c.Name, what)
			}
		}
	}
}

func exists(t *testing.T, path string) bool {
	t.Helper()
	_, err := os.Stat(filepath.Join(root(t), path))
	return err == nil
}
