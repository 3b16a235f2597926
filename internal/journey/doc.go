// Package journey is the model of the language: what a journey compiles to. It is pure: no Temporal, no I/O,
// no clock.
//
//	files ── lint.Check ──► Diagnostics (file:line:col, all at once)
//	           │
//	           └─────► Content: Definitions and Messages ── Publish ──► the store
//	                      │
//	                      └─ Pack ──► workflow input ── Load ──► Program: what the interpreter, the store and the activities run
//
// A step kind says each thing once: step_<kind>.go here holds its struct, what the manual says of it and what it says of
// itself (Spec), lint/step_<kind>.go reads it from YAML, and workflows/step_<kind>.go runs it. Each is a line in the
// registry of its package.
package journey
