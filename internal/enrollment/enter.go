package enrollment

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/tabi-journeys/tabi/internal/customer"
	"github.com/tabi-journeys/tabi/internal/intent"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/journey/expr"
	"github.com/tabi-journeys/tabi/internal/offer"
	"github.com/tabi-journeys/tabi/internal/outbox"
	"github.com/tabi-journeys/tabi/internal/sqldb"
	"github.com/tabi-journeys/tabi/internal/unit"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// maxAddress is the longest workflow id that Temporal takes by default, in bytes.
const maxAddress = 1000

// entry is a question of entry of a customer into a journey by an event.
type entry struct {
	journey string
	event   *customer.Event
	forced  bool // by hand: without the entry's event and condition
	key     *string
	at      int64 // arrival, virtual
}

// deferred is the body of a deferred entry: the customer may enter once the instance that is in the way has
// taken what came before, and has ended by it.
type deferred struct {
	Journey string `json:"journey"`
	Key     string `json:"key"`
}

// publish brings an event to the customer's open instances and to the journeys it may enter. changed are the
// top-level traits it changed.
func FanOut(ctx context.Context, b *unit.Unit, p *unit.LockedCustomer, ev *customer.Event, changed []string, only string,
	receipt *customer.Receipt) error {
	if err := offer.CreditOffers(ctx, b, p, ev); err != nil {
		return err
	}
	if ev.Depth > customer.MaxDepth {
		return nil
	}
	listeners := slices.Clone(p.Open)
	rel, err := b.Release(ctx)
	if err != nil {
		return err
	}
	names := rel.ByEvent[ev.Name] // shared: not to be appended to
	if only != "" {
		address, refused, err := enter(ctx, b, p, entry{journey: only, event: ev, forced: true, at: ev.Received})
		if err != nil {
			return err
		}
		if receipt.Refused = refused; address != "" {
			receipt.Entered = append(receipt.Entered, address)
		}
	} else {
		turned, err := ConditionsTurnedTrue(ctx, b, p, ev)
		if err != nil {
			return err
		}
		if err := EnterAll(ctx, b, p, slices.Concat(names, turned), ev, receipt); err != nil {
			return err
		}
	}
	// A deferred entry stands in the queue before the event it comes from: an event does not re-open what it
	// has just ended.
	for _, e := range listeners {
		hears, traits, err := listensTo(ctx, b, e, ev.Name, changed)
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
			if body, err = sqldb.JsonText(traits); err != nil {
				return err
			}
		}
		outbox.Enqueue(b, e, outbox.DeliverEvent, ev.ID, body, sqldb.Millis(b.Now))
		receipt.DeliveredTo = append(receipt.DeliveredTo, e.ID)
	}
	return nil
}

// EnterAll asks for entry into journeys by one event.
func EnterAll(ctx context.Context, b *unit.Unit, p *unit.LockedCustomer, names []string, ev *customer.Event,
	receipt *customer.Receipt) error {
	for _, name := range names {
		address, _, err := enter(ctx, b, p, entry{journey: name, event: ev, at: ev.Received})
		if err != nil {
			return err
		}
		if address != "" {
			receipt.Entered = append(receipt.Entered, address)
		}
	}
	return nil
}

// hears reports whether an instance must be told of an event, and which of the changed traits it waits on. One
// that was told to go over to another revision hears what either listens to: it may take the event by this one
// or by that.
func listensTo(ctx context.Context, b *unit.Unit, e *unit.EnrollmentRow, name string, changed []string) (bool, []string, error) {
	hears := false
	var traits []string
	for _, revision := range e.Revisions() {
		p, err := b.Load(ctx, revision)
		if err != nil {
			return false, nil, err
		}
		if e.State == unit.StateAwaitingGoal || e.Holdout { // neither is on a step
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

// enter opens an enrollment where the journey lets the customer in. Otherwise refused says why, in words.
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
			Vars: program.Vars, History: &customer.History{Ctx: ctx, Tx: b.Tx, Before: customer.Flusher(b), Customer: p.ID, Now: b.Now},
		}
		if !q.forced && !program.Test(program.Entry.When, vars) {
			return "", "its condition is not met", nil
		}
		if program.Entry.Key != "" {
			value, err := program.Eval(program.Entry.Key, vars)
			if err == nil {
				key = keyText(value)
			}
			if key == "" {
				return "", fmt.Sprintf("its key %s has no value", program.Entry.Key), nil
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
	e := &unit.EnrollmentRow{Fresh: true, Head: 1, Depth: q.event.Depth}
	e.Journey, e.Revision, e.Customer, e.Key = q.journey, program.Revision(), p.ID, key
	if e.WorkflowID = freeAddress(p, q.journey, key); len(e.WorkflowID) > maxAddress {
		return "", fmt.Sprintf(
			"its address would be %d bytes long, at most %d fit: shorten the customer id or the key",
			len(e.WorkflowID),
			maxAddress,
		), nil
	}
	if e.ID, err = NewID(q.at); err != nil {
		return "", "", err
	}
	e.EntryEvent, e.EntryName, e.EnteredAt, e.State = q.event.ID, q.event.Name, sqldb.Moment(q.at), unit.StateOpen
	e.Holdout = b.Units.Holdout(q.journey, p.ID, program.Entry.Holdout)
	persistLazy(b, q.event)
	p.Open = append(p.Open, e)
	b.Starts = append(b.Starts, e)
	outbox.Enqueue(b, e, outbox.DeliverStart, q.event.ID, "", sqldb.Millis(b.Now))
	return e.WorkflowID, "", nil
}

// keep stores an event that waited for somebody to enter by it.
func persistLazy(b *unit.Unit, ev *customer.Event) {
	if ev.Lazy {
		ev.Lazy = false
		customer.AppendEvent(b, ev)
	}
}

// checkReentry applies the journey's re-entry rule. blockers are set where only open instances are in the way that
// still have deliveries to take: one of those may end them.
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
	case mode == journey.ReentryAfter && last != 0 && at < last+program.Entry.After.Milliseconds():
		return fmt.Sprintf("the customer entered it less than %s ago", program.Entry.After), nil, nil
	case len(open) == 0:
		return "", nil, nil
	}
	for _, e := range open {
		if !e.Pending() {
			return "an instance is open: " + e.WorkflowID, nil, nil
		}
	}
	return "an instance is open, and may end by what it has not taken yet; entry is considered again then: " + open[0].WorkflowID, open, nil
}

// deferEntry puts the question at the end of the queue of the instance that is in the way.
func deferEntry(b *unit.Unit, blockers []*unit.EnrollmentRow, q entry, key string) error {
	body, err := sqldb.JsonText(deferred{Journey: q.journey, Key: key})
	if err != nil {
		return err
	}
	persistLazy(b, q.event)
	outbox.Enqueue(b, blockers[len(blockers)-1], outbox.DeliverEntry, q.event.ID, body, q.at)
	return nil
}

// reconsider asks a deferred entry again, at its turn.
func RetryDeferredEntry(ctx context.Context, b *unit.Unit, p *unit.LockedCustomer, eventID, body string, at int64) error {
	var d deferred
	if err := json.Unmarshal([]byte(body), &d); err != nil {
		return err
	}
	ev, err := customer.EventByID(ctx, b.Tx, eventID)
	if err != nil {
		return err
	}
	_, _, err = enter(ctx, b, p, entry{journey: d.Journey, event: ev, key: &d.Key, at: at})
	return err
}

// address is the workflow id with the smallest number that none of the customer's open enrollments has.
func freeAddress(p *unit.LockedCustomer, name, key string) string {
	for n := 1; ; n++ {
		id := journey.WorkflowID(name, p.ID, key, n)
		if !slices.ContainsFunc(p.Open, func(e *unit.EnrollmentRow) bool { return e.WorkflowID == id }) {
			return id
		}
	}
}

// keyText is a key's value as text; empty where it is missing or no plain value.
func keyText(v any) string {
	switch v := v.(type) {
	case string:
		return sqldb.Clean(v)
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case bool:
		return strconv.FormatBool(v)
	case time.Time:
		return v.UTC().Format(time.RFC3339Nano)
	}
	return ""
}

var counter atomic.Uint32

// NewID gives an id that sorts by time, and in order of making within a millisecond of this process.
func NewID(at int64) (string, error) {
	var random [6]byte
	if _, err := rand.Read(random[:]); err != nil {
		return "", err
	}
	return fmt.Sprintf("%012x%06x%s", at, counter.Add(1)&0xffffff, hex.EncodeToString(random[:])), nil
}

// DropStart ends an enrollment whose start was dropped.
func DropStart(ctx context.Context, b *unit.Unit, e *unit.EnrollmentRow) error {
	return closeEnrollment(ctx, b, e, contract.Failed, "it could not be started, and was dropped", 0, b.Now)
}
