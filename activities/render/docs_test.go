package render_test

import (
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/tabi-journeys/tabi/activities/render"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/journey/template"
)

// TestLiquidPage renders every example of docs/language/liquid.md and compares it with the page. Every filter has an
// example there.
func TestLiquidPage(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("../../docs/language/liquid.md")
	if err != nil {
		t.Fatal(err)
	}
	page := string(data)
	values := regexp.MustCompile("(?s)```json\n(.*?)```").FindStringSubmatch(page)
	if values == nil {
		t.Fatal("the page has no block of values")
	}
	var given struct{ Customer, Entry map[string]any }
	if err := json.Unmarshal([]byte(values[1]), &given); err != nil {
		t.Fatal(err)
	}
	all := map[string]bool{}
	for _, name := range template.FilterNames() {
		all[name] = true
	}
	for _, row := range regexp.MustCompile("(?m)^\\| `(\\w+)` \\| `(.*?)` \\| `(.*?)` \\|").FindAllStringSubmatch(page, -1) {
		name, source, want := row[1], strings.ReplaceAll(row[2], `\|`, "|"), row[3]
		if !strings.Contains(source, "| "+name) {
			t.Errorf("the example of %s does not use it: %s", name, source)
		}
		v := vars()
		v.Customer, v.Entry = given.Customer, given.Entry
		out, err := render.Render(
			t.Context(),
			spec(t, "sms"),
			journey.Treatment{"text": "[{{ " + source + " }}]"},
			v,
			nil,
			render.Options{},
		)
		if got := strings.ReplaceAll(out["text"], "\n", "⏎"); err != nil || got != "["+want+"]" {
			t.Errorf("%s: %q (%v), the page says %q", source, got, err, want)
		}
		delete(all, name)
	}
	for name := range all {
		t.Errorf("the page has no example of the filter %s", name)
	}
}
