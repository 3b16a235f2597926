package offer

import (
	"context"
	"time"

	"github.com/tabi-journeys/tabi/internal/catalog"
	"github.com/tabi-journeys/tabi/internal/customer"
	"github.com/tabi-journeys/tabi/internal/decisioning"
	"github.com/tabi-journeys/tabi/internal/journey/expr"
	"github.com/tabi-journeys/tabi/internal/sqldb"
	"github.com/tabi-journeys/tabi/internal/unit"
)

// draft is a decision before it is kept, with what is kept beside it.
type draft struct {
	Decision
	version    int64 // of the customer that it was made for, before the lock
	chosen     []int // candidates, by slot
	verdicts   []decisioning.Verdict
	predictors predictors
	vars       expr.Vars
	slots      string // as JSON
	trace      string
}

// draft decides. vars are those of the customer and, in a journey, of the instance; d holds what is known of
// the decision before.
func (s *OfferRoom) draft(
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
	vars.History = &customer.History{Ctx: ctx, Tx: tx, Customer: p.ID, Now: now} // the transaction may hold the only connection
	standing, inquiry, err := s.ledger.Standing(ctx, tx, p, rel, vars, now, d.Key)
	if err != nil {
		return nil, err
	}
	standing.Present = c.present
	q := decisioning.Question{
		Actions: c.among(rel.Rules), Via: c.via, Channels: s.db.Channels, Choose: c.choose, Slots: c.slots, Ramp: c.ramp,
		Random: chance(d.Key), Explore: !s.db.Scenario && !s.Certain && !c.preview,
	}
	if !s.db.Scenario {
		q.Control = decisioning.ControlGroup(rel.Rules.Policy, p.ID)
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

// pack makes the texts that are kept.
func (d *draft) pack() (err error) {
	if d.slots, err = sqldb.JsonText(d.Slots); err != nil {
		return err
	}
	d.trace, err = packTrace(d.Candidates)
	return err
}

// ahead decides before the transaction, where all writers wait for one another (a SQLite file): only the
// reading counts then, which others may do meanwhile. As many are made at once as there are processors, in the
// order they came: more would only take turns on them, and the connections from other readers. What it gives
// holds if nothing of the customer has changed when the lock is there; nil, and so do errors, has it decided
// under the lock.
func (s *OfferRoom) ahead(ctx context.Context, decide func(tx sqldb.Conn) (*draft, error)) *draft {
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

// fits reports whether a draft holds for a customer who is locked now: whatever changes what is known of a
// customer takes that lock, which counts.
func (d *draft) fits(p *unit.LockedCustomer, rel *catalog.Release) bool {
	return d != nil && d.Customer == p.ID && d.version+1 == p.Version && d.Release == rel.Number
}

// keep writes the decision.
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
