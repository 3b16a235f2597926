package graph

import (
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tabi-journeys/tabi/activities/channels"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/journey/lint"
	"github.com/tabi-journeys/tabi/journeys"
)

var update = flag.Bool("update", false, "write the golden drawings again")

// drawn returns the journeys of the goldens: those in testdata and the shipped ones.
func drawn(t *testing.T) map[string]*journey.Definition {
	t.Helper()
	out := map[string]*journey.Definition{}
	var files []lint.File
	err := fs.WalkDir(journeys.Files, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasSuffix(path, ".test.yaml") {
			return err
		}
		data, err := journeys.Files.ReadFile(path)
		files = append(files, lint.File{Root: "j", Name: "j/" + path, Data: data})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	content, found := lint.Check(files, lint.Options{Channels: channels.Shipped().Specs()})
	if found.Failed(false) {
		t.Fatalf("the shipped journeys: %v", found)
	}
	for name, d := range content.Journeys {
		out[name] = d
	}
	paths, err := filepath.Glob("testdata/*.yaml")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no journeys in testdata: %v", err)
	}
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		d := compiled(t, string(data))
		out[d.Journey] = d
	}
	return out
}

// compiled compiles one journey with invented messages and rules.
func compiled(t *testing.T, source string) *journey.Definition {
	t.Helper()
	name := strings.TrimSpace(strings.TrimPrefix(strings.SplitN(source[strings.Index(source, "journey:"):], "\n", 2)[0], "journey:"))
	files := []lint.File{{Root: "j", Name: "j/" + name + ".yaml", Data: []byte(source)}}
	for i := range 10 {
		message := fmt.Sprintf("m%d", i)
		files = append(files, lint.File{Root: "j", Name: "j/messages/" + message + ".yaml",
			Data: []byte("message: " + message + "\nemail: {subject: s, html: h}\npush: {title: t, body: b}\n")})
	}
	files = append(
		files,
		lint.File{
			Root: "j",
			Name: "j/intents.yaml",
			Data: []byte("intents:\n  complaint: {half_life: 7d}\n  price-sensitive: {half_life: 3d}\n"),
		},
		lint.File{
			Root: "j",
			Name: "j/actions/retention.yaml",
			Data: []byte("group: retention\nactions:\n  loyalty-discount: {message: m1, value: 5}\n  cart-help: {message: m2, value: 1}\n"),
		},
	)
	content, found := lint.Check(files, lint.Options{Channels: channels.Shipped().Specs()})
	if found.Failed(false) {
		t.Fatalf("%s: %v", name, found)
	}
	return content.Journeys[name]
}
