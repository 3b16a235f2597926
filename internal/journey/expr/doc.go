// Package expr compiles and evaluates the CEL expressions of journeys.
//
// CEL's own operators are rewritten to functions of this package: numbers are doubles, a timestamp compares with a
// text that is one, and maps are walked in the order of their keys, so that a workflow decides alike on every replay.
package expr
