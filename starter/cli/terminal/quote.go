package terminal

import "github.com/tabi-journeys/tabi/internal/human"

// Quote writes characters that control a terminal or the direction of text as escapes, also line breaks: it prints \u001b for ESC.
func Quote(text string) string { return human.Quote(text, "") }

// Lines is Quote for text of several lines.
func Lines(text string) string { return human.Quote(text, "\n\t") }
