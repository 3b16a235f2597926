package offer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"time"

	"github.com/tabi-journeys/tabi/channel"
	"github.com/tabi-journeys/tabi/internal/catalog"
	"github.com/tabi-journeys/tabi/internal/customer"
	"github.com/tabi-journeys/tabi/internal/intent"
	"github.com/tabi-journeys/tabi/internal/journey/expr"
	"github.com/tabi-journeys/tabi/internal/message"
	"github.com/tabi-journeys/tabi/internal/sqldb"
	"github.com/tabi-journeys/tabi/internal/unit"
)

// Inbound asks for the next best actions of a customer who is present: on the page, in the app, on the phone.
type Inbound struct {
	UserID, AnonymousID string         // exactly one
	Group               string         // a group of actions, or
	Actions             []string       // actions by name
	Channel             string         // where the customer is; default: see presence
	Slots               int            // number of different actions; default 1, max MaxSlots
	Context             map[string]any // `event` in the actions' conditions
	RequestID           string         // repeating an id for a customer returns the same decision
	Preview             bool           // nothing is stored, nothing explored, no customer created
}

// MaxSlots is the maximum number of actions in a decision.
const MaxSlots = 20

// presences are places where a customer may be although tabi does not send there.
var presences = []string{"chat", "kiosk", "phone", "store", "web"}

// presence returns the channel of a decision that names none: the first channel that keeps its content for the customer's
// app to read, or "web" if no channel of the build does.
func presence(specs []channel.Spec) string {
	for _, name := range channel.KeepingContent(specs) {
		return name
	}
	return "web"
}

// InboundChannels returns the channels that an inbound decision may name, sorted.
func (s *Room) InboundChannels() []string {
	out := slices.Clone(presences)
	for _, c := range s.db.Channels {
		out = append(out, c.Name)
	}
	return sqldb.Sorted(out)
}

// DecideInbound chooses actions for a customer who is present, and creates the customer if necessary. The result counts as
// shown: each slot is a send in the ledger, and its offer is open from now on. Quiet hours and addresses are ignored;
// consent, suppression, agents and frequency caps apply to each slot in turn.
func (s *Room) DecideInbound(ctx context.Context, now time.Time, in Inbound) (Decision, error) {
	in.Channel, in.Slots = cmp.Or(sqldb.Clean(in.Channel), presence(s.db.Channels)), cmp.Or(in.Slots, 1)
	id := cmp.Or(sqldb.Clean(in.UserID), customer.Anonymous(sqldb.Clean(in.AnonymousID)))
	switch {
	case id == "":
		return Decision{}, sqldb.InputError("a decision needs a customer: give a user id or an anonymous id")
	case in.Slots < 1 || in.Slots > MaxSlots:
		return Decision{}, sqldb.InputError(fmt.Sprintf("slots is %d: give 1 to %d", in.Slots, MaxSlots))
	case in.RequestID == "" && !in.Preview:
		return Decision{}, sqldb.InputError("a decision needs a request id, so that a repeat answers the same")
	}
	properties, _, err := sqldb.Normal(in.Context)
	if err != nil {
		return Decision{}, err
	}
	c := choice{group: in.Group, actions: in.Actions, via: []string{in.Channel}, slots: in.Slots, present: true, preview: in.Preview}
	var out Decision
	if in.Preview {
		err := s.db.Read(ctx, func(tx sqldb.Conn) (err error) {
			out, err = s.preview(ctx, tx, id, now, c, properties)
			return err
		})
		return out, err
	}
	keyFor := func(id string) string {
		return "inbound/" + url.PathEscape(id) + "/" + url.PathEscape(sqldb.Clean(in.RequestID))
	}
	keyOf := func(p *unit.LockedCustomer) string { return keyFor(p.ID) }
	decide := func(tx sqldb.Conn, p *unit.LockedCustomer, rel *catalog.Release) (*draft, error) {
		vars, err := s.present(ctx, tx, p, rel, properties, now)
		if err != nil {
			return nil, err
		}
		return s.draft(
			ctx,
			tx,
			p,
			rel,
			vars,
			now,
			c,
			Decision{Key: keyOf(p), Customer: p.ID, Direction: DirectionInbound, At: now, Release: rel.Number},
		)
	}
	ahead := s.ahead(ctx, func(tx sqldb.Conn) (*draft, error) {
		p, err := Look(ctx, tx, id)
		if err != nil {
			return nil, err
		}
		p.Drafted = true
		rel, err := s.db.Current(ctx, tx)
		if err != nil {
			return nil, err
		}
		return decide(tx, p, rel)
	})
	fresh := false
	err = s.db.Write(ctx, func(tx sqldb.Conn) error {
		fresh = false
		p, err := s.meet(ctx, tx, id, now)
		if err != nil {
			return err
		}
		p.Locked = true
		// a decision from before a merge has the key of the id that asks
		for _, key := range slices.Compact([]string{keyFor(id), keyOf(p)}) {
			if before, err := decisionOf(ctx, tx, key); err != nil {
				return err
			} else if before != nil && before.Customer == p.ID {
				out = *before
				return nil
			}
		}
		rel, err := s.db.Current(ctx, tx)
		if err != nil {
			return err
		}
		d := ahead
		if !d.fits(p, rel) {
			if d, err = decide(tx, p, rel); err != nil {
				return err
			}
		}
		if err := d.keep(ctx, tx); err != nil {
			return err
		}
		out, fresh = d.Decision, true
		if err := shown(ctx, tx, &out); err != nil {
			return err
		}
		return d.offer(ctx, tx, rel, now, sqldb.Millis(now))
	})
	if err == nil && fresh {
		s.tally.add(&out)
	}
	return out, err
}

// Explain previews the decision that a journey would get now among a group's actions or the named actions. Nothing is
// stored or explored. channel limits the actions to one channel; empty: each action's own channels.
func (s *Room) Explain(ctx context.Context, now time.Time, customerID, group string, actions []string, channel string) (Decision,
	error) {
	c := choice{group: group, actions: actions, choose: true, preview: true, slots: 1}
	if channel != "" {
		c.via = []string{channel}
	}
	var d Decision
	err := s.db.Read(ctx, func(tx sqldb.Conn) error {
		id, err := customer.Canonical(ctx, tx, customerID)
		if errors.Is(err, sqldb.ErrNotFound) {
			id, err = customer.Canonical(ctx, tx, customer.Anonymous(customerID))
		}
		if err != nil {
			return err
		}
		d, err = s.preview(ctx, tx, id, now, c, nil)
		return err
	})
	return d, err
}

// preview decides without storing anything.
func (s *Room) preview(ctx context.Context, tx sqldb.Conn, id string, now time.Time, c choice, properties map[string]any) (Decision,
	error) {
	p, err := Look(ctx, tx, id)
	if err != nil {
		return Decision{}, err
	}
	rel, err := s.db.Current(ctx, tx)
	if err != nil {
		return Decision{}, err
	}
	vars, err := s.present(ctx, tx, p, rel, properties, now)
	if err != nil {
		return Decision{}, err
	}
	d, err := s.draft(ctx, tx, p, rel, vars, now, c, Decision{Customer: p.ID, Direction: DirectionPreview, At: now, Release: rel.Number})
	if err != nil {
		return Decision{}, err
	}
	return d.Decision, nil
}

// meet locks a customer, and creates it if there is none with this id.
func (s *Room) meet(ctx context.Context, tx sqldb.Conn, id string, now time.Time) (*unit.LockedCustomer, error) {
	own, err := customer.Canonical(ctx, tx, id)
	if errors.Is(err, sqldb.ErrNotFound) {
		own, err = id, nil
	}
	if err != nil {
		return nil, err
	}
	locked, err := customer.Lock(ctx, tx, now, s.db.Salt, []string{own})
	if err == nil && len(locked) == 0 {
		err = unit.ErrForgotten
	}
	if err != nil {
		return nil, err
	}
	if locked[0].Merged != "" { // merged while waiting for the lock
		return nil, sqldb.ErrAgain
	}
	return locked[0], nil
}

// TemplateVars returns what the templates of an inbound decision's messages see: the customer, the properties of the
// request as event, intents and the time. An unknown customer has no traits.
func (s *Room) TemplateVars(ctx context.Context, now time.Time, customerID string, properties map[string]any) (expr.Vars, error) {
	var vars expr.Vars
	err := s.db.Read(ctx, func(tx sqldb.Conn) error {
		p, err := Look(ctx, tx, customerID)
		if err != nil {
			return err
		}
		rel, err := s.db.Current(ctx, tx)
		if err != nil {
			return err
		}
		if vars, err = s.present(ctx, tx, p, rel, properties, now); err != nil {
			return err
		}
		vars.History = nil // its snapshot ends with this transaction
		return nil
	})
	return vars, err
}

// Look returns a customer without locking it. An unknown customer has no traits.
func Look(ctx context.Context, tx sqldb.Conn, id string) (*unit.LockedCustomer, error) {
	own, err := customer.Canonical(ctx, tx, id)
	if errors.Is(err, sqldb.ErrNotFound) {
		return &unit.LockedCustomer{ID: sqldb.Clean(id), Traits: map[string]any{}}, nil
	}
	if err != nil {
		return nil, err
	}
	return customer.Read(ctx, tx, own)
}

// present returns what expressions see of a customer outside of journeys.
func (s *Room) present(
	ctx context.Context,
	tx sqldb.Conn,
	p *unit.LockedCustomer,
	rel *catalog.Release,
	properties map[string]any,
	now time.Time,
) (expr.Vars, error) {
	if properties == nil {
		properties = map[string]any{}
	}
	intents, err := intent.ReadScores(ctx, s.db, tx, rel.Intents, p, now)
	if err != nil {
		return expr.Vars{}, err
	}
	return expr.Vars{
		Customer: p.Vars(), Entry: map[string]any{}, Event: properties, Intent: intents.Scores(now), Vars: map[string]any{},
		Steps: map[string]map[string]any{}, Now: now,
		History: &customer.History{Ctx: ctx, Tx: tx, Customer: p.ID, Now: now},
	}, nil
}

// shown writes the sends of an inbound decision.
func shown(ctx context.Context, tx sqldb.Conn, d *Decision) error {
	var list []message.Shown
	for _, slot := range d.Slots {
		list = append(
			list,
			message.Shown{Key: slot.Key, Message: slot.Message, Channel: slot.Channel, Action: slot.Action, Tone: slot.Tone},
		)
	}
	return message.RecordShown(ctx, tx, d.Customer, d.Release, d.At, list)
}
