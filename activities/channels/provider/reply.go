package provider

import (
	"strings"

	"github.com/tabi-journeys/tabi/channel"
)

// stops and starts are the words by which a customer ends and resumes messages to a phone, as mobile operators have them in
// English; a message that is such a word alone, in any case. Providers end them for other languages
// themselves where they are set up so, and say so.
var (
	stops = map[string]bool{
		"stop": true, "stopall": true, "stop all": true, "unsubscribe": true, "cancel": true, "end": true, "quit": true, "revoke": true,
		"optout": true, "opt out": true,
	}
	starts = map[string]bool{"start": true, "unstop": true}
)

// Reply returns the report of a message that a customer wrote: an opt-out, the end of one, or words. kind is what the provider says it
// is, STOP or START; empty: it does not say, or it is something else.
func Reply(r channel.Report, kind string) channel.Report {
	word := strings.ToLower(strings.Trim(strings.TrimSpace(r.Text), ".!"))
	switch {
	case strings.EqualFold(kind, "STOP"), kind == "" && stops[word]:
		r.Kind = channel.Blocked
	case strings.EqualFold(kind, "START"), kind == "" && starts[word]:
		r.Kind = channel.Followed
	default:
		r.Kind = channel.Replied
	}
	return r
}
