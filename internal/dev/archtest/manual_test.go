package archtest

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/tabi-journeys/tabi/activities/channels"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/journey/lint"
	"github.com/tabi-journeys/tabi/internal/journey/scenario"
	"github.com/tabi-journeys/tabi/internal/simulate"
)

// file matches an example that names its file in its first line.
var file = regexp.MustCompile("(?ms)^```(?:yaml\n# |html\n<!-- |liquid\n\\{% # )" +
	"([\\w./-]+\\.(?:yaml|html|liquid))(?: -->| %\\})?\n(.*?)^```$")

// The files shown on a page of the manual form a folder that lints, whose scenarios pass; on the page of a
// kind of step, some go through such a step.
func TestManualIsPlayed(t *testing.T) {
	t.Parallel()
	pages, err := filepath.Glob(filepath.Join(root(t), "docs/language/*.md"))
	if err != nil || len(pages) < len(journey.Kinds) {
		t.Fatalf("%d pages (%v)", len(pages), err)
	}
	for _, page := range pages {
		name := filepath.Base(page)
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			data, err := os.ReadFile(page)
			if err != nil {
				t.Fatal(err)
			}
			var files []lint.File
			for _, m := range file.FindAllStringSubmatch(string(data), -1) {
				data := m[2]
				if strings.HasSuffix(m[1], ".yaml") {
					data = "#\n" + data
				}
				files = append(files, lint.File{Name: m[1], Data: []byte(data)})
			}
			content, tests, diagnostics := scenario.Check(files, lint.Options{Channels: channels.Shipped().Specs()})
			if diagnostics.Failed(false) {
				var words strings.Builder
				_ = diagnostics.Text(&words)
				t.Fatalf("the page's files do not lint:\n%s", words.String())
			}
			if len(tests) == 0 {
				t.Error("the page shows no scenario")
			}
			visited := map[string]bool{} // kinds
			for _, test := range tests {
				for n := range test.Scenarios {
					result := simulate.Run(t.Context(), content, test, n, simulate.Options{})
					for name, steps := range result.Visited {
						for id := range steps {
							visited[content.Journeys[name].Step(id).Kind] = true
						}
					}
					for _, failure := range result.Failures {
						t.Errorf("%s: %s: %s", test.Scenarios[n].Name, failure.Place, failure.Message)
					}
				}
			}
			if kind, ok := journey.KindNamed(strings.TrimSuffix(name, ".md")); ok && !visited[kind.Name] {
				t.Errorf("no scenario of the page goes through a step %s", kind.Name)
			}
		})
	}
}
