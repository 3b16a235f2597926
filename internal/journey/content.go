package journey

import "github.com/tabi-journeys/tabi/internal/journey/source"

// Treatment is the text of a message for one channel: field → Liquid source.
type Treatment map[string]string

// Message is a message per channel, with variants per tone and language.
type Message struct {
	Name       string                          `json:"message"`
	About      string                          `json:"about,omitempty"`
	Treatments map[string]Treatment            `json:"treatments"`          // by channel
	Tones      map[string]map[string]Treatment `json:"tones,omitempty"`     // tone → channel → fields that differ
	Languages  map[string]map[string]Treatment `json:"languages,omitempty"` // language → channel → fields that differ
}

// Content is a checked and compiled project. A release holds its journeys, messages and rules.
type Content struct {
	Journeys map[string]*Definition `json:"journeys"`
	Messages map[string]*Message    `json:"messages"`
	Rules
	// Places maps journey → step id → position of the step's mapping, for diagnostics.
	Places map[string]map[string]source.Place `json:"-"`
}
