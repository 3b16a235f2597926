// Package source reads YAML into nodes that know their positions, and collects the diagnostics of a file. If YAML itself
// cannot be parsed, it looks for the value that YAML mangled, so that the diagnostic points at the character.
package source
