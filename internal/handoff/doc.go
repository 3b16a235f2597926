// Package handoff keeps customers who wait for an agent, or are with one.
package handoff
