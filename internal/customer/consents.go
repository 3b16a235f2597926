package customer

import (
	"context"
	"database/sql"
	"time"

	"github.com/tabi-journeys/tabi/internal/event"
	"github.com/tabi-journeys/tabi/internal/sqldb"
	"github.com/tabi-journeys/tabi/internal/unit"
)

// A Consent is an entry of the proof of what a customer has agreed to or refused: an event of event.Proofs.
type Consent struct {
	At         time.Time // virtual
	Event      string
	Properties map[string]any `personal:"drop"` // topic, channel, value, wording, language, source, and the mail where it was one
	Source     string         // of the event: http, temporal, cli or step
}

// Text returns a property that is a text, or "".
func (c Consent) Text(name string) string {
	text, _ := c.Properties[name].(string)
	return text
}

// Yes reports whether the customer agreed.
func (c Consent) Yes() bool {
	if c.Event == event.PreferenceUpdated {
		return c.Properties["value"] == true
	}
	return c.Event != event.Unsubscribed
}

// Subscriber returns the anonymous id of the owner of a mailbox, by its key, of whom nothing else is known. Nobody can find the mailbox
// out from it.
func (s *Room) Subscriber(mailbox string) string {
	return "subscriber-" + unit.Digest(s.db.Salt, "subscriber", mailbox)[:40]
}

// Consents returns what a customer has agreed to and refused, newest first, up to limit. The events stay as long as the customer.
func (s *Room) Consents(ctx context.Context, id string, limit int) (out []Consent, err error) {
	err = s.db.Read(ctx, func(tx sqldb.Conn) error {
		out = nil
		args := []any{id}
		for _, name := range event.Proofs {
			args = append(args, name)
		}
		return sqldb.Rows(ctx, tx, func(r *sql.Rows) error {
			var c Consent
			var at int64
			var properties string
			err := r.Scan(&at, &c.Event, &properties, &c.Source)
			if err == nil {
				c.At = sqldb.Moment(at)
				c.Properties, err = sqldb.Object(properties)
			}
			out = append(out, c)
			return err
		}, `select at, name, properties, source from events where customer = $1 and name in (`+sqldb.List(2, len(event.Proofs))+`)
			order by at desc, received_at desc, n desc limit `+sqldb.List(len(args)+1, 1), append(args, sqldb.Bounded(limit))...)
	})
	return out, err
}
