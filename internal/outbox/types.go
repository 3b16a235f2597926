package outbox

import (
	"github.com/tabi-journeys/tabi/internal/unit"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// Lease is a batch of deliveries for one enrollment, held by one relay.
type Lease struct {
	Enrollment unit.Enrollment
	Token      int64
	Deliveries []Delivery // in order; the start first
	Attempts   int        // failed attempts on the first delivery

	at int64 // when it was taken (wall)
}

// Delivery is one thing to bring to an instance.
type Delivery struct {
	Seq      int64
	Start    *contract.Input    // set on the start
	Delivery *contract.Delivery // set on everything else, already projected to what the journey reads
	Size     int                // of the stored event, in bytes of JSON: at least what Event takes
}
