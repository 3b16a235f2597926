package offer

import (
	"context"
	"database/sql"
	"time"

	"github.com/tabi-journeys/tabi/internal/catalog"
	"github.com/tabi-journeys/tabi/internal/customer"
	"github.com/tabi-journeys/tabi/internal/intent"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/journey/expr"
	"github.com/tabi-journeys/tabi/internal/sqldb"
	"github.com/tabi-journeys/tabi/internal/unit"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// Outcomes of offers. An open offer has none.
const (
	OfferAccepted = "accepted"
	OfferIgnored  = "ignored" // not accepted within its window
)

// offer stores the offers of a decision. said is when the actions were shown to the customer (Unix
// milliseconds); 0 means that they are still to be sent, and Settle opens the offer. An action without an
// accept rule has no offers, since nothing can be learned about it.
func (d *draft) offer(ctx context.Context, tx sqldb.Conn, rel *catalog.Release, now time.Time, said int64) error {
	snapshot := ""
	var values [][]any
	for i, slot := range d.Slots {
		accept := rel.Rules.Actions[slot.Action].Accept
		if accept == nil || slot.Key == "" {
			continue
		}
		if snapshot == "" {
			var err error
			if snapshot, err = d.predictors.text(); err != nil {
				return err
			}
		}
		expires := int64(0)
		if said != 0 {
			expires = said + accept.Within.Milliseconds()
		}
		w := &d.Candidates[d.chosen[i]]
		values = append(
			values,
			[]any{
				slot.Key,
				d.Customer,
				d.Journey,
				slot.Action,
				slot.Channel,
				d.Control,
				sqldb.Millis(now),
				accept.Within.Milliseconds(),
				said,
				expires,
				w.Propensity,
				w.Worth,
				w.Cost,
				snapshot,
			},
		)
	}
	_, err := sqldb.Insert(
		ctx,
		tx,
		"offers (key, customer, journey, action, channel, control, decided_at, within_ms, offered_at, "+
			"expires_at, propensity, worth, cost, features)",
		values,
		"on conflict (key) do nothing",
	)
	return err
}

// SettleOffer is the OnSettled hook of this room: it opens the offer of a send that went out, and drops the
// offer of a send that did not.
func SettleOffer(ctx context.Context, tx sqldb.Conn, key, status string, now time.Time) error {
	var err error
	switch status {
	case contract.StatusSent:
		_, err = tx.ExecContext(
			ctx,
			`update offers set offered_at = $2, expires_at = $2 + within_ms where key = $1 and offered_at = 0`,
			key,
			sqldb.Millis(now),
		)
	case contract.StatusFailed, contract.StatusSuppressed:
		_, err = tx.ExecContext(ctx, `delete from offers where key = $1 and offered_at = 0`, key)
	}
	return err
}

// CreditOffers is the OnEvent hook of this room. For each action that an event accepts, it marks the customer's
// last offer as accepted, if the offer's window is open when the event arrives. An accepted offer
// is not accepted again, and neither are the offers before it. An offer that is being sent, or may have gone
// out, counts as open: the customer may be faster than the provider's answer.
func CreditOffers(ctx context.Context, b *unit.Unit, p *unit.LockedCustomer, a *customer.Arrival) error {
	ev := a.Event
	rel, err := b.Release(ctx)
	if err != nil || a.Backfill { // what happened before an offer does not accept it
		return err
	}
	if len(rel.Accepts[ev.Name]) == 0 {
		return nil
	}
	// The last offer of each action, if it is open, in one query for all actions.
	last := map[string]string{}
	if err := sqldb.Rows(ctx, b.Tx, func(r *sql.Rows) error {
		var action, key string
		var newer int64
		err := r.Scan(&action, &key, &newer)
		last[action] = key
		return err
	}, `select o.action, o.key, 0 as newer from offers o where o.customer = $1 and o.offered_at > 0 and o.outcome = '' and o.expires_at
	>= $2
		and not exists (select 1 from offers n where n.customer = o.customer and n.action = o.action and n.offered_at > 0 and
			(n.offered_at > o.offered_at or n.offered_at = o.offered_at and (n.decided_at > o.decided_at or n.decided_at = o.decided_at
			and n.key > o.key)))
		union all select o.action, o.key, o.decided_at from offers o join send_log c on c.key = o.key where o.customer = $1 and o.offered_at
		= 0 and o.outcome = ''
			and (c.status = 'sending' or c.outcome_unknown = 1 and c.status in ('retry', 'held'))
			and not exists (select 1 from offers n where n.customer = o.customer and n.action = o.action and n.offered_at > o.decided_at)
		order by newer`, p.ID, sqldb.Millis(b.Now)); err != nil {
		return err
	}
	var scope *journey.Scope
	for _, action := range rel.Accepts[ev.Name] {
		key, open := last[action.Name]
		if !open {
			continue
		}
		if scope == nil && action.Accept.When != "" {
			intents, err := intent.ScoresOf(ctx, b, p)
			if err != nil {
				return err
			}
			scope = journey.NewScope(
				expr.Vars{Customer: p.Vars(), Event: ev.Properties, EventName: ev.Name, Now: b.Now, Meter: b.Meter,
					Intent:  intents.Scores(b.Now),
					History: &customer.History{Ctx: ctx, Tx: b.Tx, Before: customer.Flusher(b), Customer: p.ID, Now: b.Now}},
			)
		}
		if !rel.Rules.Test(action.Accept.When, scope) {
			continue
		}
		if _, err := b.Tx.ExecContext(ctx, `update offers set outcome = $2, resolved_at = $3, accepted_by = $4,
			offered_at = case when offered_at = 0 then $3 else offered_at end, expires_at = case when offered_at = 0 then $3 + within_ms
			else expires_at end
			where key = $1 and outcome = ''`, key, OfferAccepted, sqldb.Millis(b.Now), ev.ID); err != nil {
			return err
		}
	}
	return nil
}

// MergeDecisions moves the decisions and offers of gone to survivor.
func MergeDecisions(ctx context.Context, b *unit.Unit, gone, survivor *unit.LockedCustomer) error {
	if gone.Unused() {
		return nil
	}
	if _, err := b.Tx.ExecContext(ctx, `update decisions set customer = $2 where customer = $1`, gone.ID, survivor.ID); err != nil {
		return err
	}
	_, err := b.Tx.ExecContext(ctx, `update offers set customer = $2 where customer = $1`, gone.ID, survivor.ID)
	return err
}

// Split is the OnSplit hook of this room: it moves the decisions of the enrollments that moved, and the offers made by their sends.
func Split(ctx context.Context, b *unit.Unit, s *unit.Parting) error {
	if err := s.Move(ctx, b, "decisions", `update decisions set customer = $1 where customer = $2 and
		enrollment in (select id from enrollment_states where customer = $1)`, nil); err != nil {
		return err
	}
	return s.Move(ctx, b, "offers", `update offers set customer = $1 where customer = $2 and
		key in (select key from send_log where customer = $1)`, nil)
}

// DropUnsentOffers deletes the offers of sends that will not be repeated. keys is a query for the keys of the sends.
func DropUnsentOffers(ctx context.Context, tx sqldb.Conn, keys string, args ...any) error {
	_, err := tx.ExecContext(ctx, `delete from offers where offered_at = 0 and key in (`+keys+`)`, args...)
	return err
}
