package store

import (
	"context"
	"database/sql"
	"errors"
	"maps"
	"slices"
	"sync"

	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// classifyAtOnce is how many messages of a batch are asked about at once.
const classifyAtOnce = 8

// written is the text of a message of the customer; empty: it is none.
func written(name string, properties map[string]any) string {
	if name != journey.MessageReceived {
		return ""
	}
	s, _ := properties[journey.TextProperty].(string)
	return s
}

// classify finds what the messages among calls are about, before the transaction that takes them: asking may
// take its time. Only intents of the current release count.
func (s *IntentRoom) classify(ctx context.Context, calls []SegmentCall) error {
	var at []int
	var ids []string
	for i := range calls {
		if c := &calls[i]; c.Type == "track" && written(c.Event, c.Properties) != "" {
			at, ids = append(at, i), append(ids, c.MessageID)
		}
	}
	if len(at) == 0 {
		return nil
	}
	rel, err := s.db.current(ctx, s.db.reader)
	if err != nil {
		return databaseError(err)
	}
	if len(rel.content.Intents) == 0 {
		return nil
	}
	own, err := s.classifier(ctx, s.db.reader)
	if err != nil {
		return databaseError(err)
	}
	seen := map[string]bool{}
	if s.asks != nil { // what was taken before is not asked for again
		if err := within(ctx, s.db.reader, `select id from events where id in (%s)`, sorted(ids), func(r *sql.Rows) error {
			var id string
			err := r.Scan(&id)
			seen[id] = true
			return err
		}); err != nil {
			return databaseError(err)
		}
	}
	intents := slices.Sorted(maps.Keys(rel.content.Intents))
	var wait sync.WaitGroup
	slots := make(chan struct{}, classifyAtOnce)
	for _, i := range at {
		c := &calls[i]
		if seen[c.MessageID] {
			continue
		}
		if s.asks == nil {
			c.classified = s.understand(ctx, own, written(c.Event, c.Properties), intents)
			continue
		}
		slots <- struct{}{}
		wait.Go(func() {
			c.classified = s.understand(ctx, own, written(c.Event, c.Properties), intents)
			<-slots
		})
	}
	wait.Wait()
	return nil
}

// understand asks what is configured first, and then the built-in classifier; nil where there is none.
func (s *IntentRoom) understand(ctx context.Context, own *Classifier, text string, intents []string) *classification {
	if s.asks != nil {
		if intentName, confidence, err := s.asks(ctx, text, intents); err == nil && (intentName == "" || slices.Contains(intents, intentName)) {
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

// classified is none of the intents without any confidence, or an intent with a confidence between 0 and 1.
func classified(intentName string, confidence float64, version int) *classification {
	if intentName == "" || !(confidence > 0) {
		return &classification{version: version}
	}
	return &classification{intent: intentName, confidence: min(confidence, 1), version: version}
}

// keepClassifications writes what messages were taken for.
func keepClassifications(ctx context.Context, b *unit, events []*event) error {
	var rows [][]any
	for _, ev := range events {
		if c := ev.classified; c != nil {
			rows = append(rows, []any{ev.id, c.intent, c.confidence, c.version})
		}
	}
	_, err := insert(ctx, b.tx, "classifications (event, intent, confidence, version)", rows, "on conflict (event) do nothing")
	return err
}

// ClassifiedMessage is a message of the customer and what it was taken for.
type ClassifiedMessage struct {
	Text          string
	Intent        string // empty: none of the intents
	Confidence    float64
	Version       int    // of the classifier
	Journey, Step string // it says it replies to; empty: it does not say
}

// ReadMessage reads a message of an instance's customer, claiming the enrollment; ErrNotFound where there is none of that id.
func (s *IntentRoom) ReadMessage(ctx context.Context, ref contract.Ref, event string) (ClassifiedMessage, error) {
	var u ClassifiedMessage
	err := s.db.readClaimed(ctx, ref, func(tx conn, e *enrollmentRow, _ *lockedCustomer) error {
		ev, err := eventByID(ctx, tx, event)
		if err != nil {
			return err
		}
		if ev.customer != e.Customer {
			return ErrNotFound
		}
		u = ClassifiedMessage{Text: written(ev.name, ev.properties)}
		u.Journey, _ = ev.properties["journey"].(string)
		u.Step, _ = ev.properties["step"].(string)
		err = tx.QueryRowContext(ctx, `select intent, confidence, version from classifications where event = $1`, event).
			Scan(&u.Intent, &u.Confidence, &u.Version)
		if errors.Is(err, sql.ErrNoRows) {
			err = nil
		}
		return err
	})
	return u, err
}
