package intent

import (
	"context"
	"database/sql"
	"errors"
	"maps"
	"slices"
	"sync"

	"github.com/tabi-journeys/tabi/internal/customer"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/sqldb"
	"github.com/tabi-journeys/tabi/internal/unit"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// classifyAtOnce is how many messages of a request are classified in parallel.
const classifyAtOnce = 8

// Written returns the text of an event that is a message of the customer, and "" for other events.
func Written(name string, properties map[string]any) string {
	if name != journey.MessageReceived {
		return ""
	}
	s, _ := properties[journey.TextProperty].(string)
	return s
}

// Classify sets Classified of the calls that are messages of customers. It runs before the transaction of Ingest, since an
// external classifier may be slow. Only intents of the current release count.
func (s *Room) Classify(ctx context.Context, calls []customer.SegmentCall) error {
	var at []int
	var ids []string
	for i := range calls {
		if c := &calls[i]; c.Type == "track" && Written(c.Event, c.Properties) != "" {
			at, ids = append(at, i), append(ids, c.EventID())
		}
	}
	if len(at) == 0 {
		return nil
	}
	rel, err := s.db.Current(ctx, s.db.Reader)
	if err != nil {
		return sqldb.DatabaseError(err)
	}
	if len(rel.Content.Intents) == 0 {
		return nil
	}
	own, err := s.classifier(ctx, s.db.Reader)
	if err != nil {
		return sqldb.DatabaseError(err)
	}
	seen := map[string]customer.KnownEvent{}
	if s.Asks != nil { // do not classify duplicates again
		if seen, err = customer.KnownEvents(ctx, s.db.Reader, ids...); err != nil {
			return sqldb.DatabaseError(err)
		}
	}
	intents := slices.Sorted(maps.Keys(rel.Content.Intents))
	var wait sync.WaitGroup
	slots := make(chan struct{}, classifyAtOnce)
	for _, i := range at {
		c := &calls[i]
		if _, known := seen[c.EventID()]; known {
			continue
		}
		if s.Asks == nil {
			c.Classified = s.understand(ctx, own, Written(c.Event, c.Properties), intents)
			continue
		}
		slots <- struct{}{}
		wait.Go(func() {
			c.Classified = s.understand(ctx, own, Written(c.Event, c.Properties), intents)
			<-slots
		})
	}
	wait.Wait()
	return nil
}

// understand asks the configured classifier first and then the built-in one. It returns nil if there is neither.
func (s *Room) understand(ctx context.Context, own *Classifier, text string, intents []string) *customer.Classification {
	if s.Asks != nil {
		if intentName, confidence, err := s.Asks(ctx, text, intents); err == nil &&
			(intentName == "" || slices.Contains(intents, intentName)) {
			return classified(intentName, confidence, 0)
		}
	}
	if own == nil || own.Model == nil {
		return nil
	}
	label := own.Model.Classify(text)
	if !slices.Contains(intents, label.Intent) {
		label.Intent = ""
	}
	return classified(label.Intent, label.Confidence, own.Version)
}

// classified returns a classification with no intent if confidence is not positive, and limits confidence to 1.
func classified(intentName string, confidence float64, version int) *customer.Classification {
	if intentName == "" || !(confidence > 0) {
		return &customer.Classification{Version: version}
	}
	return &customer.Classification{Intent: intentName, Confidence: min(confidence, 1), Version: version}
}

// keepClassifications writes the classifications of messages.
func keepClassifications(ctx context.Context, b *unit.Unit, events []*customer.Event) error {
	var rows [][]any
	for _, ev := range events {
		if c := ev.Classified; c != nil {
			rows = append(rows, []any{ev.ID, c.Intent, c.Confidence, c.Version})
		}
	}
	_, err := sqldb.Insert(ctx, b.Tx, "classifications (event, intent, confidence, version)", rows, "on conflict (event) do nothing")
	return err
}

// A ClassifiedMessage is a message of the customer with its classification.
type ClassifiedMessage struct {
	Text          string
	Intent        string // empty: none of the intents
	Confidence    float64
	Version       int    // of the classifier
	Journey, Step string // the send it replies to; empty: unknown
}

// ReadMessage returns a message of an enrollment's customer by its event id, or ErrNotFound. It claims the enrollment.
func (s *Room) ReadMessage(ctx context.Context, ref contract.Ref, event string) (ClassifiedMessage, error) {
	var u ClassifiedMessage
	err := s.db.ReadClaimed(ctx, ref, func(tx sqldb.Conn, e *unit.EnrollmentRow, _ *unit.LockedCustomer) error {
		ev, err := customer.EventByID(ctx, tx, event)
		if err != nil {
			return err
		}
		if ev.Customer != e.Customer {
			return sqldb.ErrNotFound
		}
		u = ClassifiedMessage{Text: Written(ev.Name, ev.Properties)}
		u.Journey, _ = ev.Properties["journey"].(string)
		u.Step, _ = ev.Properties["step"].(string)
		err = tx.QueryRowContext(ctx, `select intent, confidence, version from classifications where event = $1`, event).
			Scan(&u.Intent, &u.Confidence, &u.Version)
		if errors.Is(err, sql.ErrNoRows) {
			err = nil
		}
		return err
	})
	return u, err
}
