package unit

// Lanes of due_at, as values that are always in the past: a lane orders due deliveries and does not delay them. See
// outbox.due.
const (
	LaneFresh   = 0 // not served yet
	LaneCrowded = 1 // its customer has more than Crowd waiting enrollments
	LaneServed  = 2 // this and above: the wall time of the last turn, or of the next attempt
)

// Crowd is how many enrollments of a customer may wait for deliveries at once before they are served after everybody else's.
const Crowd = 8

// LanesOf returns a function that chooses the lane of an enrollment whose queue was empty, so that one customer's many
// enrollments are not served before the few of others.
func LanesOf(b *Unit) func(e *EnrollmentRow) int64 {
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
