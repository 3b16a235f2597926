package journey

import (
	"testing"

	"github.com/tabi-journeys/tabi/channel"
)

// testChannels are channels as the channel registry gives them.
var testChannels = []channel.Spec{
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

func testOptions() Options { return Options{Channels: testChannels} }

// mustCheck compiles one journey beside the given messages.
func mustCheck(t *testing.T, name, source string, messages map[string]string) *Definition {
	t.Helper()
	files := []File{{Name: name + ".yaml", Data: []byte(source)}}
	for message, text := range messages {
		files = append(files, File{Name: "messages/" + message + ".yaml", Data: []byte(text)})
	}
	content, diagnostics := Check(files, testOptions())
	if diagnostics.Failed(false) {
		t.Fatalf("%s does not compile: %v", name, diagnostics)
	}
	return content.Journeys[name]
}
