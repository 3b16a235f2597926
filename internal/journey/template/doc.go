// Package template parses, checks and renders Liquid: the language of messages, notes and calls. Lint and rendering
// share one parser and one table of filters, so that what lint takes renders (docs/decisions/0022).
package template
