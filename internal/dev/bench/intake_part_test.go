package main

import (
	"fmt"
	"testing"
)

// Each customer that enrolls belongs to one client, also where the number of customers is no multiple of the clients.
func TestEventSourcesShareNoCustomer(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ customers, clients int }{{200, 64}, {10_000, 64}, {64, 64}, {65, 8}, {3, 8}} {
		t.Run(fmt.Sprintf("%d customers, %d clients", c.customers, c.clients), func(t *testing.T) {
			t.Parallel()
			ids := make([]string, c.customers)
			for i := range ids {
				ids[i] = fmt.Sprintf("customer-%d", i)
			}
			owner := map[string]int{}
			for client := range c.clients {
				source := newEventSource("s", ids, client, c.clients)
				last := map[string]int64{}
				for range 2_000 {
					e := source.next()
					if !e.heard {
						continue
					}
					if other, taken := owner[e.hears]; taken && other != client {
						t.Fatalf("%s belongs to clients %d and %d", e.customer, other, client)
					}
					owner[e.hears] = client
					if e.seq != last[e.hears]+1 || e.enters != (e.seq == 1) {
						t.Fatalf("%s: outbox entry %d (enters: %t) after %d", e.customer, e.seq, e.enters, last[e.hears])
					}
					last[e.hears] = e.seq
				}
			}
			if want := min(c.customers, c.clients); len(owner) < want {
				t.Errorf("%d customers enrolled, want at least %d", len(owner), want)
			}
		})
	}
}
