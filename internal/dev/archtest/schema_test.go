package archtest

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tabi-journeys/tabi/internal/schema"
)

// Every shipped file names its schema in its first line, so that editors complete and check it.
func TestShippedFilesNameTheirSchema(t *testing.T) {
	t.Parallel()
	files := 0
	for pattern, kind := range map[string]string{"*.yaml": "journey", "*.test.yaml": "test", "messages/*.yaml": "message",
		"messages/_defaults.yaml": "defaults", "actions/*.yaml": "actions", "intents.yaml": "intents",
		"policy.yaml": "policy", "topics.yaml": "topics"} {
		names, err := filepath.Glob(filepath.Join(root(t), "journeys", pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			base := filepath.Base(name)
			other := []string{"intents.yaml", "policy.yaml", "topics.yaml"}
			if kind == "message" && base == "_defaults.yaml" {
				continue
			}
			if kind == "journey" && (strings.HasSuffix(base, ".test.yaml") || slices.Contains(other, base)) {
				continue
			}
			files++
			data, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			to, err := filepath.Rel(filepath.Dir(name), filepath.Join(root(t), "docs", "schema", kind+".schema.json"))
			if err != nil {
				t.Fatal(err)
			}
			if first, _, _ := bytes.Cut(data, []byte("\n")); string(first) != "# yaml-language-server: $schema="+filepath.ToSlash(to) {
				t.Errorf("%s does not begin with its schema, %s: %s", name, to, first)
			}
		}
	}
	if files < 10 {
		t.Errorf("only %d files ship", files)
	}
	for _, kind := range schema.Kinds() {
		if !exists(t, "docs/schema/"+kind.File()) {
			t.Errorf("docs/schema lacks %s", kind.File())
		}
	}
}
