package unit

// Lanes of due_at. What has to wait behind others is due in the past all the same.
const (
	LaneFresh   = 0 // it has not had a turn
	LaneCrowded = 1 // of a customer with more than crowd instances that wait
	LaneServed  = 2 // from here on: the moment of its last turn, or of its next attempt
)

// Crowd is how many instances of a customer may wait for deliveries at once before they come behind everybody else's.
const Crowd = 8

// lanes gives the lane of an enrollment whose queue was empty: one customer's many instances are not served
// before others' few.
func lanesOf(b *Unit) func(e *EnrollmentRow) int64 {
	waiting := map[string]int{}
	return func(e *EnrollmentRow) int64 {
		n, counted := waiting[e.Customer]
		if !counted {
			if p := b.Customers[e.Customer]; p != nil {
				for _, own := range p.Open {
					if own.Pending() {
						n++
					}
				}
			}
			waiting[e.Customer] = n
		}
		if n > Crowd {
			return LaneCrowded
		}
		return LaneFresh
	}
}
