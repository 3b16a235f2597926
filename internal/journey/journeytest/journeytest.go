// Package journeytest holds what the tests of the journey packages share.
package journeytest

import (
	"github.com/tabi-journeys/tabi/channel"

	"bytes"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/journey/lint"
)

// channels are channels as the channel registry gives them.
var channels = []channel.Spec{
	{
		Name:    "email",
		Address: "email",
		Fields:  []channel.Field{{Name: "subject", Required: true}, {Name: "html", Required: true, HTML: true, Or: "text"}, {Name: "text"}},
	},
	{
		Name:    "push",
		Address: "push_token",
		Fields:  []channel.Field{{Name: "title", Required: true}, {Name: "body", Required: true}, {Name: "link"}},
	},
	{Name: "sms", Address: "phone", Fields: []channel.Field{{Name: "text", Required: true}}},
	{Name: "app", Fields: []channel.Field{{Name: "title", Required: true}, {Name: "body", Required: true}, {Name: "link"}}},
	{Name: "webhook", Fields: []channel.Field{{Name: "url", Required: true}, {Name: "body"}}},
	{Name: "log", Any: true},
}

// Options returns options of Check with the channels above.
func Options() lint.Options { return lint.Options{Channels: channels} }

// MustCheck compiles one journey beside the given messages.
func MustCheck(t *testing.T, name, source string, messages map[string]string) *journey.Definition {
	t.Helper()
	files := []lint.File{{Name: name + ".yaml", Data: []byte(source)}}
	for message, text := range messages {
		files = append(files, lint.File{Name: "messages/" + message + ".yaml", Data: []byte(text)})
	}
	content, diagnostics := lint.Check(files, Options())
	if diagnostics.Failed(false) {
		t.Fatalf("%s does not compile: %v", name, diagnostics)
	}
	return content.Journeys[name]
}

// SplitGolden returns the YAML files of a golden; ␍ and ⇥ in them are a carriage return and a tab.
func SplitGolden(archive *txtar.Archive) (files []lint.File) {
	for _, file := range archive.Files {
		if ext := filepath.Ext(file.Name); ext == ".yaml" || ext == ".yml" {
			data := bytes.ReplaceAll(file.Data, []byte("␍\n"), []byte("\r\n"))
			files = append(files, lint.File{Name: file.Name, Data: bytes.ReplaceAll(data, []byte("⇥"), []byte("\t"))})
		}
	}
	return files
}
