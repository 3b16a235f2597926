// Package diff compares journeys, messages and rules, and describes the difference to people.
package diff
