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
	worth   float64 // 0: a bounce
}

var reactions = map[string]reaction{
	event.EmailOpened:       {"email", decisioning.AnswerOpen},
	event.EmailLinkClicked:  {"email", decisioning.AnswerClick},
	event.PushClicked:       {"push", decisioning.AnswerClick},
	event.EmailBounced:      {"email", 0},
	journey.MessageReceived: {"", decisioning.AnswerReply},
}

// RecordReaction is the OnEvent hook of this room: it updates the customer's engagement on a channel from an
// event. The reaction is credited to the send that the event names, or else to the latest send on its channel.
// Only the best reaction to a send counts, once. A reaction to a send that the ledger does not know (from
// another system, say) counts as one answered send. Reactions to inbound decisions do not count: the customer
// was already present, so they say nothing about the channel.
func RecordReaction(ctx context.Context, b *unit.Unit, p *unit.LockedCustomer, a *customer.Arrival) error {
	ev := a.Event
	r, known := reactions[ev.Name]
	if !known {
		return nil
	}
	str := func(name string) string { s, _ := ev.Properties[name].(string); return strings.TrimSpace(s) }
	if said := str("channel"); said != "" {
		r.channel = said
	}
	if !b.Units.HasChannel(r.channel) {
		return nil
	}
	at := sqldb.Moment(ev.At)
	if r.worth == 0 {
		return reached(ctx, b.Tx, p.ID, r.channel, at, 1, 0)
	}
	if a.Backfill { // a reaction of the past is none to a send of today
		return reached(ctx, b.Tx, p.ID, r.channel, at, 1, r.worth)
	}
	w := sqldb.Where{}
	w.Equals("customer", p.ID)
	w.Equals("channel", r.channel)
	w.Equals("status", contract.StatusSent)
	for _, name := range []string{"journey", "step", "message"} {
		w.Equals(name, sqldb.Clean(str(name)))
	}
	var key, enrollmentID string
	var sent int64
	var before float64
	err := b.Tx.QueryRowContext(ctx, `select key, enrollment, at, best_response from sends`+w.SQL()+
		` order by case when enrollment = '' then 1 else 0 end, at desc limit 1`, w.Args...).
		Scan(&key, &enrollmentID, &sent, &before)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return reached(ctx, b.Tx, p.ID, r.channel, at, 1, r.worth)
	case err != nil || enrollmentID == "" || r.worth <= before:
		return err
	}
	if _, err := b.Tx.ExecContext(ctx, `update sends set best_response = $2 where key = $1`, key, r.worth); err != nil {
		return err
	}
	return reached(ctx, b.Tx, p.ID, r.channel, sqldb.Moment(sent), 0, r.worth-before)
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
