package workflows

import (
	"fmt"
	"testing"
	"time"

	"github.com/tabi-journeys/tabi/workflows/contract"
)

func TestEmit(t *testing.T) {
	t.Parallel()
	p := newPlay(
		t,
		journeyOf(
			"  - {id: e, emit: Cart Rescued, properties: {n: vars.n, of: entry.cart_id}}\n  - {id: n, set: {vars.n: vars.n + 1}}\n  - "+
				"{id: w, wait: 1h}\n  - {id: back, go_to: e, when: vars.n < 2}\n",
			"vars: {n: 0}",
		),
	)
	p.expect(
		contract.Completed,
		p.run(),
		"e@0s: Cart Rescued",
		"n@0s",
		"w@1h",
		"back@1h: e",
		"e@1h: Cart Rescued",
		"n@1h",
		"w@2h",
		"back@2h: skipped",
	)
	p.same("account", []string{"emit Cart Rescued (e/1)", "emit Cart Rescued (e/2)"}, p.account)
	if in := p.emits[1]; fmt.Sprint(in.Spec.Properties) != "map[n:vars.n of:entry.cart_id]" || fmt.Sprint(in.Vars) != "map[n:1]" ||
		in.EntryEvent != "entry-1" {
		t.Errorf("asked for %+v", in)
	}
}

// What an enrollment emits comes back to it as any event: an arm may take it, an exit may end it.
func TestEmitIsDeliveredToItsOwnEnrollment(t *testing.T) {
	t.Parallel()
	p := newPlay(
		t,
		journeyOf(
			"  - {id: e, emit: Ping}\n  - {id: w, wait_for: {event: Ping}, timeout: 1h}\n  - {id: again, emit: Pong}\n  - {id: stay, "+
				"wait: 1h}\n",
			"exit: [{event: Pong, outcome: heard}]",
		),
	)
	p.emitted = func(e contract.Emit) {
		p.env.SignalWorkflow(contract.DeliveryName, p.deliveryOf("tabi.emit/"+e.Key, e.Spec.Event, nil))
	}
	p.expect("heard", p.run(), "e@0s: Ping", "w@0s: Ping", "again@0s: Pong")
}

func TestEmitIsRepeatedUntilTheStoreIsBack(t *testing.T) {
	t.Parallel()
	p := newPlay(t, journeyOf("  - {id: e, emit: Ping}\n"))
	p.refuseEmit = func(n int) error {
		if n < 3 {
			return errDown
		}
		return nil
	}
	p.expect(contract.Completed, p.run(), "e@0s: Ping")
	if len(p.emits) != 3 || p.emits[2].Key != "e-1/e/1" {
		t.Errorf("emitted %+v", p.emits)
	}
}

func TestEmitOfAClosedEnrollment(t *testing.T) {
	t.Parallel()
	p := newPlay(t, journeyOf("  - {id: e, emit: Ping}\n"))
	p.refuseEmit = func(int) error { return errSuperseded() }
	p.at(time.Hour, func() { t.Error("it lives on") })
	if result := p.run(); result.Outcome != "" {
		t.Errorf("%+v", result)
	}
}
