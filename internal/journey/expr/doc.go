// Package expr compiles and evaluates the CEL expressions of journeys.
//
// CEL's own operators are rewritten to functions of this package (see rewrite): numbers are doubles, a timestamp compares
// with a string that holds one, and maps are walked in key order, so that a workflow decides the same on every replay.
package expr
