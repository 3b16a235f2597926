package variables

import (
	"context"
	"database/sql"
	"encoding/json"
	"maps"
	"strings"
	"time"

	"github.com/tabi-journeys/tabi/internal/customer"
	"github.com/tabi-journeys/tabi/internal/intent"
	"github.com/tabi-journeys/tabi/internal/journey/expr"
	"github.com/tabi-journeys/tabi/internal/number"
	"github.com/tabi-journeys/tabi/internal/sqldb"
	"github.com/tabi-journeys/tabi/internal/unit"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// Room returns what the expressions and templates of an enrollment see, and keeps HTTP responses for them.
type Room struct{ db *unit.Units }

// New returns the room.
func New(db *unit.Units) *Room { return &Room{db: db} }

// View returns the variables of an enrollment, which it claims. Their History reads the database lazily, with this ctx.
func (s *Room) View(ctx context.Context, now time.Time, ref contract.Ref, scene contract.EvalContext) (expr.Vars, error) {
	var vars expr.Vars
	err := s.db.ReadClaimed(ctx, ref, func(tx sqldb.Conn, e *unit.EnrollmentRow, p *unit.LockedCustomer) (err error) {
		vars, err = VariablesOf(ctx, s.db, tx, e, p, scene, now)
		return err
	})
	return vars, err
}

// VariablesOf returns the variables of an enrollment in a transaction.
func VariablesOf(ctx context.Context, db *unit.Units, tx sqldb.Conn, e *unit.EnrollmentRow, p *unit.LockedCustomer,
	scene contract.EvalContext, now time.Time) (expr.Vars, error) {
	entry := scene.EntryEvent
	if entry == "" {
		entry = e.EntryEvent
	}
	ids := []string{entry, scene.Event}
	for _, id := range scene.StepEvents {
		ids = append(ids, id)
	}
	events, err := customer.EventsByID(ctx, tx, ids)
	if err != nil {
		return expr.Vars{}, err
	}
	rel, err := db.Current(ctx, tx)
	if err != nil {
		return expr.Vars{}, err
	}
	intents, err := intent.ReadScores(ctx, db, tx, rel.Intents, p, now)
	if err != nil {
		return expr.Vars{}, err
	}
	v := expr.Vars{
		Customer: p.Vars(), Entry: map[string]any{}, Intent: intents.Scores(now), Vars: map[string]any{},
		Steps: map[string]map[string]any{}, Now: now,
		History: &customer.History{Ctx: ctx, Tx: db.Reader, Customer: p.ID, Now: now},
	}
	maps.Copy(v.Vars, scene.Vars)
	if ev := events[entry]; ev != nil {
		v.Entry = ev.Properties
	}
	if ev := events[scene.Event]; ev != nil {
		v.Event, v.EventName = ev.Properties, ev.Name
	}
	for id, result := range scene.Steps {
		if v.Steps[id] = maps.Clone(result); v.Steps[id] == nil {
			v.Steps[id] = map[string]any{}
		}
	}
	for id, from := range scene.StepEvents {
		if v.Steps[id] == nil {
			v.Steps[id] = map[string]any{}
		}
		properties := map[string]any{}
		if ev := events[from]; ev != nil {
			properties = ev.Properties
			if said := intent.Written(ev.Name, properties); said != "" {
				v.Steps[id]["text"] = said
			}
		}
		v.Steps[id]["properties"] = properties
	}
	return v, callResponses(ctx, tx, e.ID, scene.StepCalls, v.Steps)
}

// KeepResponse stores the response of an HTTP call step until the enrollment ends. It claims the enrollment. The last
// response of a key counts.
func (s *Room) KeepResponse(ctx context.Context, now time.Time, in contract.Call, r contract.CallResult) error {
	body, err := json.Marshal(r.Body)
	if err != nil {
		return sqldb.InputError("the response's body is not JSON: " + err.Error())
	}
	return s.db.Write(ctx, func(tx sqldb.Conn) error {
		e, _, err := s.db.Claimed(ctx, tx, in.Enrollment, in.Chain)
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `insert into http_call_responses (key, enrollment, status, body) values ($1, $2, $3, $4)
			on conflict (key) do update set status = excluded.status, body = excluded.body`, sqldb.Clean(in.Key), e.ID, r.Status,
			string(body))
		return err
	})
}

// callResponses adds stored HTTP responses to the results of their steps.
func callResponses(ctx context.Context, tx sqldb.Conn, enrollmentID string, calls map[string]string,
	steps map[string]map[string]any) error {
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
		keys = append(keys, sqldb.Clean(key))
	}
	if err := sqldb.Within(ctx, tx, `select key, status, body from http_call_responses where enrollment = $1 and key in (%s)`,
		sqldb.Sorted(keys), func(r *sql.Rows) error {
			var key, body string
			var one response
			if err := r.Scan(&key, &one.status, &body); err != nil {
				return err
			}
			err := number.Decode([]byte(body), &one.body)
			kept[key] = one
			return err
		}, enrollmentID); err != nil {
		return err
	}
	for step, key := range calls {
		one, ok := kept[sqldb.Clean(key)]
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

// OnClose deletes the responses of an enrollment that ends.
var OnClose = unit.Holder{Holds: heldResponses, Release: releaseResponses}

const heldResponses = `select 1 from http_call_responses where enrollment = $1`

func releaseResponses(ctx context.Context, b *unit.Unit, e *unit.EnrollmentRow, _ string, _ time.Time) error {
	if strings.HasPrefix(e.Reason, unit.LostReason) {
		return nil // it may begin again, and its templates read them
	}
	_, err := b.Tx.ExecContext(ctx, `delete from http_call_responses where enrollment = $1`, e.ID)
	return err
}
