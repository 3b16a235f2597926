package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"time"

	"github.com/tabi-journeys/tabi/workflows/contract"
)

// emitted is what the id of an event that a step made begins with; the step's visit follows.
const emitted = "tabi.emit/"

// Emit stores an event of an instance's customer, once per in.Key, and brings it to all journeys; it claims the
// enrollment. Its depth is one more than that of the events it follows from: the entry event, and the event at
// hand.
func (s *Store) Emit(ctx context.Context, now time.Time, in contract.Emit, properties map[string]any) error {
	name := clean(in.Spec.Event)
	if name == "" {
		return inputError("the event's name is missing")
	}
	calls := []SegmentCall{{Type: "track", MessageID: emitted + clean(in.Key), Event: name, Properties: properties, Source: "step"}}
	if err := s.classify(ctx, calls); err != nil {
		return err
	}
	return s.change(ctx, now, func(tx conn, b *unit) error {
		e, p, claim := claimed(ctx, tx, in.Enrollment, in.Chain)
		if claim != nil && !replayed(e, in.Chain, claim) {
			return claim
		}
		seen, err := exists(ctx, tx, `select 1 from events where id = $1`, calls[0].MessageID)
		if err != nil || seen {
			return err
		}
		if claim != nil {
			return claim
		}
		depth := e.depth
		if err := within(ctx, tx, `select depth from events where id in (%s)`, sorted([]string{in.EntryEvent, in.Event}), func(r *sql.Rows) error {
			var one int
			err := r.Scan(&one)
			depth = max(depth, one)
			return err
		}); err != nil {
			return err
		}
		if err := b.adopt(ctx, p); err != nil {
			return err
		}
		call := calls[0]
		call.Depth = depth + 1
		_, err = b.take(ctx, p, &call, nil)
		return err
	})
}

// KeepResponse keeps the response of a call as long as the instance lives, for templates; it claims the
// enrollment. The last response of a key counts.
func (s *Store) KeepResponse(ctx context.Context, now time.Time, in contract.Call, r contract.CallResult) error {
	body, err := json.Marshal(r.Body)
	if err != nil {
		return inputError("the response's body is not JSON: " + err.Error())
	}
	return s.write(ctx, func(tx conn) error {
		e, _, err := claimed(ctx, tx, in.Enrollment, in.Chain)
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `insert into http_call_responses (key, enrollment, status, body) values ($1, $2, $3, $4)
			on conflict (key) do update set status = excluded.status, body = excluded.body`, clean(in.Key), e.ID, r.Status, string(body))
		return err
	})
}

// responses puts what calls brought into the results of their steps.
func responses(ctx context.Context, tx conn, enrollment string, calls map[string]string, steps map[string]map[string]any) error {
	if len(calls) == 0 {
		return nil
	}
	type response struct {
		status int
		body   any
	}
	kept := map[string]response{}
	var keys []string
	for _, key := range calls {
		keys = append(keys, clean(key))
	}
	if err := within(ctx, tx, `select key, status, body from http_call_responses where enrollment = $1 and key in (%s)`, sorted(keys), func(r *sql.Rows) error {
		var key, body string
		var one response
		if err := r.Scan(&key, &one.status, &body); err != nil {
			return err
		}
		err := json.Unmarshal([]byte(body), &one.body)
		kept[key] = one
		return err
	}, enrollment); err != nil {
		return err
	}
	for step, key := range calls {
		one, ok := kept[clean(key)]
		if !ok {
			continue
		}
		if steps[step] == nil {
			steps[step] = map[string]any{}
		}
		if one.status != 0 {
			steps[step]["status"] = float64(one.status)
		}
		steps[step]["body"] = one.body
	}
	return nil
}
