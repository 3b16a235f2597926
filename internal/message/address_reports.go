package message

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tabi-journeys/tabi/internal/address"
	"github.com/tabi-journeys/tabi/internal/customer"
	"github.com/tabi-journeys/tabi/internal/event"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/signedlink"
	"github.com/tabi-journeys/tabi/internal/sqldb"
	"github.com/tabi-journeys/tabi/internal/unit"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// RecordReport is an OnEvent hook of this room: what an event says of an address is stored for that address. A hard bounce
// makes it dead, a complaint or an opt-out ends marketing to it for all customers who have it, and a success of a later
// send revives it.
//
// The address is that of the send, since the customer may have another one by now: the one in the ledger's row of the send
// that the event names by key or message_id, or an address that the event names, or that of the send that it names by
// journey, step and message. A bounce that
// names none of these is of the customer's address only if nothing contradicts it: the last send went there, and it has not
// changed since the event. Else nothing is marked, and the receipt says so.
func RecordReport(ctx context.Context, b *unit.Unit, p *unit.LockedCustomer, a *customer.Arrival) error {
	r := report{ctx: ctx, b: b, p: p, a: a, channel: "email"}
	if a.Backfill && r.first("address", "email") == "" { // the past says nothing of the address of today
		return nil
	}
	switch a.Name {
	case event.MessageBounced, event.MessageDelivered, event.MessageRead, event.ChannelFollowed, journey.MessageReceived:
		if r.channel = r.text("channel"); !b.Units.HasChannel(r.channel) {
			return nil
		}
	}
	switch a.Name {
	case event.EmailBounced, event.MessageBounced:
		return r.bounce()
	case event.EmailMarkedAsSpam, event.Unsubscribed:
		return r.optOut()
	case event.MarketingOptedIn, event.ChannelFollowed:
		if a.Backfill {
			return nil
		}
		if err := r.heard(); err != nil {
			return err
		}
		return r.optIn()
	case journey.MessageReceived:
		return r.heard()
	case event.EmailDelivered, event.EmailOpened, event.EmailLinkClicked, event.MessageDelivered, event.MessageRead:
		if a.Backfill {
			return nil
		}
		return r.success()
	}
	return nil
}

// report is one event about an address.
type report struct {
	ctx     context.Context
	b       *unit.Unit
	p       *unit.LockedCustomer
	a       *customer.Arrival
	channel string
}

func (r *report) text(name string) string {
	s, _ := r.a.Properties[name].(string)
	return strings.TrimSpace(s)
}

func (r *report) warn(text string) {
	r.a.Receipt.Warnings = append(r.a.Receipt.Warnings, r.a.Name+": "+text)
}

func (r *report) first(names ...string) string {
	for _, name := range names {
		if s := r.text(name); s != "" {
			return s
		}
	}
	return ""
}

func (r *report) bounce() error {
	kind := r.first("type", "bounce_type")
	if address.Bounce(kind, r.a.Properties["permanent"], r.text("reason")) != address.Hard {
		if _, known := address.Word(kind); !known {
			r.warn(fmt.Sprintf("the kind %.40q is not known, and counts as soft", kind))
		}
		return nil
	}
	reason := "bounced"
	if kind != "" {
		reason += ": " + kind
	}
	keys, sent, err := r.addresses()
	if err != nil || len(keys) == 0 {
		return err
	}
	for _, key := range keys {
		if err := customer.MarkDead(r.ctx, r.b.Tx, r.b.Now, customer.DeadAddress{Channel: r.channel, Key: key, Reason: reason,
			SentAt: sent}); err != nil {
			return err
		}
	}
	return nil
}

// addresses returns whose address a bounce is about, and when the message went out.
func (r *report) addresses() (keys []string, sent time.Time, err error) {
	at := sqldb.Moment(r.a.At)
	row, named, err := r.send()
	said := r.first("address", "email")
	switch {
	case err != nil:
		return nil, at, err
	case said != "" && (row == nil || named == ""): // a key knows better: some senders add the customer's email to every event
		return []string{address.Fold(r.b.Units.AddressTrait(r.channel), said)}, at, nil
	case row != nil && len(row.addresses) == 1:
		return row.addresses, row.at, nil
	case row != nil && said != "" && slices.Contains(row.addresses, address.Fold(r.b.Units.AddressTrait(r.channel), said)):
		return []string{address.Fold(r.b.Units.AddressTrait(r.channel), said)}, row.at, nil
	case row != nil && len(row.addresses) > 1:
		r.warn("the send went to several addresses; none was marked")
		return nil, at, nil
	case named != "":
		r.warn("no send is known by its " + named + "; no address was marked")
		return nil, at, nil
	}
	own := customer.KeysOf(r.b.Units.AddressTrait(r.channel), r.p.Traits)
	if len(own) == 0 {
		r.warn("it names no address, and the customer has none; no address was marked")
		return nil, at, nil
	}
	own = own[:1]
	last, err := r.latest("", "", "")
	if err != nil {
		return nil, at, err
	}
	if last != nil && len(last.addresses) > 0 && !slices.Contains(last.addresses, own[0]) {
		r.warn("it names no address and no send, and the customer's address has changed since the last send; no address was marked")
		return nil, at, nil
	}
	changed, err := r.changedSince()
	if changed {
		r.warn("it names no address and no send, and the customer's address has changed since; no address was marked")
		return nil, at, err
	}
	return own, at, err
}

// changedSince reports whether the customer's address on the channel was set after the event happened.
func (r *report) changedSince() (bool, error) {
	if r.a.At >= r.a.Received {
		return false, nil
	}
	events, err := customer.EventsNamed(r.ctx, r.b.Tx, r.p.ID, []string{event.CustomerUpdated})
	return slices.ContainsFunc(events, func(e *customer.Event) bool {
		_, set := e.Properties[r.b.Units.AddressTrait(r.channel)]
		return set && e.At > r.a.At
	}), err
}

func (r *report) optOut() error {
	at := sqldb.Moment(r.a.Received)
	if r.a.Name == event.Unsubscribed {
		if r.text("topic") != "" { // of the profile alone
			return nil
		}
		if said := r.text("channel"); said != "" {
			r.channel = said
		}
	}
	keys, err := r.subjects()
	if err != nil {
		return err
	}
	for _, channel := range r.channels() {
		own := keys
		if len(own) == 0 {
			own = customer.KeysOf(r.b.Units.AddressTrait(channel), r.p.Traits)
		} else if channel != r.channel {
			continue
		}
		if err := customer.OptOut(r.ctx, r.b.Tx, at, channel, own, r.a.Name); err != nil {
			return err
		}
	}
	return nil
}

func (r *report) optIn() error {
	if r.text("topic") != "" {
		return nil
	}
	if said := r.text("channel"); said != "" {
		r.channel = said
	}
	keys, err := r.subjects()
	if err != nil {
		return err
	}
	channels := r.channels()
	if len(keys) > 0 {
		channels = []string{r.channel}
	} else {
		for _, channel := range channels {
			keys = append(keys, customer.KeysOf(r.b.Units.AddressTrait(channel), r.p.Traits)...)
		}
	}
	return customer.OptIn(r.ctx, r.b, sqldb.Moment(r.a.At), channels, sqldb.Sorted(keys), r.a.Name)
}

// subjects returns the addresses that an opt-out or an opt-in names, itself or by its send; none: those that the customer has.
func (r *report) subjects() ([]string, error) {
	row, named, err := r.send()
	if said := r.first("address", "email"); err == nil && said != "" && (row == nil || named == "") {
		return []string{address.Fold(r.b.Units.AddressTrait(r.channel), said)}, nil
	}
	if row == nil {
		return nil, err
	}
	r.channel = row.channel
	return row.addresses, err
}

// channels returns the channels that an opt-out or an opt-in is about: the one it names, or e-mail for a complaint, or all.
func (r *report) channels() []string {
	if r.a.Name == event.EmailMarkedAsSpam || r.text("channel") != "" {
		return []string{r.channel}
	}
	var out []string
	for i := range r.b.Units.Channels {
		if r.b.Units.Channels[i].Address != "" {
			out = append(out, r.b.Units.Channels[i].Name)
		}
	}
	return out
}

func (r *report) success() error {
	row, _, err := r.send()
	if err != nil || row == nil || len(row.addresses) != 1 {
		return err
	}
	return customer.ReviveBySuccess(r.ctx, r.b, row.at, row.channel, row.addresses[0], r.a.Name)
}

// heard revives the customer's address on a channel by which they write or which they follow: it works again. Where they have several,
// it is not known which one it is, and mail programs write in anybody's name.
func (r *report) heard() error {
	trait := r.b.Units.AddressTrait(r.channel)
	if trait == "" || trait == address.Mailbox || r.a.Backfill {
		return nil
	}
	keys := customer.KeysOf(trait, r.p.Traits)
	if said := address.Fold(trait, r.text("address")); slices.Contains(keys, said) {
		keys = []string{said}
	} else if len(keys) != 1 || said != "" && r.b.Units.HasSessions(r.channel) {
		return nil
	}
	if err := customer.ReviveBySuccess(r.ctx, r.b, sqldb.Moment(r.a.At), r.channel, keys[0], r.a.Name); err != nil {
		return err
	}
	if r.a.Name != journey.MessageReceived || !r.b.Units.HasSessions(r.channel) {
		return nil
	}
	return customer.Wrote(r.ctx, r.b.Tx, sqldb.Moment(min(r.a.At, r.a.Received)), r.channel, keys[0])
}

// sentRow has what a report needs of a send.
type sentRow struct {
	channel   string
	addresses []string
	at        time.Time
}

// send returns the send that the event names; nil if it names none, or one that is not known. named says by what it does.
func (r *report) send() (row *sentRow, named string, err error) {
	if key := r.text("key"); key != "" {
		row, err = r.find(`key = $1`, key)
		return row, "key", err
	}
	if id := r.first("message_id", "messageId"); id != "" {
		if key, ok := signedlink.MessageKey(id); ok {
			if row, err = r.find(`key = $1`, key); row != nil || err != nil {
				return row, "message_id", err
			}
		}
		id = strings.Trim(id, "<> ")
		local, _, _ := strings.Cut(id, "@")
		row, err = r.find(`provider_id in ($1, $2) and provider_id <> '' and channel = $3 order by at desc, key desc limit 1`, id, local,
			r.channel)
		return row, "message_id", err
	}
	journey, step, message := r.text("journey"), r.text("step"), r.text("message")
	if journey == "" && step == "" && message == "" {
		return nil, "", nil
	}
	row, err = r.latest(journey, step, message)
	return row, "", err
}

// latest returns the customer's latest send before the event on the channel; nil if there is none.
func (r *report) latest(journey, step, message string) (*sentRow, error) {
	w := sqldb.Where{}
	w.Equals("customer", r.p.ID)
	w.Equals("channel", r.channel)
	w.Equals("status", contract.StatusSent)
	w.Equals("journey", sqldb.Clean(journey))
	w.Equals("step", sqldb.Clean(step))
	w.Equals("message", sqldb.Clean(message))
	w.Raw("address <> ''")
	row, err := r.scan(w.SQL()+" and at <= "+w.Param(r.a.At)+` order by at desc limit 1`, w.Args...)
	return row, err
}

func (r *report) find(condition string, args ...any) (*sentRow, error) {
	for i, arg := range args {
		if s, ok := arg.(string); ok {
			args[i] = sqldb.Clean(s)
		}
	}
	return r.scan(" where "+condition, args...)
}

func (r *report) scan(clause string, args ...any) (*sentRow, error) {
	var row sentRow
	var at int64
	var addresses string
	err := r.b.Tx.QueryRowContext(r.ctx, `select channel, address, at from sends`+clause, args...).Scan(&row.channel, &addresses, &at)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	row.at = sqldb.Moment(at)
	if addresses != "" {
		row.addresses = strings.Split(addresses, "\n")
	}
	return &row, err
}
