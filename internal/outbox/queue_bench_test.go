package outbox

import (
	"encoding/json"
	"testing"

	"go.temporal.io/sdk/converter"

	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// benchProperties is an order of eight properties, one of them a list, as the table events holds it.
const benchProperties = `{"cart_id":"c-4711","coupon":"SPRING","currency":"EUR","gift":false,"items":[` +
	`{"name":"Sencha, first flush","price":12.5,"quantity":2,"sku":"tea-01"},` +
	`{"name":"Cup, stoneware","price":19,"quantity":1,"sku":"cup-07"},` +
	`{"name":"Strainer","price":6.25,"quantity":1,"sku":"str-02"}],"order_id":"o-99812","shop":"north","total":50.25}`

// BenchmarkDeliverEvent takes a stored event to the payload that Temporal gets: for a journey that reads two of its
// properties, for one that reads all, and for one that reads none.
func BenchmarkDeliverEvent(b *testing.B) {
	for name, reads := range map[string][]string{"two": {"cart_id", "total"}, "all": {"*"}, "none": nil} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				properties, err := journey.ProjectJSON(benchProperties, reads)
				if err != nil {
					b.Fatal(err)
				}
				d := contract.Delivery{ID: "e-1", Enrollment: "n-1", Event: &contract.CustomerEvent{Name: "Order Completed",
					Properties: properties}}
				if _, err := converter.GetDefaultDataConverter().ToPayloads(d); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkReadEvent is the run's side: it decodes the payload, and the properties.
func BenchmarkReadEvent(b *testing.B) {
	d := contract.Delivery{ID: "e-1", Enrollment: "n-1", Event: &contract.CustomerEvent{Name: "Order Completed"}}
	d.Event.Properties = json.RawMessage(benchProperties)
	payloads, err := converter.GetDefaultDataConverter().ToPayloads(d)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		var d contract.Delivery
		if err := converter.GetDefaultDataConverter().FromPayloads(payloads, &d); err != nil || len(d.Event.Values()) != 8 {
			b.Fatal(err, d.Event.Values())
		}
	}
}
