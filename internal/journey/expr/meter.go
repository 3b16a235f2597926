package expr

// A Meter bounds what the expressions of a request cost together. One goroutine uses it at a time. A nil Meter bounds nothing.
type Meter struct{ spent, limit uint64 }

// NewMeter returns a Meter for a cost in CEL's units: about one for each variable, operator or element that is read.
func NewMeter(limit uint64) *Meter { return &Meter{limit: limit} }

// Over reports whether more than the limit is spent. Every further expression is an error, so no condition holds.
func (m *Meter) Over() bool { return m != nil && m.spent > m.limit }

func (m *Meter) add(cost uint64) {
	if m != nil {
		m.spent += cost
	}
}
