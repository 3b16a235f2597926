package simulate

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tabi-journeys/tabi/internal/journey"
)

// The journey and the test that the project's first page shows are good, with the messages that ship.
func TestReadme(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	var files []journey.File
	for _, block := range strings.Split(string(page), "```yaml\n")[1:] {
		source, _, _ := strings.Cut(block, "```")
		kind, name, _ := strings.Cut(strings.SplitN(source, "\n", 2)[0], ": ")
		if kind == "test" {
			name += ".test"
		}
		files = append(files, journey.File{Name: name + ".yaml", Data: []byte(source)})
	}
	if len(files) != 2 {
		t.Fatalf("the page shows %d files, not a journey and its test", len(files))
	}
	messages, err := filepath.Glob("../../journeys/messages/cart-*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range messages {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, journey.File{Name: "messages/" + filepath.Base(path), Data: data})
	}
	jobs := everything(compile(t, files))
	if len(jobs) == 0 {
		t.Fatal("no scenario was found")
	}
	for _, job := range jobs {
		for _, failure := range Run(t.Context(), job.Content, job.Test, job.Scenario, Options{}).Failures {
			t.Errorf("%s: %s", failure.Place, failure.Message)
		}
	}
}
