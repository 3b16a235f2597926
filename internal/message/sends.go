package message

import (
	"context"
	"database/sql"
	"encoding/json"
	"strings"
	"time"

	"github.com/tabi-journeys/tabi/channel"
	"github.com/tabi-journeys/tabi/internal/customer"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/sqldb"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

const sendColumns = `key, enrollment, journey, step, message, customer, channel, category, topic,
	status, reason, provider_id, action, tone, outcome_unknown, attempts, release, at, until_at, rendered, policy_trace, address, segments`

func scanSend(r sqldb.Scanner) (Send, error) {
	var c Send
	var doubt int
	var at, until int64
	var said, trace, addresses string
	err := r.Scan(
		&c.Key,
		&c.Enrollment,
		&c.Journey,
		&c.Step,
		&c.Message,
		&c.Customer,
		&c.Channel,
		&c.Category,
		&c.Topic,
		&c.Status,
		&c.Reason,
		&c.ProviderID,
		&c.Action,
		&c.Tone,
		&doubt,
		&c.Attempts,
		&c.Release,
		&at,
		&until,
		&said,
		&trace,
		&addresses,
		&c.Segments,
	)
	if addresses != "" {
		c.Addresses = strings.Split(addresses, "\n")
	}
	c.Unknown, c.At, c.Until = doubt != 0, sqldb.Moment(at), sqldb.Moment(until)
	if err == nil && said != "" {
		err = json.Unmarshal([]byte(said), &c.Said)
	}
	if err == nil && trace != "" {
		err = json.Unmarshal([]byte(trace), &c.Tried)
	}
	return c, err
}

// Sends lists sends, newest first.
func (s *Room) Sends(ctx context.Context, f SendFilter) ([]Send, error) {
	var out []Send
	err := customer.ReadOf(ctx, s.db, f.Customer, func(tx sqldb.Conn, customerID string) error {
		w := sqldb.Where{}
		w.Equals("journey", f.Journey)
		w.Equals("customer", customerID)
		w.Equals("enrollment", f.Enrollment)
		w.Equals("channel", f.Channel)
		w.Equals("status", f.Status)
		if f.kept {
			w.In("channel", channel.KeepingContent(s.db.Channels))
		}
		if f.said {
			w.Raw("rendered <> ''")
		}
		query := `select ` + sendColumns + ` from sends` + w.SQL() + ` order by at desc, key desc limit ` +
			w.Param(sqldb.Bounded(f.Limit))
		return sqldb.Rows(ctx, tx, func(r *sql.Rows) error {
			c, err := scanSend(r)
			out = append(out, c)
			return err
		}, query, w.Args...)
	})
	return out, err
}

// AppMessages lists the messages that journeys sent to a customer's app, newest first, without those that the app showed
// by an inbound decision. limit: default 100, max 1000.
func (s *Room) AppMessages(ctx context.Context, customerID string, limit int) ([]Send, error) {
	return s.Sends(ctx, SendFilter{Customer: customerID, kept: true, Status: contract.StatusSent, Limit: limit, said: true})
}

// Shown is a message that a channel shows at once, because it asked for a decision.
type Shown struct{ Key, Message, Channel, Action, Tone string }

// RecordShown writes messages that a channel shows to a customer at once as sent.
func RecordShown(ctx context.Context, tx sqldb.Conn, customerID string, release int, at time.Time, list []Shown) error {
	var values [][]any
	for _, m := range list {
		values = append(
			values,
			[]any{
				m.Key,
				"",
				"",
				"",
				m.Message,
				customerID,
				m.Channel,
				journey.Marketing,
				"",
				contract.StatusSent,
				release,
				sqldb.Millis(at),
				sqldb.Millis(at),
				1,
				0,
				m.Action,
				m.Tone,
			},
		)
	}
	_, err := sqldb.Insert(
		ctx,
		tx,
		"sends (key, enrollment, journey, step, message, customer, channel, category, topic, status, release, at, planned_at, token, "+
			"lease_until, action, tone)",
		values,
		"",
	)
	return err
}
