package message

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/tabi-journeys/tabi/channel"
	"github.com/tabi-journeys/tabi/internal/customer"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/sqldb"
)

// A ConversationTurn is one message in a conversation with a customer.
type ConversationTurn struct {
	At       time.Time // virtual
	Customer bool      // written by the customer, not by tabi
	Channel  string    // empty: unknown
	Text     string    `personal:"mask"`
	// For a message of the customer: the intent it was classified as (empty: none), and the confidence, 0…1.
	Intent     string
	Confidence float64
	// For a message of tabi.
	Journey, Step, Message string
}

// Conversation returns the latest limit turns (default 100, max 1000), oldest first: the customer's messages, and the
// sends whose rendered text is stored (questions, and messages in the app). It is empty for an unknown customer.
func (s *Room) Conversation(ctx context.Context, customerID string, limit int) ([]ConversationTurn, error) {
	limit = sqldb.Bounded(limit)
	var out []ConversationTurn
	err := s.db.Read(ctx, func(tx sqldb.Conn) error {
		id, err := customer.Whom(ctx, tx, customerID)
		if errors.Is(err, sqldb.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := sqldb.Rows(ctx, tx, func(r *sql.Rows) error {
			u := ConversationTurn{Customer: true}
			var at int64
			var raw string
			if err := r.Scan(&at, &raw, &u.Intent, &u.Confidence); err != nil {
				return err
			}
			properties, err := sqldb.Object(raw)
			if err != nil {
				return err
			}
			u.At = sqldb.Moment(at)
			u.Text, _ = properties[journey.TextProperty].(string)
			u.Channel, _ = properties["channel"].(string)
			out = append(out, u)
			return nil
		}, `select e.at, e.properties, coalesce(c.intent, ''), coalesce(c.confidence, 0) from event_log e
			left join message_intents c on c.event = e.id
			where e.customer = $1 and e.name = $2 order by e.at desc limit $3`, id, journey.MessageReceived, limit); err != nil {
			return err
		}
		return sqldb.Rows(ctx, tx, func(r *sql.Rows) error {
			var u ConversationTurn
			var at int64
			var said string
			if err := r.Scan(&at, &u.Channel, &u.Journey, &u.Step, &u.Message, &said); err != nil {
				return err
			}
			u.At = sqldb.Moment(at)
			var fields map[string]string
			if err := json.Unmarshal([]byte(said), &fields); err != nil {
				return err
			}
			u.Text = readable(fields)
			out = append(out, u)
			return nil
		}, `select at, channel, journey, step, message, rendered from sends where customer = $1 and status = 'sent' and rendered <> ''
		order by at desc limit $2`, id, limit)
	})
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(out, func(a, b ConversationTurn) int { return a.At.Compare(b.At) })
	return out[max(0, len(out)-limit):], nil
}

// readable returns the text a reader of a rendered treatment sees, such as the subject and text of a mail.
func readable(fields map[string]string) string {
	var lines []string
	for _, name := range []string{"subject", "title", "text", "body"} {
		if text := strings.TrimSpace(fields[name]); text != "" && !slices.Contains(lines, text) {
			lines = append(lines, text)
		}
	}
	if template := strings.TrimSpace(fields["template"]); template != "" { // of WhatsApp: its words are at Meta
		lines = append(lines, strings.TrimSuffix("Template "+template+": "+strings.Join(channel.Texts(fields, "values"), ", "), ": "))
	}
	for _, b := range channel.Items(fields, "buttons") {
		lines = append(lines, "["+b["title"]+"]")
	}
	return strings.Join(lines, "\n")
}
