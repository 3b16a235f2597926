// Package syntax binds the keys of a YAML mapping to a Go struct, one table of fields for a mapping. From the table come
// the reader with its diagnostics, the keys that are known, the JSON Schema and the printed YAML, so that none of them
// can disagree. A type of value (Duration, CEL, Steps) says in one place how it is read, described and printed.
//
// An example, of the step `exit: declined`:
//
//	func (e *Exit) Fields() []syntax.Field {
//		return []syntax.Field{{Key: "exit", What: "the outcome of exit", Value: syntax.Word{To: &e.Outcome}}}
//	}
//
// A kind with a syntax that no other kind has (wait has three forms) defines a type of value of its own, beside its struct.
//
// See docs/decisions/0015.
package syntax
