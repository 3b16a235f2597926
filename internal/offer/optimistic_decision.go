package offer

import (
	"context"
	"time"

	"github.com/tabi-journeys/tabi/internal/catalog"
	"github.com/tabi-journeys/tabi/internal/customer"
	"github.com/tabi-journeys/tabi/internal/decisioning"
	"github.com/tabi-journeys/tabi/internal/journey/expr"
	"github.com/tabi-journeys/tabi/internal/message"
	"github.com/tabi-journeys/tabi/internal/sqldb"
	"github.com/tabi-journeys/tabi/internal/unit"
)

// A draft is a decision that is not stored yet, with what is stored beside it.
type draft struct {
	Decision
	version    int64 // of the customer, before the lock
	chosen     []int // candidates, by slot
	verdicts   []decisioning.Verdict
	predictors predictors
	vars       expr.Vars
	slots      string // as JSON
	trace      string
}

// draft decides. vars are the variables of the customer and, in a journey, of the enrollment; d holds the fields of the
// decision that are known before.
func (s *Room) draft(
	ctx context.Context,
	tx sqldb.Conn,
	p *unit.LockedCustomer,
	rel *catalog.Release,
	vars expr.Vars,
	now time.Time,
	c choice,
	d Decision,
) (*draft, error) {
	out := &draft{Decision: d, version: p.Version, vars: vars}
	vars.History = &customer.History{Ctx: ctx, Tx: tx, Customer: p.ID, Now: now} // this transaction may hold the only connection
	standing, inquiry, err := s.ledger.PolicyContext(ctx, tx, p, rel, vars, now,
		message.Plan{Key: d.Key, Journey: d.Journey, Planned: c.planned, Clock: c.clock})
	if err != nil {
		return nil, err
	}
	standing.Present = c.present
	q := decisioning.Question{
		Actions: c.among(rel.Rules), Via: c.via, Channels: s.db.Channels, Choose: c.choose, Slots: c.slots, Ramp: c.ramp,
		Random: chance(d.Key), Explore: !s.db.Scenario && !s.Certain && !c.preview,
	}
	if !s.db.Scenario {
		q.Control = decisioning.ControlGroup(rel.Rules.Policy, p.Draw)
	}
	if out.predictors, err = Predict(ctx, tx, p.ID, vars, now); err != nil {
		return nil, err
	}
	if q.Estimate, err = s.estimates(ctx, tx, out.predictors); err != nil {
		return nil, err
	}
	answer := decisioning.Arbitrate(standing, q)
	if inquiry.Err != nil {
		return nil, inquiry.Err
	}
	out.chosen = answer.Chosen
	out.Asked, out.Control, out.Reason, out.Candidates = asked(c.group, c.actions), answer.Control, answer.Reason, answer.Candidates
	out.Slots = make([]Slot, len(answer.Chosen))
	for i, at := range answer.Chosen {
		w, v := &answer.Candidates[at], answer.Verdict(at)
		out.Slots[i] = Slot{
			Action:     w.Action,
			Message:    rel.Rules.Actions[w.Action].Message,
			Channel:    w.Channel,
			Tone:       v.Tone,
			Propensity: w.Propensity,
			Priority:   w.Priority,
		}
		if !c.choose && !c.preview {
			out.Slots[i].Key = slotKey(d.Key, i)
		}
		out.verdicts = append(out.verdicts, v)
	}
	if c.preview {
		return out, nil
	}
	return out, out.pack()
}

// pack encodes the slots and the trace.
func (d *draft) pack() (err error) {
	if d.slots, err = sqldb.JSONText(d.Slots); err != nil {
		return err
	}
	d.trace, err = packTrace(d.Candidates)
	return err
}

// ahead decides optimistically on a read snapshot, so that SQLite's single writer is held only for the write. On nil the
// decision is made under the lock, as it is on PostgreSQL, where writers do not wait for each other.
//
// The invariant: a stored decision is the one that the same code would have made under the customer's lock. Everything
// that a decision reads about a customer (traits, events, sends, scores, consent) changes only in a transaction that
// locks the customer, and each lock increments customers.version. So the draft remembers the version it has read, and
// after the lock it is valid if the version is exactly one higher (this transaction's own lock) and the release is the
// same; see fits. Otherwise it is thrown away and the decision is made again. Models are not part of the check: an
// estimate by a slightly older model is as good.
//
// Example: four requests ask for a decision at once. Under the lock they would be decided one after the other, and no
// event would be stored meanwhile. Ahead of it they run in parallel on reader connections, and each holds the writer
// only for the write. If Ana's purchase is stored between her draft (version 7) and her lock, the lock returns version 9
// and the draft no longer fits. Without the check, the offer that she has just bought would be sent.
//
// A draft must not write. So a customer whose scores are stale makes it fail (LockedCustomer.Drafted). No more drafts run
// at once than there are processors, since more would only take connections from other readers. See docs/decisions/0007.
func (s *Room) ahead(ctx context.Context, decide func(tx sqldb.Conn) (*draft, error)) *draft {
	if s.db.SpareReaders() == 0 {
		return nil
	}
	select {
	case s.drafts <- struct{}{}:
	case <-ctx.Done():
		return nil
	}
	defer func() { <-s.drafts }()
	var d *draft
	if err := s.db.Read(ctx, func(tx sqldb.Conn) (err error) {
		d, err = decide(tx)
		return err
	}); err != nil {
		return nil
	}
	return d
}

// fits reports whether a draft is valid for a customer that is locked now.
func (d *draft) fits(p *unit.LockedCustomer, rel *catalog.Release) bool {
	return d != nil && d.Customer == p.ID && d.version+1 == p.Version && d.Release == rel.Number
}

// keep stores the decision.
func (d *draft) keep(ctx context.Context, tx sqldb.Conn) error {
	if d.trace == "" {
		if err := d.pack(); err != nil {
			return err
		}
	}
	_, err := tx.ExecContext(
		ctx,
		`insert into decisions (key, customer, journey, enrollment, step, asked, direction, at, release, control, winner, reason, slots,
		trace)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)`,
		d.Key,
		d.Customer,
		d.Journey,
		d.Enrollment,
		d.Step,
		d.Asked,
		d.Direction,
		sqldb.Millis(d.At),
		d.Release,
		d.Control,
		d.first().Action,
		d.Reason,
		d.slots,
		d.trace,
	)
	return err
}
