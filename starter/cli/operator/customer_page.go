package operator

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/tabi-journeys/tabi/internal/api"
	"github.com/tabi-journeys/tabi/internal/clock"
	"github.com/tabi-journeys/tabi/internal/retention"
)

//go:embed customer_page.html
var customerPage string

// htmlExport writes a page for the customer: lists of cards. It leaves nothing out: what says little to people is folded away.
type htmlExport struct {
	w    io.Writer
	name string // of the list
	rows int
}

var exportTemplates = template.Must(template.New("page").Parse(customerPage))

// cards has, by list, the columns that are the heading of a card: what it is, and when it was.
var cards = map[string][2]string{
	"customers": {"id", "created_at"}, "merges": {"gone", "at"}, "customer_timezones": {"timezone", "since_at"},
	"addresses": {"address"}, "events": {"name", "at"}, "enrollments": {"journey", "entered_at"}, "step_visits": {"step", "at"},
	"migrations": {"journey", "at"}, "entry_conditions": {"journey"}, "sends": {"message", "at"}, "channel_engagement": {"channel"},
	"handoffs": {"queue", "opened_at"}, "decisions": {"winner", "at"}, "offers": {"action", "decided_at"}, "intents": {"intent", "at"},
	"intent_evidence": {"name", "at"}, "classifications": {"intent"}, "outbox": {"kind", "at"}, "dead_letters": {"kind", "at"},
	"audit_log": {"what", "at"},
}

// technical are columns that say little to people: numbers of other rows, and how a decision was computed.
var technical = []string{
	"id", "key", "enrollment", "event", "entry_event", "revision", "workflow_id", "instance_key", "origin", "root", "seq", "source",
	"customer", "merged_into", "policy_trace", "trace", "slots", "features", "provider_id", "accepted_by", "route", "control", "asked",
	"last_seq", "next_seq", "attempts", "holdout", "condition", "outcome_unknown", "unknown_count", "planned_at", "web",
}

// field is a named value of a card.
type field struct {
	Name  string
	Value node
}

// node is a value as people read it: a text, a list or an object.
type node struct {
	Text   string
	Items  []node
	Fields []field
}

func (h *htmlExport) begin(page api.ExportPage) error {
	return exportTemplates.ExecuteTemplate(h.w, "head", map[string]any{"Customer": page.Customer, "At": moment(clock.Wall()),
		"Begins": retention.Begins(page.CompleteSince)})
}

func (h *htmlExport) list(name, title string) error {
	if err := h.close(); err != nil {
		return err
	}
	h.name, h.rows = name, 0
	return exportTemplates.ExecuteTemplate(h.w, "list", title)
}

// close ends the list before.
func (h *htmlExport) close() error {
	if h.name == "" {
		return nil
	}
	return exportTemplates.ExecuteTemplate(h.w, "end of list", h.rows)
}

func (h *htmlExport) row(row map[string]any) error {
	h.rows++
	var card struct {
		What, When  string
		Fields, All []field
	}
	heading := cards[h.name]
	for _, name := range slices.Sorted(maps.Keys(row)) {
		value := readable(row[name])
		switch {
		case name == heading[0]:
			card.What = value.Text
		case name == heading[1]:
			card.When = value.Text
		case slices.Contains(technical, name):
			card.All = append(card.All, field{words(name), value})
		default:
			card.Fields = append(card.Fields, field{words(name), value})
		}
	}
	return exportTemplates.ExecuteTemplate(h.w, "row", card)
}

func (h *htmlExport) end() error {
	if err := h.close(); err != nil {
		return err
	}
	return exportTemplates.ExecuteTemplate(h.w, "foot", nil)
}

// plain has the columns whose names say little to people.
var plain = map[string]string{
	"gone_traits": "what was known of it", "gone_created": "known since", "survivor": "belongs to",
	"survivor_traits":  "what was known of that",
	"survivor_created": "that is known since", "dead": "nothing arrives there", "traits": "profile", "entry_name": "began with",
	"best_response": "your best reaction, 0 to 1",
	"complained_at": "marked as spam", "rendered": "text", "asked": "asked for", "winner": "chosen",
}

// words returns the name of a column as words.
func words(name string) string {
	if text := plain[name]; text != "" {
		return text
	}
	return strings.TrimSuffix(strings.ReplaceAll(name, "_", " "), " at")
}

// moment returns a time as people read it.
func moment(t time.Time) string { return t.UTC().Format("2 January 2006, 15:04:05 UTC") }

// readable returns a value of JSON as people read it.
func readable(v any) node {
	switch v := v.(type) {
	case nil:
		return node{}
	case bool:
		if v {
			return node{Text: "yes"}
		}
		return node{Text: "no"}
	case string:
		if at, err := time.Parse(time.RFC3339Nano, v); err == nil {
			return node{Text: moment(at)}
		}
		return node{Text: v}
	case []any:
		var n node
		for _, one := range v {
			n.Items = append(n.Items, readable(one))
		}
		return n
	case map[string]any:
		var n node
		for _, name := range slices.Sorted(maps.Keys(v)) {
			n.Fields = append(n.Fields, field{name, readable(v[name])})
		}
		return n
	}
	text, err := json.Marshal(v)
	if err != nil {
		return node{Text: fmt.Sprint(v)}
	}
	return node{Text: string(text)}
}
