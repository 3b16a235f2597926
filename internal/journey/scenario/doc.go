// Package scenario reads scenario files: the tests that designers write for their journeys.
package scenario
