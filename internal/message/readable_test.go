package message

import "testing"

// People see what a customer saw: the words, the template and what it was filled with, the buttons.
func TestReadable(t *testing.T) {
	t.Parallel()
	for want, fields := range map[string]map[string]string{
		"Hello\nMore": {"subject": "Hello", "text": "More", "html": "<p>More</p>"},
		"Yes?\n[Yes]\n[No]": {
			"text": "Yes?", "buttons.1.title": "Yes", "buttons.2.title": "No", "buttons.2.link": "https://a.example",
		},
		"Template cart: Ana, ¥1,280": {"template": "cart", "language": "ja", "values.1": "Ana", "values.2": "¥1,280"},
		"Hello":                      {"text": "Hello"}, // of WhatsApp, within 24 hours
		"Template hello":             {"template": "hello", "language": "ja"},
	} {
		if got := readable(fields); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
