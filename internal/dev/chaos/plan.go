package main

import (
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"time"
)

// plannedEvent is an event that a channel will send until it is acknowledged, in some cases once more after that.
type plannedEvent struct {
	id, customer, name, order string
	device                    string        // sent under this anonymous id; empty: under the customer's own
	login                     string        // joins this anonymous id to the customer; empty: it does not
	rounds                    int           // of an entry into journey cart
	due                       time.Duration // since the start of the run
	needs                     *plannedEvent // must be acknowledged first
	twice                     time.Duration // sent again this long after it was acknowledged; 0: not
	early                     time.Duration // how far back its timestamp is, in virtual time
	body                      map[string]any
	forget                    *plannedForget            // no event: a call to forget the customer
	acknowledged              atomic.Pointer[time.Time] // wall time of the first acknowledgement; nil: none so far
}

// plannedEnrollment is one planned way through a journey. What must come of it depends on when the events arrive.
type plannedEnrollment struct {
	journey, customer, order string
	entry, again             *plannedEvent // again: a second entry event with the same key, which must not enroll
	answer                   *plannedEvent // of the wait_for; nil: never
	goal                     *plannedEvent
	rounds                   int
}

// plan is everything that channels will do, drawn before the run.
type plan struct {
	events   []*plannedEvent
	byID     map[string]*plannedEvent
	passages []*plannedEnrollment
	byOrder  map[string]*plannedEnrollment
	forgets  map[string]*plannedForget // by customer
}

// perCustomer is the average number of enrollments of a customer; visitors is the share of customers whose journeys
// begin on a device, before they sign in.
const perCustomer, visitors = 2.5, 0.3

// person is a customer of the plan. A visitor is known by a device until login.
type person struct {
	*plannedEvent               // the identify call that the entries need
	login         *plannedEvent // nil: known by an id of their own from the start
}

// sign says under which id an event is sent that is due at a moment: before the login by the device. What is sent under
// the customer's own id waits until the login is acknowledged: before that, it would be an event of somebody else.
func (w *person) sign(h *plannedEvent) {
	switch {
	case w.login == nil:
	case h.due < w.login.due:
		h.device = w.login.login
	default:
		h.needs = w.login
	}
}

// eventNames are the names of each journey's events.
var eventNames = map[string]struct{ entry, answer, goal string }{
	"order": {entry: "Order Placed", answer: "Order Shipped"},
	"cart":  {entry: "Cart Left", goal: "Order Completed"},
	"trial": {entry: "Trial Started", answer: "Trial Used"},
}

func makePlan(o options, hook string) *plan {
	r := rand.New(rand.NewPCG(o.seed, 2))
	p := &plan{byID: map[string]*plannedEvent{}, byOrder: map[string]*plannedEnrollment{}, forgets: map[string]*plannedForget{}}
	customers := make([]*person, max(1, int(float64(o.journeys)/perCustomer)))
	real := func(virtual time.Duration) time.Duration { return time.Duration(float64(virtual) / o.scale) }
	for i := range customers {
		id := fmt.Sprintf("customer-%05d", i)
		customers[i] = &person{plannedEvent: p.add(
			&plannedEvent{
				id:       "identify-" + id,
				customer: id,
				name:     "Customer Updated",
				due:      time.Duration(r.Float64() * float64(o.spread) / 2),
				body: map[string]any{
					"type": "identify", "traits": map[string]any{
						"email": id + "@example.com", "phone": fmt.Sprintf("+4930%07d", i), "push_token": "token-" + id, "hook": hook,
						"first_name": fmt.Sprintf("Canary-%05d", i), "note": "diabetic, says " + id,
						"consent": map[string]any{"marketing": true},
					},
				},
			},
		)}
		if r.Float64() < visitors {
			known := customers[i].plannedEvent
			known.device = fmt.Sprintf("device-%05d", i)
			customers[i].login = p.add(&plannedEvent{
				id:       "login-" + id,
				customer: id,
				name:     known.name,
				login:    known.device,
				due:      known.due + time.Duration(r.Float64()*float64(o.spread-known.due)),
				needs:    known,
				body:     map[string]any{"type": "identify"},
			})
		}
		if i%forgottenOf == int(o.seed%forgottenOf) {
			p.forget(r, i, customers[i], o.spread)
		}
	}
	for i := range o.journeys {
		who := customers[r.IntN(len(customers))]
		journey := "cart"
		switch draw := r.Float64(); {
		case draw < 0.35:
			journey = "order"
		case draw < 0.5:
			journey = "trial"
		}
		pass := &plannedEnrollment{journey: journey, customer: who.customer, order: fmt.Sprintf("o%06d", i), rounds: 1 + r.IntN(o.rounds)}
		begins := who.due + time.Duration(r.Float64()*float64(o.spread-who.due))
		track := func(part, name string, due time.Duration) *plannedEvent {
			h := &plannedEvent{
				id:       fmt.Sprintf("%s-%s", pass.order, part),
				customer: who.customer,
				name:     name,
				order:    pass.order,
				rounds:   pass.rounds,
				due:      max(0, due),
			}
			properties := map[string]any{"order": pass.order}
			if part == "entry" || part == "again" {
				properties["rounds"] = pass.rounds
				h.needs = who.plannedEvent
			}
			who.sign(h)
			h.body = map[string]any{"type": "track", "event": name, "properties": properties}
			if r.Float64() < 0.1 {
				h.twice = time.Duration(r.IntN(20_000)) * time.Millisecond
			}
			if r.Float64() < 0.2 {
				h.early = time.Duration(r.IntN(6*60)) * time.Minute
			}
			return p.add(h)
		}
		n := eventNames[journey]
		pass.entry = track("entry", n.entry, begins)
		if r.Float64() < 0.08 {
			pass.again = track("again", n.entry, begins+real(time.Duration(r.IntN(120))*time.Minute))
		}
		if n.answer != "" {
			at := begins + real(time.Duration(5+r.IntN(110))*time.Minute) // sometimes in time, sometimes late
			if r.Float64() < 0.1 {
				at = begins - 2*time.Second // before the event that it answers
			}
			if r.Float64() < 0.7 {
				pass.answer = track("answer", n.answer, at)
			}
		}
		if n.goal != "" && r.Float64() < 0.35 {
			pass.goal = track("goal", n.goal, begins+real(time.Duration(r.IntN(10*pass.rounds+15))*time.Minute))
		}
		p.passages = append(p.passages, pass)
		p.byOrder[pass.order] = pass
	}
	return p
}

func (p *plan) add(h *plannedEvent) *plannedEvent {
	p.events = append(p.events, h)
	p.byID[h.id] = h
	return h
}
