package message

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/tabi-journeys/tabi/internal/address"
	"github.com/tabi-journeys/tabi/internal/catalog"
	"github.com/tabi-journeys/tabi/internal/customer"
	"github.com/tabi-journeys/tabi/internal/decisioning"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/sqldb"
	"github.com/tabi-journeys/tabi/internal/unit"
	"github.com/tabi-journeys/tabi/internal/variables"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// Room keeps the ledger of sends: every message that was sent, will be sent, or was suppressed.
type Room struct {
	db         *unit.Units
	population population
	onSettled  []OnSettled
	hits       sqldb.Group[*storing]
}

// OnSettled is a hook: it does a room's part when the status of a next best action's send is known.
type OnSettled func(ctx context.Context, tx sqldb.Conn, key, status string, now time.Time) error

// New returns the room, which calls the hooks in their order.
func New(db *unit.Units, onSettled []OnSettled) *Room {
	return &Room{db: db, onSettled: onSettled}
}

func (s *Room) settled(ctx context.Context, tx sqldb.Conn, key, status string, now time.Time) error {
	for _, settle := range s.onSettled {
		if err := settle(ctx, tx, key, status, now); err != nil {
			return err
		}
	}
	return nil
}

// StatusSending is the status of a send whose lease is held: the provider may be called.
const StatusSending = "sending"

// Reasons that this room sets; the others come from the contact policy.
const (
	ReasonHoldout   = "HOLDOUT"
	ReasonForgotten = "FORGOTTEN"  // the customer is being forgotten
	reasonNoMessage = "NO_MESSAGE" // the current release no longer has the message
)

// ledgerRow has what a reservation reads of an earlier attempt.
type ledgerRow struct {
	status, reason, customer, channel, action, verdict string
	token, leaseUntil, slot                            int64
	doubt, attempts                                    int
}

func (l *ledgerRow) result() *contract.SendResult {
	return &contract.SendResult{Status: l.status, Reason: l.reason, Channel: l.channel}
}

// decided reports whether the send is final: it waits neither for an attempt nor for the end of quiet hours.
func (l *ledgerRow) decided() bool {
	switch l.status {
	case StatusSending, contract.StatusRetry, contract.StatusHeld:
		return false
	}
	return true
}

// unsettled reports whether an earlier attempt may have gone out without a known result.
func (l *ledgerRow) unsettled() bool {
	return l.status == StatusSending || l.doubt != 0 && (l.status == contract.StatusHeld || l.status == contract.StatusRetry)
}

// Reserve decides a send by the contact policy, in the customer's transaction, and writes its row in sends. It claims the
// enrollment. It returns ErrBusy while another attempt holds the lease. If the journey is paused it writes no row and
// returns StatusPaused; in quiet hours it writes a row that counts for no limit and returns StatusHeld.
//
// The invariant: of two sends that together exceed a limit, one is refused, although the provider is called after the
// commit. The row is the reservation. It counts for the limits from the commit on, and stops only when Settle records
// that the provider surely did not accept it. The decision and the row share a transaction that holds the customer's
// lock, so two decisions about one customer cannot both read the count of before.
//
// Example: the limit is one mail a day, and two journeys send to Ana in the same second. The first Reserve counts 0 and
// writes its row; the second waits for the lock, counts 1 and is suppressed. Then the worker of the first crashes. Its
// lease (lease_until, wall time) ends, and the retry of the activity reserves the same key with the next token. The row
// stays, so the limit still holds. Unsettled is true: the crashed attempt may have reached the provider, so the retry
// keeps its channel and its addresses, and an idempotent provider drops the repeat. If the crashed worker comes back,
// its Settle has an old token and gets ErrSuperseded.
//
// Without the reservation both mails go out. Without the token a slow worker overwrites the result of the retry.
// Without the fixed channel a repeat may say the same thing by mail and by push. See docs/decisions/0002 and 0005.
func (s *Room) Reserve(ctx context.Context, now, wall time.Time, in contract.Send, ttl time.Duration) (Reservation, error) {
	var res Reservation
	if len(in.Spec.Via) == 0 {
		if err := s.learnPopulation(ctx, now, wall); err != nil {
			return res, err
		}
	}
	err := s.db.Write(ctx, func(tx sqldb.Conn) error {
		res = Reservation{Key: in.Key, Category: cmp.Or(in.Spec.Category, journey.Marketing)}
		e, p, err := s.db.Claimed(ctx, tx, in.Enrollment, in.Chain)
		if unit.Replayed(e, in.Chain, err) {
			if row, failed := ledger(ctx, tx, in.Key); failed != nil {
				return failed
			} else if row != nil && row.decided() {
				res.Done = row.result()
				return nil
			}
		}
		if err != nil {
			return err
		}
		res.Customer = p.ID
		rel, err := s.db.Current(ctx, tx)
		if err != nil {
			return err
		}
		res.Release = rel.Number
		row, err := ledger(ctx, tx, in.Key)
		if err != nil {
			return err
		}
		if row != nil {
			switch {
			case row.decided():
				res.Done = row.result()
				return nil
			case row.status == StatusSending && row.leaseUntil > sqldb.Millis(wall):
				return ErrBusy
			}
			res.Unsettled, res.Attempts, res.Slot = row.unsettled(), row.attempts, sqldb.Moment(row.slot)
		}
		paused, err := sqldb.Exists(ctx, tx, `select 1 from journeys_on_hold where journey = $1`, e.Journey)
		if err != nil {
			return err
		}
		if paused {
			res.Done = &contract.SendResult{Status: contract.StatusPaused}
			return nil
		}
		if res.Vars, err = variables.VariablesOf(ctx, s.db, tx, e, p, in.EvalContext, now); err != nil {
			return err
		}
		res.Language, _ = p.Traits["language"].(string)
		status, reason := StatusSending, ""
		res.Message = rel.Content.Messages[in.Spec.Message]
		switch {
		case p.Merged != "": // an enrollment's customer is no redirect, unless it is being forgotten
			status, reason = contract.StatusSuppressed, ReasonForgotten
		case e.Holdout:
			status, reason = contract.StatusSuppressed, ReasonHoldout
		case res.Message == nil:
			status, reason = contract.StatusFailed, reasonNoMessage
		default:
			if res.Verdict, err = s.verdict(ctx, tx, p, rel, row, in, &res, now); err != nil {
				return err
			}
			switch {
			case !res.Verdict.HeldUntil.IsZero():
				status, reason = contract.StatusHeld, res.Verdict.Reason
			case res.Verdict.Channel == "":
				status, reason = contract.StatusSuppressed, res.Verdict.Reason
			}
		}
		if status != StatusSending {
			res.Done = &contract.SendResult{Status: status, Reason: reason, Until: res.Verdict.HeldUntil}
		}
		return s.Take(ctx, tx, e, in, &res, status, reason, now, wall.Add(ttl))
	})
	return res, err
}

func ledger(ctx context.Context, tx sqldb.Conn, key string) (*ledgerRow, error) {
	var l ledgerRow
	err := tx.QueryRowContext(ctx, `select status, reason, customer, channel, action, route, token, lease_until, outcome_unknown,
	attempts, rate_slot_at from sends where key = $1`, key).
		Scan(&l.status, &l.reason, &l.customer, &l.channel, &l.action, &l.verdict, &l.token, &l.leaseUntil, &l.doubt, &l.attempts, &l.slot)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	return &l, err
}

// verdict asks the contact policy. If an earlier attempt may have gone out, the channel stays the same while its address
// is alive, since another channel could say it twice. A send whose retries have ended is not held again. A send of a next
// best action is never held but dropped: by morning another action may be better.
func (s *Room) verdict(
	ctx context.Context,
	tx sqldb.Conn,
	p *unit.LockedCustomer,
	rel *catalog.Release,
	row *ledgerRow,
	in contract.Send,
	res *Reservation,
	now time.Time,
) (decisioning.Verdict, error) {
	st, q, err := s.PolicyContext(ctx, tx, p, rel, res.Vars, now, planOf(in))
	if err != nil {
		return decisioning.Verdict{}, err
	}
	v := decisioning.Permit(st, decisioning.SendRequest{Send: in.Spec, Message: res.Message, Channels: s.db.Channels})
	switch {
	case v.HeldUntil.IsZero():
	case in.GiveUp != "" && row != nil:
		v.Channel, v.HeldUntil = row.channel, time.Time{}
	case in.Action != "":
		v.HeldUntil = time.Time{}
	}
	if res.Unsettled && v.Channel != "" && v.Channel != row.channel && row.verdict != "" {
		var before decisioning.Verdict // its channel and addresses
		if err := json.Unmarshal([]byte(row.verdict), &before); err != nil {
			return v, err
		}
		if !q.dead(before.Channel, before.Addresses) {
			only := in.Spec
			only.Via = []string{before.Channel}
			switch again := decisioning.Permit(st, decisioning.SendRequest{Send: only, Message: res.Message, Channels: s.db.Channels}); {
			case again.Channel == "" && again.Reason != decisioning.NoAddress && again.Reason != decisioning.Bounced:
				v = again // the policy now forbids that channel, and no other is used instead
			default: // the same addresses as before, even if the profile has changed
				v.Channel, v.Addresses = before.Channel, before.Addresses
			}
		}
	}
	return v, q.Err
}

// Take writes the send's row, with the next token. If an earlier attempt may have gone out, the row stays marked as
// unknown unless this attempt sends; a held row keeps its route. The row keeps the address that the last attempt had.
func (s *Room) Take(
	ctx context.Context,
	tx sqldb.Conn,
	e *unit.EnrollmentRow,
	in contract.Send,
	res *Reservation,
	status, reason string,
	now, until time.Time,
) error {
	verdict, trace, sentTo := "", "", ""
	var err error
	if status == StatusSending {
		sentTo = sqldb.Clean(strings.Join(foldAll(s.db.AddressTrait(res.Verdict.Channel), res.Verdict.Addresses), "\n"))
		if verdict, err = sqldb.JSONText(res.Verdict); err != nil {
			return err
		}
	}
	if len(res.Verdict.Channels) > 0 {
		if trace, err = sqldb.JSONText(res.Verdict.Channels); err != nil {
			return err
		}
	}
	if in.Action != "" {
		if err := s.settled(ctx, tx, in.Key, status, now); err != nil {
			return err
		}
	}
	return tx.QueryRowContext(ctx, `insert into sends (key, enrollment, journey, step, message, customer, channel, category, topic,
	status, reason, release, at, token, lease_until, route,
			action, tone, policy_trace, until_at, revision, address, planned_at, language)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, 1, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23)
		on conflict (key) do update set channel = excluded.channel, status = excluded.status, reason = excluded.reason, release =
		excluded.release, at = excluded.at,
			outcome_unknown = case when sends.status = 'sending' then 1 else sends.outcome_unknown end, unknown_count =
			sends.unknown_count + case when sends.status = 'sending' then 1 else 0 end,
			token = sends.token + 1, lease_until = excluded.lease_until, route = case when excluded.status = 'held' then sends.route else
			excluded.route end,
			tone = excluded.tone, policy_trace = excluded.policy_trace, until_at = excluded.until_at,
			address = case when excluded.address = '' then sends.address else excluded.address end,
			planned_at = excluded.planned_at, language = excluded.language
		returning token`,
		in.Key, e.ID, e.Journey, in.Step, in.Spec.Message, e.Customer, res.Verdict.Channel, res.Category, in.Spec.Topic, status, reason,
		res.Release, sqldb.Millis(now), sqldb.Millis(until), verdict,
		in.Action, res.Verdict.Tone, trace, sqldb.Millis(res.Verdict.HeldUntil), e.Revision, sentTo,
		sqldb.Millis(planOf(in).moment(now)), res.treatmentLanguage()).
		Scan(&res.Token)
}

// Settle records the result of a Reservation. It returns ErrSuperseded if the row has another token. Repeating the same
// settlement changes nothing.
func (s *Room) Settle(ctx context.Context, now time.Time, r Reservation, o Settlement) error {
	switch o.Status {
	case contract.StatusSent, contract.StatusFailed, contract.StatusRetry, contract.StatusSuppressed:
	default:
		return sqldb.InputError("a send cannot be settled as " + o.Status)
	}
	return s.db.Write(ctx, func(tx sqldb.Conn) error {
		_, err := customer.LockOwner(ctx, tx, `select customer from sends where key = $1`, r.Key)
		if errors.Is(err, sqldb.ErrNotFound) {
			return unit.ErrSuperseded
		}
		if err != nil {
			return err
		}
		row, err := ledger(ctx, tx, r.Key)
		switch {
		case err != nil:
			return err
		case row == nil || row.token != r.Token:
			return unit.ErrSuperseded
		}
		// A send that was abandoned when its enrollment ended or moved may still turn out to have been sent.
		gaveUp := row.status == contract.StatusFailed && (row.reason == reasonEnded || row.reason == reasonMovedOn)
		if row.status == o.Status && !gaveUp {
			return nil
		}
		if row.status != StatusSending && !gaveUp {
			return unit.ErrSuperseded
		}
		status, reason := o.Status, o.Reason
		if status == contract.StatusRetry && gaveUp {
			status, reason = contract.StatusFailed, row.reason
		}
		doubt := o.Unknown || row.doubt != 0 && status != contract.StatusSent // an earlier attempt stays unknown until one is surely sent
		said := ""
		if o.Said != nil {
			if said, err = sqldb.JSONText(o.Said); err != nil {
				return err
			}
		}
		if _, err := tx.ExecContext(ctx, `update sends set status = $2, reason = $3, provider_id = $4, outcome_unknown = $5, attempts =
		attempts + $9, at = $6, lease_until = 0, rendered = $7,
			route = case when $8 = 1 then route else '' end, rate_slot_at = $10, unknown_count = unknown_count + $11,
			segments = case when $12 > 0 then $12 else segments end where key = $1`,
			r.Key, status, sqldb.Clean(reason), journey.Shorten(sqldb.Clean(o.ProviderID), journey.MaxStoredID), sqldb.Flag(doubt),
			sqldb.Millis(now), said, sqldb.Flag(doubt && status == contract.StatusRetry),
			sqldb.Flag(!o.Waits), sqldb.Millis(o.Slot), sqldb.Flag(o.Unknown), o.Segments); err != nil {
			return err
		}
		if row.action != "" {
			if err := s.settled(ctx, tx, r.Key, status, now); err != nil {
				return err
			}
		}
		if status == contract.StatusSent {
			if err := reached(ctx, tx, row.customer, row.channel, now, 1, 0); err != nil {
				return err
			}
		}
		trait := s.db.AddressTrait(r.Verdict.Channel)
		since := map[string]time.Time{}
		for text, at := range o.GoneSince {
			since[address.Fold(trait, text)] = at
		}
		for _, key := range sqldb.Sorted(foldAll(trait, o.Gone)) {
			if err := customer.MarkDead(ctx, tx, now, customer.DeadAddress{Channel: r.Verdict.Channel, Key: key,
				Reason: cmp.Or(o.GoneReason, o.Reason, "gone"), SentAt: now, Since: since[key]}); err != nil {
				return err
			}
		}
		return customer.OptOut(ctx, tx, now, r.Verdict.Channel, foldAll(trait, o.OptedOut), "the provider's refusal")
	})
}
