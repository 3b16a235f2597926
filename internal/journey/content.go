package journey

import (
	"strings"

	"github.com/tabi-journeys/tabi/internal/journey/source"
)

// Treatment is what a message says on one channel: field → Liquid source; of a list, each text by its place (channel.ItemName). The
// treatment that render.Pick returns has the layouts and blocks of its message too, under keys that no field can have: LayoutKey, BlockKey.
type Treatment map[string]string

// LayoutKey returns the key of a layout among the parts of a message.
func LayoutKey(name string) string { return "_layouts/" + name }

// BlockKey returns the key of a block among the parts of a message.
func BlockKey(name string) string { return "_blocks/" + name }

// IsPart reports whether a key of a treatment is that of a layout or block, and no field.
func IsPart(key string) bool { return strings.HasPrefix(key, "_") }

// Message is a message per channel, with variants per tone and language.
type Message struct {
	Name       string                          `json:"message"`
	About      string                          `json:"about,omitempty"`
	Treatments map[string]Treatment            `json:"treatments"`          // by channel
	Tones      map[string]map[string]Treatment `json:"tones,omitempty"`     // tone → channel → fields that differ
	Languages  map[string]map[string]Treatment `json:"languages,omitempty"` // language → channel → fields that differ
	// Parts are the layouts and blocks that the message uses, by LayoutKey and BlockKey, as they are in its release. They are attached
	// when it is compiled, so that a message is whole wherever it goes (docs/decisions/0040).
	Parts map[string]string `json:"parts,omitempty"`
	// Track says whether opens and clicks are tracked; nil: in marketing messages only.
	Track *bool `json:"track,omitempty"`
}

// EachTreatment calls do for each treatment: the message's own, and those of tones and languages, which are incomplete. The order is not
// defined.
func (m *Message) EachTreatment(do func(channel string, t Treatment)) {
	for channel, t := range m.Treatments {
		do(channel, t)
	}
	for _, variants := range []map[string]map[string]Treatment{m.Tones, m.Languages} {
		for _, treatments := range variants {
			for channel, t := range treatments {
				do(channel, t)
			}
		}
	}
}

// HasField reports whether a treatment for a channel has a field, in any tone or language.
func (m *Message) HasField(channel, field string) bool {
	has := false
	m.EachTreatment(func(on string, t Treatment) {
		_, in := t[field]
		has = has || in && on == channel
	})
	return has
}

// Tracks reports whether opens and clicks are tracked in a send of a category.
func (m *Message) Tracks(category string) bool {
	if m.Track != nil {
		return *m.Track
	}
	return category != Transactional
}

// Content is a checked and compiled project. A release holds its journeys, messages and rules.
type Content struct {
	Journeys map[string]*Definition `json:"journeys"`
	Messages map[string]*Message    `json:"messages"`
	Rules
	// Places maps journey → step id → position of the step's mapping, for diagnostics.
	Places map[string]map[string]source.Place `json:"-"`
}
