package app

import (
	"github.com/tabi-journeys/tabi/activities/channels"
	"github.com/tabi-journeys/tabi/channel"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/journey/lint"
	"github.com/tabi-journeys/tabi/internal/journey/scenario"
	"github.com/tabi-journeys/tabi/internal/journey/source"
)

// Build holds what the two commands are built with. It is passed down as a value, so that lint, schemas, decisions and
// senders of one program cannot disagree.
type Build struct {
	// Channels are the channels of the build. Default: those that tabi ships.
	Channels channels.Registry
}

// registry returns the channels with the default applied.
func (b Build) registry() channels.Registry {
	if b.Channels == nil {
		return channels.Shipped()
	}
	return b.Channels
}

// Specs returns the specs of the build's channels.
func (b Build) Specs() []channel.Spec { return b.registry().Specs() }

// Check lints with the channels of the build.
func (b Build) Check(files []lint.File) (*journey.Content, source.Diagnostics) {
	content, _, diagnostics := b.CheckScenarios(files)
	return content, diagnostics
}

// CheckScenarios is Check for callers that run the scenario files, which it also returns, by journey.
func (b Build) CheckScenarios(files []lint.File) (*journey.Content, map[string]*scenario.File, source.Diagnostics) {
	return scenario.Check(files, lint.Options{Channels: b.Specs()})
}
