package store

// Lanes of due_at. What has to wait behind others is due in the past all the same.
const (
	laneFresh   = 0 // it has not had a turn
	laneCrowded = 1 // of a customer with more than crowd instances that wait
	laneServed  = 2 // from here on: the moment of its last turn, or of its next attempt
)

// crowd is how many instances of a customer may wait for deliveries at once before they come behind everybody else's.
const crowd = 8

// lanes gives the lane of an enrollment whose queue was empty: one customer's many instances are not served
// before others' few.
func lanesOf(b *unit) func(e *enrollmentRow) int64 {
	waiting := map[string]int{}
	return func(e *enrollmentRow) int64 {
		n, counted := waiting[e.Customer]
		if !counted {
			if p := b.customers[e.Customer]; p != nil {
				for _, own := range p.open {
					if own.pending() {
						n++
					}
				}
			}
			waiting[e.Customer] = n
		}
		if n > crowd {
			return laneCrowded
		}
		return laneFresh
	}
}
