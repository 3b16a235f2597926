// Package journeys holds the journeys that ship, so that every binary has the examples.
package journeys

import "embed"

// Files are the shipped journeys with their messages, layouts, blocks, intents, actions and policy, and their scenarios
// (*.test.yaml), which no release holds.
//
//go:embed *.yaml all:messages actions/*.yaml
var Files embed.FS
