// Package source reads YAML into nodes that know their places, and collects the diagnostics of a file. Where YAML
// itself cannot be read it looks for the value that YAML mangled, so that a diagnostic points at the character.
package source
