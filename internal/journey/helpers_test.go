package journey

import "testing"

// testChannels are channels as the channel registry gives them.
var testChannels = []ChannelSpec{
	{
		Name:    "email",
		Address: "email",
		Fields:  []ChannelField{{Name: "subject", Required: true}, {Name: "html", Required: true, HTML: true, Or: "text"}, {Name: "text"}},
	},
	{
		Name:    "push",
		Address: "push_token",
		Fields:  []ChannelField{{Name: "title", Required: true}, {Name: "body", Required: true}, {Name: "link"}},
	},
	{Name: "sms", Address: "phone", Fields: []ChannelField{{Name: "text", Required: true}}},
	{Name: "app", Fields: []ChannelField{{Name: "title", Required: true}, {Name: "body", Required: true}, {Name: "link"}}},
	{Name: "webhook", Fields: []ChannelField{{Name: "url", Required: true}, {Name: "body"}}},
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
