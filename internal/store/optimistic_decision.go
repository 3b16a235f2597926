package store

import (
	"context"
	"time"

	"github.com/tabi-journeys/tabi/internal/decisioning"
	"github.com/tabi-journeys/tabi/internal/journey/expr"
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
	tx conn,
	p *lockedCustomer,
	rel *release,
	vars expr.Vars,
	now time.Time,
	c choice,
	d Decision,
) (*draft, error) {
	out := &draft{Decision: d, version: p.version, vars: vars}
	vars.History = &history{ctx: ctx, tx: tx, customer: p.id, now: now} // the transaction may hold the only connection
	standing, inquiry, err := s.ledger.standing(ctx, tx, p, rel, vars, now, d.Key)
	if err != nil {
		return nil, err
	}
	standing.Present = c.present
	q := decisioning.Question{
		Actions: c.among(rel.rules), Via: c.via, Channels: s.db.channels, Choose: c.choose, Slots: c.slots, Ramp: c.ramp,
		Random: chance(d.Key), Explore: !s.db.scenario && !s.certain && !c.preview,
	}
	if !s.db.scenario {
		q.Control = decisioning.ControlGroup(rel.rules.Policy, p.id)
	}
	if out.predictors, err = predict(ctx, tx, p.id, vars, now); err != nil {
		return nil, err
	}
	if q.Estimate, err = s.estimates(ctx, tx, out.predictors); err != nil {
		return nil, err
	}
	answer := decisioning.Arbitrate(standing, q)
	if inquiry.err != nil {
		return nil, inquiry.err
	}
	out.chosen = answer.Chosen
	out.Asked, out.Control, out.Reason, out.Candidates = asked(c.group, c.actions), answer.Control, answer.Reason, answer.Candidates
	out.Slots = make([]Slot, len(answer.Chosen))
	for i, at := range answer.Chosen {
		w, v := &answer.Candidates[at], answer.Verdict(at)
		out.Slots[i] = Slot{
			Action:     w.Action,
			Message:    rel.rules.Actions[w.Action].Message,
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
	if d.slots, err = jsonText(d.Slots); err != nil {
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
func (s *OfferRoom) ahead(ctx context.Context, decide func(tx conn) (*draft, error)) *draft {
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
	if err := s.db.read(ctx, func(tx conn) (err error) {
		d, err = decide(tx)
		return err
	}); err != nil {
		return nil
	}
	return d
}

// fits reports whether a draft holds for a customer who is locked now: whatever changes what is known of a
// customer takes that lock, which counts.
func (d *draft) fits(p *lockedCustomer, rel *release) bool {
	return d != nil && d.Customer == p.id && d.version+1 == p.version && d.Release == rel.number
}

// keep writes the decision.
func (d *draft) keep(ctx context.Context, tx conn) error {
	if d.trace == "" {
		if err := d.pack(); err != nil {
			return err
		}
	}
	_, err := tx.ExecContext(
		ctx,
		`insert into decisions (key, customer, journey, enrollment, step, asked, direction, at, release, control, winner, reason, slots, trace)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)`,
		d.Key,
		d.Customer,
		d.Journey,
		d.Enrollment,
		d.Step,
		d.Asked,
		d.Direction,
		millis(d.At),
		d.Release,
		d.Control,
		d.first().Action,
		d.Reason,
		d.slots,
		d.trace,
	)
	return err
}
