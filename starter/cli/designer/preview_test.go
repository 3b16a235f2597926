package designer

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/tabi-journeys/tabi/internal/app"
)

const (
	cartYAML = `journey: cart
entry: {event: Cart Updated}
goal: {event: Order Completed}
steps:
  - {wait: 1h}
  - {id: nudge, send: reminder, via: email, data: {n: size(entry.items)}}
`
	reminderYAML = `message: reminder
about: an open cart
email:
  subject: "{{ customer.first_name }}, {{ data.n }} items"
  html: '<p>Hello</p>{% for item in entry.items %}<img src="http://img.example.com/{{ item }}.png">{% endfor %}'
languages: {ja: {email: {subject: "{{ customer.first_name }}様"}}}
`
	cartTestYAML = `test: cart
customer: {first_name: Ana, email: ana@example.com}
scenarios:
  - name: nothing happens
    expect: {sent: []}
  - name: comes back
    timeline: [{at: 0m, event: Cart Updated, properties: {items: [cup, tea, jam]}}]
    expect: {sent: [{message: reminder, subject: "Ana, 3 items"}]}
`
)

// shown runs a command on a folder of its own.
func shown(t *testing.T, args ...string) (dir, said string, err error) {
	t.Helper()
	dir = t.TempDir()
	for name, text := range map[string]string{
		"j/cart.yaml": cartYAML, "j/cart.test.yaml": cartTestYAML, "j/messages/reminder.yaml": reminderYAML,
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var out bytes.Buffer
	root := &cobra.Command{Use: "tabi", SilenceErrors: true, SilenceUsage: true}
	root.AddCommand(lintCommand(app.Build{}), previewCommand(app.Build{}), testSendCommand(app.Build{}))
	root.SetOut(&out)
	root.SetErr(&out)
	for i := range args {
		args[i] = strings.ReplaceAll(args[i], "DIR", dir)
	}
	root.SetArgs(args)
	err = root.ExecuteContext(t.Context())
	return dir, out.String(), err
}

// A preview is written for the customer of the first scenario that sends the message, with its warnings; --all has an index.
func TestPreview(t *testing.T) {
	t.Parallel()
	dir, said, err := shown(t, "preview", "--all", "--dir", "DIR/j", "--output", "DIR/out")
	if err != nil {
		t.Fatal(err, said)
	}
	for _, want := range []string{"reminder: email: missing-alt:", "reminder: email: insecure-link:", "1 message\n"} {
		if !strings.Contains(said, want) {
			t.Errorf("it does not say %q:\n%s", want, said)
		}
	}
	page, err := os.ReadFile(filepath.Join(dir, "out/reminder.html"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"scenario: comes back", "Ana, 3 items", "Ana様", "img.example.com/jam.png", "missing-alt",
		"nothing known"} {
		if !strings.Contains(string(page), want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	index, err := os.ReadFile(filepath.Join(dir, "out/index.html"))
	if err != nil || !strings.Contains(string(index), `<a href="reminder.html"`) {
		t.Errorf("the index: %v %s", err, index)
	}
}

func TestPreviewOfAScenario(t *testing.T) {
	t.Parallel()
	dir, said, err := shown(t, "preview", "reminder", "--dir", "DIR/j", "--output", "DIR/one.html",
		"--scenario", "cart.test.yaml:comes back")
	page, failed := os.ReadFile(filepath.Join(dir, "one.html"))
	if err != nil || failed != nil || !strings.Contains(string(page), "Ana, 3 items") {
		t.Errorf("%v %v %s", err, failed, said)
	}
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"--scenario", "cart.test.yaml:nothing happens"}, "does not send reminder"},
		{[]string{"--scenario", "cart.test.yaml:comes bac"}, `did you mean "comes back"?`},
		{[]string{"--scenario", "card.test.yaml:x"}, "there is no scenario file"},
		{[]string{"--scenario", "cart.test.yaml", "--customer", "ana"}, "not both"},
		{[]string{"--all"}, "give the name of a message, or --all"},
	} {
		_, _, err := shown(t, append([]string{"preview", "reminder", "--dir", "DIR/j", "--output", "DIR/one.html"}, c.args...)...)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v: %v, want %q", c.args, err, c.want)
		}
	}
	_, _, err = shown(t, "preview", "remindre", "--dir", "DIR/j")
	if err == nil || !strings.Contains(err.Error(), `did you mean "reminder"?`) {
		t.Error(err)
	}
	for want, args := range map[string][]string{
		"--to is missing":        nil,
		`no treatment for "sms"`: {"--to", "a@example.com", "--via", "sms"},
		`no tone "warm"`:         {"--to", "a@example.com", "--tone", "warm"},
		`no language "de"`:       {"--to", "a@example.com", "--language", "de"},
	} {
		_, _, err := shown(t, append([]string{"send-test", "reminder", "--dir", "DIR/j"}, args...)...)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("send-test %v: %v, want %q", args, err, want)
		}
	}
}

// Content is linted on request only, at the html that says it.
func TestLintContent(t *testing.T) {
	t.Parallel()
	dir, said, err := shown(t, "lint", "--content", "DIR/j")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"/j/messages/reminder.yaml:5:9: missing-alt: ", "/j/messages/reminder.yaml:5:9: insecure-link: "} {
		if !strings.Contains(said, dir+want) {
			t.Errorf("it does not say %q:\n%s", want, said)
		}
	}
	if _, said, err := shown(t, "lint", "--strict", "DIR/j"); err != nil || strings.Contains(said, "missing-alt") {
		t.Errorf("without --content: %v\n%s", err, said)
	}
}
