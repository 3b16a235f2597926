package outbox

import (
	"github.com/tabi-journeys/tabi/internal/unit"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// A Lease is a batch of deliveries of one enrollment, held by one relay.
type Lease struct {
	Enrollment unit.Enrollment
	Token      int64
	Deliveries []Delivery // in order; the start first
	Attempts   int        // failed attempts on the first delivery

	at int64 // wall time at which the lease was taken
}

// A Delivery is a start, an event or an order for one enrollment's run.
type Delivery struct {
	Seq      int64
	Start    *contract.Input    // set on the start
	Delivery *contract.Delivery // set on everything else, already projected to what the journey reads
	Trace    string             // the trace of the call that caused it, as a W3C traceparent; empty: none
	Size     int                // bytes of JSON of the stored event: an upper bound for Delivery.Event
}
