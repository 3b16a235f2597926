package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// IngestRoom accepts what happens to customers.
type IngestRoom struct {
	db      *units
	intents *IntentRoom
	intake  intake
}

// newIngestRoom returns the room.
func newIngestRoom(db *units, intents *IntentRoom) *IngestRoom {
	return &IngestRoom{db: db, intents: intents, intake: intake{limit: min(db.Writers(), maxIntakes)}}
}

// Ingest takes calls, in order, in one transaction: dedupes, resolves identity, changes profiles, stores
// events, and writes the deliveries they cause and the enrollments they open. A call that cannot be taken (no
// id, no name) fails all of them. Callers that come while a transaction is under way share the next one; what
// one of them is refused for does not concern the others.
//
// identify becomes the event "Customer Updated" with the given traits as properties, page "Page Viewed" and
// screen "Screen Viewed" (Event, if given, as property name), group "Group Joined" with group_id (from property
// groupId or group_id) and the group's traits, which are kept as trait groups.<group id>. alias becomes none.
func (s *IngestRoom) Ingest(ctx context.Context, now time.Time, calls []SegmentCall) ([]Receipt, error) {
	if len(calls) == 0 {
		return nil, nil
	}
	cleaned := make([]SegmentCall, len(calls))
	for i, c := range calls {
		for _, field := range []*string{&c.MessageID, &c.UserID, &c.AnonymousID, &c.PreviousID, &c.Event, &c.Source} {
			*field = clean(*field)
		}
		if err := checkCall(&c); err != nil {
			return nil, inputError(fmt.Sprintf("call %d: %v", i+1, err))
		}
		cleaned[i] = c
	}
	if err := s.intents.classify(ctx, cleaned); err != nil {
		return nil, err
	}
	return s.intake.take(ctx, now, cleaned, s.ingest)
}

// ingest is Ingest of calls that are checked and classified.
func (s *IngestRoom) ingest(ctx context.Context, now time.Time, calls []SegmentCall) ([]Receipt, error) {
	var receipts []Receipt
	err := s.db.change(ctx, now, func(tx conn, b *unit) error {
		receipts = nil
		names, err := identify(ctx, b, calls)
		if err != nil {
			return err
		}
		seen, err := knownCalls(ctx, b, calls)
		if err != nil {
			return err
		}
		for i := range calls {
			c := &calls[i]
			p := b.customers[names[c.subject()]]
			if seen[c.MessageID] {
				receipts = append(receipts, Receipt{ID: c.MessageID, Customer: p.id, Duplicate: true})
				continue
			}
			seen[c.MessageID] = true
			changed, err := linkIdentities(ctx, b, names, c)
			if err != nil {
				return err
			}
			r, err := applyEvent(ctx, b, b.customers[names[c.subject()]], c, changed)
			if err != nil {
				var input inputError
				if errors.As(err, &input) {
					return inputError(fmt.Sprintf("call %d: %v", i+1, input))
				}
				return err
			}
			receipts = append(receipts, r)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return receipts, nil
}

func checkCall(c *SegmentCall) error {
	switch c.Type {
	case "track", "identify", "page", "screen", "alias", "group":
	default:
		return fmt.Errorf("type %q is none of track, identify, page, screen, alias, group", c.Type)
	}
	switch {
	case c.MessageID == "":
		return errors.New("messageId is missing")
	case c.subject() == "":
		return errors.New("userId and anonymousId are missing: give one")
	case c.Type == "track" && c.Event == "" && c.Enter == "":
		return errors.New("event is missing: name it")
	case c.Type == "alias" && c.PreviousID == "" && (c.UserID == "" || c.AnonymousID == ""):
		return errors.New("previousId is missing: say who becomes userId")
	case c.Type == "group" && groupID(c) == "":
		return errors.New("groupId is missing")
	}
	return nil
}

func groupID(c *SegmentCall) string {
	for _, name := range []string{"groupId", "group_id"} {
		if id, _ := c.Properties[name].(string); id != "" {
			return clean(id)
		}
	}
	return ""
}

// known gives the ids of the calls that were taken before.
func knownCalls(ctx context.Context, b *unit, calls []SegmentCall) (map[string]bool, error) {
	ids := make([]string, len(calls))
	for i := range calls {
		ids[i] = calls[i].MessageID
	}
	seen := map[string]bool{}
	err := within(ctx, b.tx, `select id from events where id in (%s)`, sorted(ids), func(r *sql.Rows) error {
		var id string
		err := r.Scan(&id)
		seen[id] = true
		return err
	})
	return seen, err
}

// take stores one call of a customer and brings it to the journeys. changed are traits that a merge changed before.
func applyEvent(ctx context.Context, b *unit, p *lockedCustomer, c *SegmentCall, changed []string) (Receipt, error) {
	receipt := Receipt{ID: c.MessageID, Customer: p.id}
	ev := &event{
		id:         c.MessageID,
		customer:   p.id,
		source:     c.Source,
		depth:      c.Depth,
		classified: c.classified,
		received:   millis(b.now),
		at:         millis(c.Timestamp),
	}
	if ev.at == 0 || ev.at > ev.received {
		ev.at = ev.received
	}
	var patch map[string]any
	var err error
	if ev.name, ev.properties, patch, err = meaningOf(c); err != nil {
		return receipt, err
	}
	if ev.properties, ev.text, err = normal(ev.properties); err != nil {
		return receipt, err
	}
	if err := loadEntryConditions(ctx, b, p, p.traits); err != nil {
		return receipt, err
	}
	consequences, dead := consequence(ev.name, ev.properties, p.traits)
	if consequences != nil {
		patch = overlay(patch, consequences)
	}
	if len(patch) > 0 {
		if patch, _, err = normal(patch); err != nil {
			return receipt, err
		}
		var more []string
		if p.traits, more = mergeTraits(p.traits, patch); len(more) > 0 {
			p.dirty = true
			changed = sorted(append(changed, more...))
		}
	}
	if dead != nil {
		if err := addBounce(ctx, b.tx, b.now, *dead); err != nil {
			return receipt, err
		}
	}
	clues, err := matchEvidence(ctx, b, p, ev)
	if err != nil {
		return receipt, err
	}
	if err := recordReaction(ctx, b, p, ev); err != nil {
		return receipt, err
	}
	appendEvent(b, ev)
	keepClassification(b, ev)
	if ev.name == eventNone {
		return receipt, enterAfterMerge(ctx, b, p, ev, changed, &receipt)
	}
	if err := addEvidence(ctx, b, p, ev, clues); err != nil {
		return receipt, err
	}
	return receipt, fanOut(ctx, b, p, ev, changed, c.Enter, &receipt)
}

// meaningOf is the event a call becomes, and what it changes of the profile.
func meaningOf(c *SegmentCall) (name string, properties, patch map[string]any, err error) {
	switch c.Type {
	case "identify":
		return eventUpdated, c.Traits, c.Traits, nil
	case "page", "screen":
		properties = c.Properties
		if _, given := properties["name"]; c.Event != "" && !given {
			properties = overlay(properties, map[string]any{"name": c.Event})
		}
		if c.Type == "page" {
			return eventPage, properties, nil, nil
		}
		return eventScreen, properties, nil, nil
	case "group":
		id := groupID(c)
		traits := c.Traits
		if traits == nil {
			traits = map[string]any{}
		}
		return eventGroup, overlay(c.Traits, map[string]any{"group_id": id}), map[string]any{"groups": map[string]any{id: traits}}, nil
	case "alias":
		return eventNone, nil, nil, nil
	}
	name = c.Event
	if name == "" {
		name = eventStarted
	}
	return name, c.Properties, nil, nil
}
