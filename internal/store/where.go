package store

// scanner is a row or rows.
type scanner interface{ Scan(dest ...any) error }

// where builds the where clause of a filter.
type where struct {
	clauses string
	args    []any
}

func (w *where) equals(column, value string) {
	if value != "" {
		w.and(column+" = ", value)
	}
}

// and adds a clause that ends before its parameter.
func (w *where) and(clause string, value any) {
	param := w.param(value)
	w.raw(clause + param)
}

func (w *where) raw(clause string) {
	if w.clauses != "" {
		w.clauses += " and "
	}
	w.clauses += clause
}

func (w *where) param(value any) string {
	w.args = append(w.args, value)
	return list(len(w.args), 1)
}

func (w *where) sql() string {
	if w.clauses == "" {
		return ""
	}
	return " where " + w.clauses
}

// bounded is a limit with its default of 100 and its maximum of 1000.
func bounded(limit int) int {
	if limit <= 0 {
		return 100
	}
	return min(limit, 1000)
}
