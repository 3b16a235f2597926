// Package scenario reads scenario files: the tests that designers write beside their journeys.
package scenario
