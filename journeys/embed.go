// Package journeys holds the journeys that ship, so that every binary has the examples.
package journeys

import "embed"

// Files are the shipped journeys and their messages.
//
//go:embed *.yaml messages/*.yaml
var Files embed.FS
