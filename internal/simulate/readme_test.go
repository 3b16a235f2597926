package simulate

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tabi-journeys/tabi/internal/journey/lint"
)

// The journey and the test that the project's first page shows are good, with the messages that ship; so are
// the intents, the action and the journey that goes by them.
func TestReadme(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	var files []lint.File
	for _, block := range strings.Split(string(page), "```yaml\n")[1:] {
		source, _, _ := strings.Cut(block, "```")
		first, _, _ := strings.Cut(strings.SplitN(source, "\n", 2)[0], " #")
		kind, name, _ := strings.Cut(first, ":")
		name = strings.TrimSpace(name)
		switch kind {
		case "test":
			name += ".test"
		case "intents":
			name = "intents"
		case "group":
			name = "actions/" + name
		}
		files = append(files, lint.File{Name: name + ".yaml", Data: []byte(source)})
	}
	if len(files) != 5 {
		t.Fatalf("the page shows %d files, not a journey and its test, intents, actions and a journey by them", len(files))
	}
	var messages []string
	for _, names := range []string{"cart-*.yaml", "stay-discount.yaml", "_defaults.yaml", "_layouts/*", "_blocks/*"} {
		found, err := filepath.Glob("../../journeys/messages/" + names)
		if err != nil {
			t.Fatal(err)
		}
		messages = append(messages, found...)
	}
	for _, path := range messages {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, lint.File{Name: strings.TrimPrefix(path, "../../journeys/"), Data: data})
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
