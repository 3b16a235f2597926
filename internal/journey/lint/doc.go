// Package lint checks folders of journeys and compiles them: YAML in, definitions and diagnostics out.
package lint
