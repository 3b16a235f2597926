// Package journey is the journey language: definitions, messages and rules as a designer writes them, checked and
// compiled. It is pure: no Temporal, no I/O, no clock.
//
//	files ── Check ──► Diagnostics (file:line:col, all at once)
//	           │
//	           └─────► Content: Definitions and Messages ── Publish ──► the store
//	                      │
//	                      └─ Pack ──► workflow input ── Load ──► Program: what the interpreter, the store and the activities run
//
// Package lint checks files, package expr compiles expressions, package template checks messages, and package format
// writes a definition as YAML. The code that runs a step is in package workflows.
package journey
