package enrollment

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/tabi-journeys/tabi/internal/audit"
	"github.com/tabi-journeys/tabi/internal/customer"
	"github.com/tabi-journeys/tabi/internal/event"
	"github.com/tabi-journeys/tabi/internal/intent"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/journey/expr"
	"github.com/tabi-journeys/tabi/internal/journey/localtime"
	"github.com/tabi-journeys/tabi/internal/number"
	"github.com/tabi-journeys/tabi/internal/outbox"
	"github.com/tabi-journeys/tabi/internal/sqldb"
	"github.com/tabi-journeys/tabi/internal/unit"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// An entry is a request to enter a customer into a journey because of an event.
type entry struct {
	journey string
	event   *customer.Event
	forced  bool // by a person: the entry event and the condition are ignored
	key     *string
	strict  bool  // too many open enrollments are an error, instead of a refusal
	at      int64 // planned moment of the entry, virtual: Event.Planned
}

// deferred is the body of a deferred entry in the outbox. See enter.
type deferred struct {
	Journey string `json:"journey"`
	Key     string `json:"key"`
}

// FanOut is the last OnEvent hook of this room: it enters journeys because of a stored event, and enqueues the event for the open
// enrollments that listen for it. An event of the past enters nobody and reaches no enrollment.
func FanOut(ctx context.Context, b *unit.Unit, p *unit.LockedCustomer, a *customer.Arrival) error {
	ev, receipt := a.Event, a.Receipt
	if a.Backfill { // entry conditions that history made true are true from now on: they do not turn true later
		_, err := ConditionsTurnedTrue(ctx, b, p, ev)
		return err
	}
	if ev.Name == customer.EventNone {
		return enterAfterMerge(ctx, b, p, ev, a.Changed, receipt)
	}
	if ev.Depth > customer.MaxDepth {
		return nil
	}
	listeners := slices.Clone(p.Open)
	rel, err := b.Release(ctx)
	if err != nil {
		return err
	}
	receipt.Unnamed = !rel.Names(ev.Name)
	names := rel.ByEvent[ev.Name] // shared: do not append to it
	if a.Enter != "" {
		address, refused, err := enter(ctx, b, p, entry{journey: a.Enter, event: ev, forced: true, at: ev.Planned()})
		if err != nil {
			return err
		}
		if receipt.Refused = refused; refused != "" {
			audit.Of(ctx).Hold() // the event is stored, and what was asked for is not done
		} else if address != "" {
			audit.Of(ctx).Object("enrollment", address)
			receipt.Entered = append(receipt.Entered, address)
		}
	} else {
		turned, err := ConditionsTurnedTrue(ctx, b, p, ev)
		if err != nil {
			return err
		}
		for _, name := range names {
			q := entry{journey: name, event: ev, at: ev.Planned(), strict: !a.NeverRefused}
			if err := enterNoted(ctx, b, p, q, receipt); err != nil {
				return err
			}
		}
		if err := EnterAll(ctx, b, p, turned, ev, receipt); err != nil {
			return err
		}
	}
	// Entries are decided before the event is enqueued. So a deferred entry is in the queue before its own event, and
	// an event cannot enter a journey again that it has just ended.
	for _, e := range listeners {
		hears, traits, err := listensTo(ctx, b, e, ev.Name, a.Changed)
		if err != nil {
			return err
		}
		if !hears {
			if hears, err = intent.LevelsTriggered(ctx, b, p, e); err != nil {
				return err
			}
		}
		if !hears {
			continue
		}
		body := ""
		if len(traits) > 0 {
			if body, err = sqldb.JSONText(traits); err != nil {
				return err
			}
		}
		outbox.Enqueue(b, e, outbox.DeliverEvent, ev.ID, body, sqldb.Millis(b.Now))
		receipt.DeliveredTo = append(receipt.DeliveredTo, e.ID)
	}
	return nil
}

// listensTo reports whether an event must be delivered to an enrollment, and returns the changed traits that it waits for.
// An enrollment that was ordered to migrate listens to what either revision listens to, because it may handle the event
// before or after the migration.
func listensTo(ctx context.Context, b *unit.Unit, e *unit.EnrollmentRow, name string, changed []string) (bool, []string, error) {
	hears := false
	var traits []string
	for _, revision := range e.Revisions() {
		p, err := b.Load(ctx, revision)
		if err != nil {
			return false, nil, err
		}
		if e.State == unit.StateAwaitingGoal || e.Holdout { // both are on no step
			hears = hears || p.Goal != nil && names(p.Goal.Events, name)
			if e.State != unit.StateAwaitingGoal {
				for _, rule := range p.Exit {
					hears = hears || names(rule.Events, name)
				}
			}
			continue
		}
		listens := p.Listens()
		for _, t := range changed {
			if slices.Contains(listens.Traits, t) && !slices.Contains(traits, t) {
				traits = append(traits, t)
			}
		}
		hears = hears || listens.Hears(name, changed)
	}
	return hears, traits, nil
}

// names reports whether a rule's events include name; a rule without events is for every event.
func names(events []string, name string) bool {
	return len(events) == 0 || slices.Contains(events, name)
}

// enter opens an enrollment if the journey allows it, and returns its workflow id (address). Otherwise refused is the
// reason, as text for people. It returns a limits.Error if the customer has too many open enrollments in the journey.
//
// The invariant: whether a customer enters depends on the order of the events, not on how fast Temporal is. The database
// knows that an enrollment is open; it does not know what the events in its queue will do. So an entry that only open
// enrollments with pending deliveries block is not refused but deferred: it is appended to the queue of the last of them
// (deferEntry), after everything that arrived before it. When it reaches the head of the queue, all earlier events are
// delivered, and it is decided again (retryDeferredEntry). If the enrollment closes first, closeEnrollment decides it.
//
// Example: Ana is in the journey cart with reentry after_exit. "Order Completed", which is the goal, and "Cart Updated"
// arrive in one request, and Temporal is down for an hour. The queue of her enrollment is then: Order Completed, entry.
// The first delivery ends the enrollment, and the entry opens a new one, as if the events had arrived an hour apart. An
// entry that is decided at once would be refused, and the second cart would get no reminder.
//
// The re-entry rules are in checkReentry. All this happens under the customer's lock, so two requests cannot both find
// the journey free. See docs/decisions/0001.
func enter(ctx context.Context, b *unit.Unit, p *unit.LockedCustomer, q entry) (address, refused string, err error) {
	rel, err := b.Release(ctx)
	if err != nil {
		return "", "", err
	}
	program := rel.Programs[q.journey]
	if program == nil {
		return "", fmt.Sprintf("there is no journey %q in the current release: publish it first", q.journey), nil
	}
	paused, err := pausedJourney(ctx, b, q.journey)
	if err != nil {
		return "", "", err
	}
	if paused {
		return "", "the journey is paused", nil
	}
	key := ""
	if q.key != nil {
		key = *q.key
	} else {
		intents, err := intent.ScoresFor(ctx, b, p, program, program.Entry.When, program.Entry.Key)
		if err != nil {
			return "", "", err
		}
		vars := expr.Vars{
			Customer: p.Vars(), Entry: q.event.Properties, Event: q.event.Properties, EventName: q.event.Name, Now: b.Now, Intent: intents,
			Meter: b.Meter,
			Vars:  program.Vars, History: &customer.History{Ctx: ctx, Tx: b.Tx, Before: customer.Flusher(b), Customer: p.ID, Now: b.Now},
		}
		if !q.forced && !program.Test(program.Entry.When, vars) {
			notEntered(b, program, p.ID, vars)
			return "", "its condition is not met", nil
		}
		if program.Entry.Key != "" {
			value, err := program.Eval(program.Entry.Key, vars)
			if err == nil {
				key = journey.Shorten(keyText(value), journey.MaxKey)
			}
			if key == "" {
				return "", fmt.Sprintf("its key %s has no value", program.Entry.Key), nil
			}
			if event.Control(key) {
				return "", fmt.Sprintf("its key %s %s", program.Entry.Key, badKey), nil
			}
		}
	}
	refused, blockers, err := checkReentry(ctx, b, p, program, key, q.at)
	if err != nil || refused != "" {
		if len(blockers) > 0 {
			return "", refused, deferEntry(b, blockers, q, key)
		}
		return "", refused, err
	}
	if p.OpenIn(q.journey) >= b.Units.Limits.Open {
		return "", "", b.Units.Limits.TooManyOpen(q.journey)
	}
	e := &unit.EnrollmentRow{Fresh: true, Head: 1, Depth: q.event.Depth}
	e.Journey, e.Revision, e.Customer, e.Key = q.journey, program.Revision(), p.ID, key
	e.WorkflowID = freeAddress(p, q.journey, key, b.Units.Pseudonyms)
	if e.ID, err = NewID(sqldb.Millis(b.Now)); err != nil {
		return "", "", err
	}
	e.EntryEvent, e.EntryName, e.EnteredAt, e.State = q.event.ID, q.event.Name, sqldb.Moment(q.at), unit.StateOpen
	e.Origin = cmp.Or(q.event.Origin, p.ID)
	e.Draw, e.Holdout = p.Draw, b.Units.Holdout(q.journey, p.Draw, program.Entry.Holdout)
	persistLazy(b, q.event)
	p.Open = append(p.Open, e)
	b.Starts = append(b.Starts, e)
	outbox.Enqueue(b, e, outbox.DeliverStart, q.event.ID, "", sqldb.Millis(b.Now))
	return e.WorkflowID, "", nil
}

// badKey is why a customer with such a key does not enter. It is the only reason that the sender of the event can mend.
const badKey = "has a control character, which no key has"

// notEntered tells a simulation that the condition of an entry is not true, and why.
func notEntered(b *unit.Unit, program *journey.Program, customerID string, vars expr.Vars) {
	if watch := b.Units.Watch.NotEntered; watch != nil {
		watch(program.Journey, customerID, program.Explain(program.Entry.When, vars))
	}
}

// persistLazy stores an event that is stored only if a customer enters because of it.
func persistLazy(b *unit.Unit, ev *customer.Event) {
	if ev.Lazy {
		ev.Lazy = false
		customer.AppendEvent(b, ev)
	}
}

// checkReentry applies the journey's re-entry rule. It returns blockers if only open enrollments with pending deliveries
// block the entry: one of those deliveries may end them.
func checkReentry(
	ctx context.Context, b *unit.Unit,
	p *unit.LockedCustomer,
	program *journey.Program,
	key string,
	at int64,
) (refused string, blockers []*unit.EnrollmentRow, err error) {
	mode := program.Entry.Reentry
	if mode == journey.ReentryAlways {
		return "", nil, nil
	}
	var open []*unit.EnrollmentRow
	var last int64
	for _, e := range p.Open {
		if e.Journey != program.Journey || e.Key != key {
			continue
		}
		last = max(last, sqldb.Millis(e.EnteredAt))
		if e.State == unit.StateOpen {
			open = append(open, e)
		}
	}
	if mode == journey.ReentryNever || mode == journey.ReentryAfter {
		var stored int64
		if err := b.Tx.QueryRowContext(ctx, `select coalesce(max(entered_at), 0) from enrollments where customer = $1 and journey = $2
		and instance_key = $3`, p.ID, program.Journey, key).Scan(&stored); err != nil {
			return "", nil, err
		}
		last = max(last, stored)
	}
	switch {
	case mode == journey.ReentryNever && last != 0:
		return "the customer entered it before, and it is entered once in a lifetime", nil, nil
	case mode == journey.ReentryAfter && last != 0 && last > sqldb.Millis(localtime.WindowStart(sqldb.Moment(at), program.Entry.After,
		program.Zones(customer.ZoneOf(p.Traits))...)):
		return fmt.Sprintf("the customer entered it less than %s ago", program.Entry.After), nil, nil
	case len(open) == 0:
		return "", nil, nil
	}
	for _, e := range open {
		if !e.Pending() {
			return "an enrollment is open: " + e.WorkflowID, nil, nil
		}
	}
	return "an enrollment is open and has pending deliveries; entry is decided after them: " + open[0].WorkflowID, open, nil
}

// deferEntry appends the entry to the queue of the last blocking enrollment.
func deferEntry(b *unit.Unit, blockers []*unit.EnrollmentRow, q entry, key string) error {
	body, err := sqldb.JSONText(deferred{Journey: q.journey, Key: key})
	if err != nil {
		return err
	}
	persistLazy(b, q.event)
	outbox.Enqueue(b, blockers[len(blockers)-1], outbox.DeliverEntry, q.event.ID, body, q.at)
	return nil
}

// retryDeferredEntry decides a deferred entry that has reached the head of its queue.
func retryDeferredEntry(ctx context.Context, b *unit.Unit, p *unit.LockedCustomer, eventID, body string, at int64) error {
	if p.Merged != "" { // the customer is being forgotten, and enters nothing
		return nil
	}
	var d deferred
	if err := json.Unmarshal([]byte(body), &d); err != nil {
		return err
	}
	ev, err := customer.EventByID(ctx, b.Tx, eventID)
	if err != nil {
		return err
	}
	return enterNoted(ctx, b, p, entry{journey: d.Journey, event: ev, key: &d.Key, at: at}, nil)
}

// freeAddress returns the workflow id with the smallest number that no open enrollment of the customer has, with or without pseudonyms:
// people name both by the customer's id.
func freeAddress(p *unit.LockedCustomer, name, key string, pseudonyms bool) string {
	for n := 1; ; n++ {
		plain, hidden := journey.WorkflowID(name, p.ID, key, n), ""
		if pseudonyms || len(p.Open) > 0 {
			hidden = journey.WorkflowID(name, journey.Pseudonym(p.Seed), journey.PseudonymousKey(p.Seed, key), n)
		}
		switch {
		case slices.ContainsFunc(p.Open, func(e *unit.EnrollmentRow) bool { return e.WorkflowID == plain || e.WorkflowID == hidden }):
		case pseudonyms:
			return hidden
		default:
			return plain
		}
	}
}

// keyText returns a key's value as text, and "" for anything but a scalar.
func keyText(v any) string {
	switch v := v.(type) {
	case string:
		return sqldb.Clean(v)
	case float64, json.Number:
		text, _ := number.Text(v)
		return text
	case bool:
		return strconv.FormatBool(v)
	case time.Time:
		return v.UTC().Format(time.RFC3339Nano)
	}
	return ""
}

// dropStart closes an enrollment whose start was dropped as a dead letter.
func dropStart(ctx context.Context, b *unit.Unit, e *unit.EnrollmentRow) error {
	return closeEnrollment(ctx, b, e, contract.Failed, "the enrollment could not be started, and its start was dropped", 0, b.Now)
}
