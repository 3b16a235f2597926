package sqldb

import "strings"

// Scanner is a row or rows.
type Scanner interface{ Scan(dest ...any) error }

// Where builds the where clause of a filter.
type Where struct {
	clauses string
	Args    []any
}

// Equals adds that a column equals a value, unless the value is empty.
func (w *Where) Equals(column, value string) {
	if value != "" {
		w.And(column+" = ", value)
	}
}

// And adds a clause that ends before its parameter.
func (w *Where) And(clause string, value any) {
	param := w.Param(value)
	w.Raw(clause + param)
}

// Raw adds a clause.
func (w *Where) Raw(clause string) {
	if w.clauses != "" {
		w.clauses += " and "
	}
	w.clauses += clause
}

// In adds that a column has one of the values. No row matches an empty list.
func (w *Where) In(column string, values []string) {
	if len(values) == 0 {
		w.Raw("1 = 0")
		return
	}
	params := make([]string, len(values))
	for i, v := range values {
		params[i] = w.Param(v)
	}
	w.Raw(column + " in (" + strings.Join(params, ", ") + ")")
}

// Param adds a parameter and returns its placeholder.
func (w *Where) Param(value any) string {
	w.Args = append(w.Args, value)
	return List(len(w.Args), 1)
}

// SQL returns the where clause with a leading space, or "" if there are no clauses.
func (w *Where) SQL() string {
	if w.clauses == "" {
		return ""
	}
	return " where " + w.clauses
}

// Bounded is a limit with its default of 100 and its maximum of 1000.
func Bounded(limit int) int {
	if limit <= 0 {
		return 100
	}
	return min(limit, 1000)
}
