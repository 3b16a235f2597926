package journey

import "fmt"

// Treatment is what one channel says: field → Liquid source.
type Treatment map[string]string

// Message is what is said, per channel, with variants per tone and language.
type Message struct {
	Name       string                          `json:"message"`
	About      string                          `json:"about,omitempty"`
	Treatments map[string]Treatment            `json:"treatments"`          // by channel
	Tones      map[string]map[string]Treatment `json:"tones,omitempty"`     // tone → channel → fields that differ
	Languages  map[string]map[string]Treatment `json:"languages,omitempty"` // language → channel → fields that differ
}

// Content is all that a folder of journeys says, checked and compiled. Journeys, messages and rules are what a
// release holds.
type Content struct {
	Journeys map[string]*Definition `json:"journeys"`
	Messages map[string]*Message    `json:"messages"`
	Rules
	// Places says where a step stands: journey → step id → place of its mapping.
	Places map[string]map[string]Place `json:"-"`
}

// Place is a place in a file; lines and columns (in characters) count from 1.
type Place struct {
	File         string
	Line, Column int
}

// String writes file:line:col.
func (p Place) String() string { return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column) }
