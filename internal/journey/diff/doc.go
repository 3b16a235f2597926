// Package diff compares journeys, messages and rules, and writes the difference for people.
package diff
