package lint

import (
	"slices"
	"strings"

	"github.com/tabi-journeys/tabi/internal/human"
	"github.com/tabi-journeys/tabi/internal/journey/source"
)

// kindWords maps words to the kinds of steps that other products, and people, call by them.
var kindWords = map[string]string{
	"delay": "wait", "sleep": "wait", "pause": "wait", "waituntil": "wait",
	"await": "wait_for", "listen": "wait_for", "waitevent": "wait_for", "waitforevent": "wait_for", "on": "wait_for",
	"if": "branch", "condition": "branch", "switch": "branch", "case": "branch", "filter": "branch",
	"email": "send", "mail": "send", "sms": "send", "push": "send", "text": "send", "notify": "send", "notification": "send",
	"sendemail": "send", "sendmail": "send", "sendsms": "send", "sendpush": "send", "message": "send",
	"ab": "split", "abtest": "split", "experiment": "split", "random": "split", "randomsplit": "split",
	"end": "exit", "stop": "exit", "finish": "exit", "quit": "exit", "leave": "exit",
	"goto": "go_to", "gotoo": "go_to", "jump": "go_to", "loop": "go_to", "repeat": "go_to",
	"assign": "set", "update": "set", "setattribute": "set", "settrait": "set", "updateprofile": "set",
	"track": "emit", "fire": "emit", "sendevent": "emit", "trackevent": "emit",
	"http": "call", "request": "call", "fetch": "call", "api": "call", "webhook": "call",
	"agent": "handoff", "human": "handoff", "escalate": "handoff", "question": "ask", "survey": "ask",
	"choose": "decide", "offer": "decide",
}

// suggest returns the kind that a word most likely means, or "".
func (s *kindSet) suggest(word string, channels []string) string {
	plain := strings.NewReplacer("_", "", "-", "", " ", "").Replace(strings.ToLower(word))
	near := kindWords[plain]
	if near == "" && slices.Contains(channels, word) {
		near = "send"
	}
	if s.byName(near) == nil {
		near = human.Suggest(word, s.names())
	}
	return near
}

// entryKeys are the keys of an entry that are no keys of a journey.
var entryKeys = []string{"event", "when", "schedule", "key", "reentry", "holdout"}

// keyWords maps words to the keys of a journey that other products, and people, call by them.
var keyWords = map[string]string{
	"trigger": "entry", "triggers": "entry", "start": "entry", "enter": "entry", "audience": "entry", "segment": "entry",
	"conversion": "goal", "conversions": "goal", "target": "goal", "success": "goal",
	"until": "exit", "unless": "exit", "stop": "exit", "cancel": "exit", "end": "exit", "exit_on": "exit", "exit_when": "exit",
	"variables": "vars", "actions": "steps", "flow": "steps", "workflow": "steps", "do": "steps",
	"duration": "timeout", "expires": "timeout",
	"name": "journey", "campaign": "journey",
}

// otherWords reports keys of a journey that stand elsewhere or have another name.
func (j *journeyCheck) otherWords(m *source.Mapping) {
	for i, key := range m.Node.Keys {
		if key.Shape != source.Scalar || slices.Contains(m.Known, key.Text) || m.Index(key.Text) != i || m.Node.Values[i].IsNull() {
			continue
		}
		word, plain := keyWords[strings.ToLower(key.Text)], strings.ToLower(key.Text)
		switch {
		case slices.Contains(entryKeys, plain):
			j.Report(key.Pos, "unknown-key", "", "%s stands under entry: write entry: {…, %s: …}", plain, plain)
		case plain == "timezone":
			j.Report(key.Pos, "unknown-key", "", "timezone stands beside a time of day: in a wait, or under the schedule of the entry")
		case word != "" && m.Index(word) < 0:
			j.Report(key.Pos, "unknown-key", word, "the key %q is not known here", key.Text)
		default:
			continue
		}
		m.Known = append(m.Known, key.Text)
	}
}
