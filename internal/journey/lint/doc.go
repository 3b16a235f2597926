// Package lint checks project folders and compiles them: it reads YAML and returns definitions and diagnostics.
package lint
