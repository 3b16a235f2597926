// Package journey is the model of the journey language: the types that a journey compiles to. It is pure: no Temporal,
// no I/O, no clock.
//
//	files ── lint.Check ──► Diagnostics (file:line:col, all at once)
//	           │
//	           └─────► Content: Definitions and Messages ── Publish ──► the store
//	                      │
//	                      └─ Pack ──► workflow input ── Load ──► Program: what the interpreter, the store and the activities run
//
// A step kind is three files and one registry line in each of their packages: step_<kind>.go here holds its struct, its
// manual entry and its description (Spec), lint/step_<kind>.go reads it from YAML, and workflows/step_<kind>.go runs it.
package journey
