// Package journey is the language: what a designer writes, checked and compiled. It is pure: no Temporal, no
// I/O, no clock.
//
//	files ── Check ──► Diagnostics (file:line:col, all at once)
//	           │
//	           └─────► Content: Definitions and Messages ── Publish ──► the store
//	                      │
//	                      └─ Pack ──► workflow input ── Load ──► Program: what the interpreter, the store and the activities run
//
// A step kind is one file, step_<kind>.go, and one line in registry.go; its twin that runs it is in package workflows.
package journey
