package message

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/tabi-journeys/tabi/internal/customer"
	"github.com/tabi-journeys/tabi/internal/decisioning"
	"github.com/tabi-journeys/tabi/internal/event"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/sqldb"
	"github.com/tabi-journeys/tabi/internal/unit"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// A reaction is an event that shows how a customer responded to a send, or that the send did not reach them.
type reaction struct {
	channel string  // the default, if the event names no channel
	column  string  // of the ledger: when it first happened
	answer  bool    // it counts for the customer's engagement on the channel
	worth   float64 // of an answer; 0: a bounce
}

var reactions = map[string]reaction{
	event.EmailDelivered:    {channel: "email", column: "delivered_at"},
	event.EmailOpened:       {"email", "opened_at", true, decisioning.AnswerOpen},
	event.EmailLinkClicked:  {"email", "clicked_at", true, decisioning.AnswerClick},
	event.PushClicked:       {"push", "clicked_at", true, decisioning.AnswerClick},
	event.SMSLinkClicked:    {"sms", "clicked_at", true, decisioning.AnswerClick},
	event.LinkClicked:       {"", "clicked_at", true, decisioning.AnswerClick},
	event.EmailBounced:      {"email", "bounced_at", true, 0},
	event.MessageDelivered:  {column: "delivered_at"},
	event.MessageRead:       {"", "opened_at", true, decisioning.AnswerOpen},
	event.MessageBounced:    {"", "bounced_at", true, 0},
	event.EmailMarkedAsSpam: {channel: "email", column: "complained_at"},
	event.Unsubscribed:      {column: "opted_out_at"},
	event.PreferenceUpdated: {column: "opted_out_at"},
	journey.MessageReceived: {"", "replied_at", true, decisioning.AnswerReply},
}

// ReactionWithin is how long after a send an event that names no send is still taken for a reaction to it, in the ledger.
const ReactionWithin = 7 * 24 * time.Hour

// reactionOf returns the reaction that an event is. A machine's is none, and neither is the choice of more messages.
func reactionOf(ev *customer.Event) (reaction, bool) {
	r, known := reactions[ev.Name]
	if !known || ev.Properties["machine"] == true || ev.Name == event.PreferenceUpdated && ev.Properties["value"] != false {
		return r, false
	}
	return r, true
}

// answered is the row of the ledger that a reaction is about.
type answered struct {
	key, enrollment, channel string
	sent, first              int64 // first is the time of the first reaction of the kind; 0: none yet
	best                     float64
}

// RecordReaction is the OnEvent hook of this room: it notes in the ledger how a customer responded to a send, and updates the
// customer's engagement on a channel. The reaction is credited to the send that the event names, or else to the latest send on
// its channel. For the engagement only the best reaction to a send counts, once. A reaction to a send that the ledger does
// not know (from another system, say) counts as one answered send. Reactions to inbound decisions do not count: the customer
// was already present, so they say nothing about the channel.
func RecordReaction(ctx context.Context, b *unit.Unit, p *unit.LockedCustomer, a *customer.Arrival) error {
	r, known := reactionOf(a.Event)
	if !known {
		return nil
	}
	at := sqldb.Moment(a.At)
	if said := textOf(a.Event, "channel"); said != "" {
		r.channel = said
	}
	var row *answered
	if !a.Backfill { // a reaction of the past is none to a send of today
		var err error
		if row, err = r.find(ctx, b, p, a); err != nil {
			return err
		}
	}
	if row != nil {
		r.channel = row.channel
	}
	if !b.Units.HasChannel(r.channel) {
		return nil
	}
	if row != nil && (row.first == 0 || r.answer && r.worth > row.best) {
		if _, err := b.Tx.ExecContext(ctx, `update sends set best_response = case when best_response < $2 then $2 else best_response end, `+
			r.column+` = case when `+r.column+` = 0 then cast($3 as bigint) else `+r.column+` end where key = $1`, row.key, r.worth,
			r.noted(row, a)); err != nil {
			return err
		}
	}
	switch {
	case !r.answer:
		return nil
	case r.worth == 0:
		return reached(ctx, b.Tx, p.ID, r.channel, at, 1, 0)
	case row == nil:
		return reached(ctx, b.Tx, p.ID, r.channel, at, 1, r.worth)
	case row.enrollment == "" || r.worth <= row.best:
		return nil
	}
	return reached(ctx, b.Tx, p.ID, r.channel, sqldb.Moment(row.sent), 0, r.worth-row.best)
}

// noted returns the time that the ledger notes; 0: none, since the event names no send and came too late to be about this one.
func (r *reaction) noted(row *answered, a *customer.Arrival) int64 {
	if !named(a.Event) && a.At-row.sent > ReactionWithin.Milliseconds() {
		return 0
	}
	return a.At
}

// named reports whether an event names the send that it is about.
func named(ev *customer.Event) bool {
	return textOf(ev, "key") != "" || textOf(ev, "message") != "" || textOf(ev, "step") != "" || textOf(ev, "journey") != ""
}

func textOf(ev *customer.Event, name string) string {
	s, _ := ev.Properties[name].(string)
	return strings.TrimSpace(s)
}

// find returns the send that an event is a reaction to; nil: none is known.
func (r *reaction) find(ctx context.Context, b *unit.Unit, p *unit.LockedCustomer, a *customer.Arrival) (*answered, error) {
	w := sqldb.Where{}
	w.Equals("customer", p.ID)
	w.Equals("status", contract.StatusSent)
	if key := textOf(a.Event, "key"); key != "" {
		w.Equals("key", sqldb.Clean(key))
	} else {
		if r.channel == "" || !r.answer && !named(a.Event) {
			return nil, nil
		}
		w.Equals("channel", r.channel)
		for _, name := range []string{"journey", "step", "message"} {
			w.Equals(name, sqldb.Clean(textOf(a.Event, name)))
		}
	}
	var row answered
	err := b.Tx.QueryRowContext(ctx, `select key, enrollment, channel, at, `+r.column+`, best_response from sends`+w.SQL()+
		` order by case when enrollment = '' then 1 else 0 end, at desc limit 1`, w.Args...).
		Scan(&row.key, &row.enrollment, &row.channel, &row.sent, &row.first, &row.best)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	return &row, err
}

// reached adds sends and answers, weighted by age, to a customer's engagement on a channel. The customer must
// be locked.
func reached(ctx context.Context, tx sqldb.Conn, customerID, channel string, at time.Time, sends, answers float64) error {
	weight := decisioning.EngagementWeight(at)
	_, err := tx.ExecContext(ctx, `insert into channel_engagement (customer, channel, sends, answers) values ($1, $2, $3, $4)
		on conflict (customer, channel) do update set sends = channel_engagement.sends + excluded.sends, answers =
		channel_engagement.answers + excluded.answers`,
		customerID, channel, sends*weight, answers*weight)
	return err
}

// mergeEngagement adds the engagement of gone to that of survivor.
func mergeEngagement(ctx context.Context, tx sqldb.Conn, gone, survivor string) error {
	if _, err := tx.ExecContext(ctx, `insert into channel_engagement (customer, channel, sends, answers) select cast($2 as text),
	channel, sends, answers from channel_engagement where customer = $1
		on conflict (customer, channel) do update set sends = channel_engagement.sends + excluded.sends, answers =
		channel_engagement.answers + excluded.answers`, gone, survivor); err != nil {
		return err
	}
	_, err := tx.ExecContext(ctx, `delete from channel_engagement where customer = $1`, gone)
	return err
}

// population holds the answer rates of all customers together, by channel. It has no row, because every send would have
// to write it. Instead each process reads the latest sends from time to time.
type population struct {
	mu    sync.Mutex
	next  time.Time // wall time of the next read
	rates map[string]float64
	other float64
}

const (
	PopulationEvery = 10 * time.Minute
	populationSends = 20_000         // sends that are read
	populationRest  = 24 * time.Hour // younger sends may still be answered
)

// rate returns the share of sends on a channel that customers answer, 0…1.
func (p *population) rate(channel string) float64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	if rate, known := p.rates[channel]; known {
		return rate
	}
	return p.other
}

// learnPopulation reads the rates again if the last read is older than PopulationEvery. It must be called outside of a
// transaction. Scenarios have one customer only and keep the defaults.
func (s *Room) learnPopulation(ctx context.Context, now, wall time.Time) error {
	p := &s.population
	p.mu.Lock()
	due := !s.db.Scenario && !wall.Before(p.next)
	if due {
		p.next = wall.Add(PopulationEvery) // one caller reads; the others use the previous rates
	}
	p.mu.Unlock()
	if !due {
		return nil
	}
	channels := map[string]decisioning.Engagement{}
	err := s.db.Read(ctx, func(tx sqldb.Conn) error {
		return sqldb.Rows(ctx, tx, func(r *sql.Rows) error {
			var name string
			var c decisioning.Engagement
			err := r.Scan(&name, &c.Sends, &c.Answers)
			channels[name] = c
			return err
		}, `select channel, count(*), sum(best_response) from (select channel, best_response from sends where at <= $1 and status =
		'sent' and enrollment <> '' order by at desc limit $2) as latest group by channel`,
			sqldb.Millis(now.Add(-populationRest)), populationSends)
	})
	if err != nil {
		return err
	}
	rates, other := decisioning.PopulationRates(channels)
	p.mu.Lock()
	p.rates, p.other = rates, other
	p.mu.Unlock()
	return nil
}

// Merge moves the sends and the engagement of gone to survivor.
func Merge(ctx context.Context, b *unit.Unit, gone, survivor *unit.LockedCustomer) error {
	if gone.Unused() {
		return nil
	}
	if _, err := b.Tx.ExecContext(ctx, `update sends set customer = $2 where customer = $1`, gone.ID, survivor.ID); err != nil {
		return err
	}
	return mergeEngagement(ctx, b.Tx, gone.ID, survivor.ID)
}

// Split is the OnSplit hook of this room: it moves the sends of the enrollments that moved. Engagement stays where it is.
func Split(ctx context.Context, b *unit.Unit, s *unit.Parting) error {
	return s.Move(ctx, b, "sends", `update sends set customer = $1 where customer = $2 and
		enrollment in (select id from enrollment_states where customer = $1)`, nil)
}
