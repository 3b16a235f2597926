package ingest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tabi-journeys/tabi/internal/customer"
	"github.com/tabi-journeys/tabi/internal/event"
	"github.com/tabi-journeys/tabi/internal/intent"
	"github.com/tabi-journeys/tabi/internal/journey/expr"
	"github.com/tabi-journeys/tabi/internal/limits"
	"github.com/tabi-journeys/tabi/internal/sqldb"
	"github.com/tabi-journeys/tabi/internal/tracing"
	"github.com/tabi-journeys/tabi/internal/unit"
)

// Room accepts events and traits of customers.
type Room struct {
	db      *unit.Units
	intents *intent.Room
	onEvent []customer.OnEvent
	commits GroupCommit
}

// New returns the room, which passes an event to the hooks in their order.
func New(db *unit.Units, intents *intent.Room, onEvent []customer.OnEvent) *Room {
	r := &Room{db: db, intents: intents, onEvent: onEvent}
	r.commits.Limit = min(db.Writers(), maxIntakes)
	return r
}

// Ingest stores calls, in order, in one transaction, with everything they cause. It returns a receipt for each call. An
// invalid call (no id, no name) fails all calls of the request, and so does one that exceeds a limit (limits.Error). Only a call whose
// customer has too large a backlog is refused alone: its receipt has Over, and if it is the only call, that is the error. Small requests
// may share a transaction (see GroupCommit); the error of one request does not affect the others.
//
// The invariant: if Ingest returns nil, each call is stored exactly once, with all its effects, and otherwise with none.
// The order within the transaction is fixed; the rooms do their parts from profile on as OnEvent hooks, which package engine lists:
//
//	lock      all customers that the calls name, in id order (customer.Identify); what names a forgotten one is dropped
//	dedupe    a message id that is already stored changes nothing; if its event is another one, the receipt says so (Taken)
//	merge     identities that the call links (customer.LinkIdentities)
//	profile   the traits the call changes, after the entry conditions were read for the old traits
//	evidence  reactions to messages; the event itself is stored; intents that it is evidence for; offers that it accepts
//	enter     journeys that the event, or an entry condition that became true, starts
//	notify    open enrollments that listen for the event: rows of the outbox
//
// Example: the event that makes traits.plan == "pro" true enters a journey with that condition exactly once, because the
// condition is known to be false for the old traits. If the profile changed first, the change from false to true could
// not be seen. If the outbox were written in a second transaction, a crash between the two would lose the event for the
// journeys that wait for it. See docs/decisions/0001 and 0010.
//
// identify becomes the event "Customer Updated" with the given traits as properties; page becomes "Page Viewed" and
// screen "Screen Viewed" (Event, if given, is the property name); group becomes "Group Joined" with group_id (from the
// property groupId or group_id) and the group's traits, which are stored as trait groups.<group id>. alias becomes no event.
func (s *Room) Ingest(ctx context.Context, now time.Time, calls []customer.SegmentCall) ([]customer.Receipt, error) {
	if len(calls) == 0 {
		return nil, nil
	}
	cleaned := make([]customer.SegmentCall, len(calls))
	trace := tracing.Of(ctx) // here, because the transaction may be shared with other requests
	meter := expr.NewMeter(s.db.Limits.Cost)
	for i, c := range calls {
		err := checkIDs(&c)
		clean(&c)
		if err = cmp.Or(err, checkCall(&c)); err != nil {
			return nil, sqldb.InputError(fmt.Sprintf("call %d: %v", i+1, err))
		}
		c.Meter, c.Trace = cmp.Or(c.Meter, meter), cmp.Or(c.Trace, trace)
		cleaned[i] = c
	}
	if err := s.intents.Classify(ctx, cleaned); err != nil {
		return nil, err
	}
	receipts, err := s.commits.Take(ctx, now, cleaned, s.ingest)
	if err == nil && len(receipts) == 1 && receipts[0].Over != nil {
		return nil, receipts[0].Over
	}
	return receipts, err
}

// IngestEach is Ingest, except that a call which is invalid, or whose message id is taken (ErrTaken), fails alone: refused has its error
// by index, and receipts those of the others, in order. If err is set, some of the calls may be stored; sending them again is safe.
func (s *Room) IngestEach(ctx context.Context, now time.Time, calls []customer.SegmentCall) (receipts []customer.Receipt,
	refused map[int]error, err error) {
	all, err := s.Ingest(ctx, now, calls)
	var input sqldb.InputError
	refused = map[int]error{}
	if err == nil {
		for i, one := range all {
			switch {
			case one.Over != nil:
				refused[i] = one.Over
			case one.Taken:
				refused[i] = customer.ErrTaken
			default:
				receipts = append(receipts, one)
			}
		}
		return receipts, refused, nil
	}
	if !errors.As(err, &input) {
		return nil, nil, err
	}
	if len(calls) == 1 {
		return nil, map[int]error{0: err}, nil
	}
	meter, written := expr.NewMeter(s.db.Limits.Cost), 0 // of the request
	for i, c := range calls {
		if written >= s.db.Limits.RequestEntries {
			refused[i] = s.db.Limits.RequestFull()
			continue
		}
		if meter.Over() {
			refused[i] = s.db.Limits.CostExceeded()
			continue
		}
		c.Meter = meter
		one, err := s.Ingest(ctx, now, []customer.SegmentCall{c})
		switch {
		case err == nil && one[0].Taken:
			refused[i] = customer.ErrTaken
		case err == nil:
			receipts = append(receipts, one...)
			written += entries(one)
		case errors.As(err, &input):
			refused[i] = err
		default:
			return nil, nil, err
		}
	}
	return receipts, refused, nil
}

// ingest is Ingest for calls that are checked and classified.
func (s *Room) ingest(ctx context.Context, now time.Time, calls []customer.SegmentCall) ([]customer.Receipt, error) {
	var receipts []customer.Receipt
	err := s.db.Change(ctx, now, func(tx sqldb.Conn, b *unit.Unit) error {
		receipts = nil
		written, dropped := 0, map[int]bool{}
		names, err := customer.Identify(ctx, b, calls)
		if err != nil {
			return err
		}
		seen, err := knownCalls(ctx, b, calls)
		if err != nil {
			return err
		}
		for i := range calls {
			c := &calls[i]
			p := b.Customers[names[c.Subject()]]
			if p == nil {
				receipts = append(receipts, customer.Receipt{ID: c.MessageID, Forgotten: true})
				dropped[i] = true
				continue
			}
			if was, known := seen[c.EventID()]; known {
				same := was.Name == nameOf(c) && (was.Origin == c.Subject() || was.Customer == p.ID || names[was.Origin] == p.ID)
				receipts = append(receipts, customer.Receipt{ID: c.MessageID, Customer: p.ID, Duplicate: same, Taken: !same})
				continue
			}
			if p.Waiting() >= s.db.Limits.Backlog && !c.NeverRefused() {
				receipts = append(receipts, customer.Receipt{ID: c.MessageID, Customer: p.ID, Over: s.db.Limits.BacklogFull()})
				continue
			}
			seen[c.EventID()] = customer.KnownEvent{Name: nameOf(c), Customer: p.ID, Origin: c.Subject()}
			linked, err := customer.LinkIdentities(ctx, b, names, c)
			if err != nil {
				return err
			}
			b.Meter, b.Trace = c.Meter, c.Trace
			r, err := s.ApplyEvent(ctx, b, b.Customers[names[c.Subject()]], c, linked.Changed)
			if err != nil {
				var input sqldb.InputError
				var over *limits.Error
				if errors.As(err, &input) && !errors.As(err, &over) {
					return sqldb.InputError(fmt.Sprintf("call %d: %v", i+1, input))
				}
				return err
			}
			r.Warnings, r.Stayed = append(r.Warnings, linked.Warnings...), linked.Stayed
			receipts = append(receipts, r)
			if written += entries(receipts[len(receipts)-1:]); written > s.db.Limits.RequestEntries && len(calls) > 1 {
				return s.db.Limits.RequestFull() // each call has a transaction of its own then
			}
		}
		if err := customer.Unmake(ctx, b, calls, dropped); err != nil {
			return err
		}
		return leftOver(b, receipts)
	})
	if errors.Is(err, errNothingStored) {
		return receipts, nil
	}
	if err != nil {
		return nil, err
	}
	return receipts, nil
}

// errNothingStored rolls back a transaction that has stored none of its calls.
var errNothingStored error = sqldb.Refusal("no call is stored")

// leftOver returns an error if a refused call has made a customer, by which it was locked. Then the transaction is rolled back: for good
// if it stores no call, and otherwise each call has a transaction of its own.
func leftOver(b *unit.Unit, receipts []customer.Receipt) error {
	made := false
	for _, p := range b.Customers {
		made = made || p.Version <= 1
	}
	var refusal error
	stored := false
	for _, r := range receipts {
		switch {
		case r.Over != nil:
			refusal = r.Over
		case r.Taken:
			refusal = customer.ErrTaken
		case !r.Duplicate && !r.Forgotten:
			stored = true
		}
	}
	if made && refusal != nil && !stored {
		return errNothingStored
	}
	if made {
		return refusal
	}
	return nil
}

// entries returns the number of outbox entries that calls have written.
func entries(receipts []customer.Receipt) (n int) {
	for _, r := range receipts {
		n += len(r.DeliveredTo) + len(r.Entered)
	}
	return n
}

// knownCalls returns the events of calls that are already stored, by their ids.
func knownCalls(ctx context.Context, b *unit.Unit, calls []customer.SegmentCall) (map[string]customer.KnownEvent, error) {
	ids := make([]string, len(calls))
	for i := range calls {
		ids[i] = calls[i].EventID()
	}
	return customer.KnownEvents(ctx, b.Tx, ids...)
}

// ApplyEvent makes one call of a customer an event, and passes it to the rooms in the order of OnEvent. changed lists the traits
// that a merge of the same call has changed.
func (s *Room) ApplyEvent(ctx context.Context, b *unit.Unit, p *unit.LockedCustomer, c *customer.SegmentCall,
	changed []string) (customer.Receipt,
	error) {
	receipt := customer.Receipt{ID: c.MessageID, Customer: p.ID}
	ev := &customer.Event{
		ID:         c.EventID(),
		Customer:   p.ID,
		Source:     c.Source,
		Origin:     cmp.Or(c.Origin, c.Subject(), p.ID),
		Depth:      c.Depth,
		Root:       c.Root,
		Classified: c.Classified,
		Received:   sqldb.Millis(b.Now),
		At:         sqldb.Millis(c.Timestamp),
	}
	if ev.At == 0 || ev.At > ev.Received {
		ev.At = ev.Received
	}
	if c.Backfill {
		ev.Source = "backfill"
	}
	var patch map[string]any
	var err error
	if c.Trust == customer.Untrusted && !event.Anonymous(p.ID) && len(c.Traits) > 0 {
		own := *c // the event says what the call has changed
		if own.Traits, receipt.Kept, err = customer.Unproven(p.Traits, c.Traits); err != nil {
			return receipt, err
		}
		c = &own
	}
	if c.Trust == customer.Untrusted && !event.Anonymous(p.ID) {
		var dropped bool
		if c, dropped = customer.WithoutDevices(c); dropped {
			receipt.Kept = true
		}
	}
	ev.Name, ev.Properties, patch = meaningOf(c)
	if ev.Properties, ev.Text, err = sqldb.Normal(ev.Properties); err != nil {
		return receipt, err
	}
	a := &customer.Arrival{Event: ev, Patch: patch, Changed: changed, Enter: c.Enter, Receipt: &receipt,
		Context: c.Context, Backfill: c.Backfill, NeverRefused: c.NeverRefused()}
	for _, hook := range s.onEvent {
		if err := hook(ctx, b, p, a); err != nil {
			return receipt, err
		}
	}
	if b.Meter.Over() && !c.NeverRefused() {
		return receipt, s.db.Limits.CostExceeded()
	}
	if n := entries([]customer.Receipt{receipt}); n > s.db.Limits.EventEntries && !c.NeverRefused() {
		return receipt, s.db.Limits.TooManyListeners(n)
	}
	return receipt, nil
}

// nameOf returns the name of the event that a call becomes.
func nameOf(c *customer.SegmentCall) string {
	switch c.Type {
	case "identify":
		return event.CustomerUpdated
	case "page":
		return event.PageViewed
	case "screen":
		return event.ScreenViewed
	case "group":
		return event.GroupJoined
	case "alias":
		return customer.EventNone
	}
	return cmp.Or(c.Event, event.JourneyStarted)
}

// meaningOf returns the event that a call becomes, and the changes to the profile.
func meaningOf(c *customer.SegmentCall) (name string, properties, patch map[string]any) {
	name = nameOf(c)
	switch c.Type {
	case "identify":
		return name, c.Traits, c.Traits
	case "page", "screen":
		properties = c.Properties
		if _, given := properties["name"]; c.Event != "" && !given {
			properties = customer.Overlay(properties, map[string]any{"name": c.Event})
		}
		return name, properties, nil
	case "group":
		id := sqldb.Clean(groupID(c))
		traits := c.Traits
		if traits == nil {
			traits = map[string]any{}
		}
		return name, customer.Overlay(c.Traits, map[string]any{"group_id": id}), map[string]any{"groups": map[string]any{id: traits}}
	case "alias":
		return name, nil, nil
	}
	return name, c.Properties, nil
}
