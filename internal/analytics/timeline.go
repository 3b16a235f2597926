package analytics

import (
	"context"
	"database/sql"
	"errors"
	"slices"

	"github.com/tabi-journeys/tabi/internal/customer"
	"github.com/tabi-journeys/tabi/internal/sqldb"
)

// line is an entry of a timeline with what orders those of the same moment.
type line struct {
	TimelineEntry
	ms, second int64
}

// Timeline returns a customer's events, sends, hand-offs, and entered and ended journeys, newest first. limit: default
// 100, max 1000. It is empty for an unknown customer.
func (s *Room) Timeline(ctx context.Context, customerID string, limit int) ([]TimelineEntry, error) {
	limit = sqldb.Bounded(limit)
	var lines []line
	err := s.db.Read(ctx, func(tx sqldb.Conn) error {
		id, err := customer.Whom(ctx, tx, customerID)
		if errors.Is(err, sqldb.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		for _, part := range []struct {
			query string
			scan  func(*sql.Rows) (line, error)
		}{
			{`select name, at, received_at, n, properties from event_log where customer = $1 and name <> '' order by at desc, received_at
			desc, n desc limit $2`, eventLine},
			{`select journey, message, channel, status, reason, step, at from send_log where customer = $1 order by at desc, key desc limit
			$2`, sendLine},
			{`select journey, queue, state, agent, outcome, agent_note, reason, note, id, opened_at, case when closed_at > 0 then
			closed_at when claimed_at > 0 then claimed_at else opened_at end as moved
				from handoff_log where customer = $1 order by 11 desc, id limit $2`, handoffLine},
			{`select journey, workflow_id, entry_name, holdout, entered_at from enrollment_states where customer = $1
				order by entered_at desc, id desc limit $2`, enteredLine},
			{`select journey, workflow_id, outcome, reason, value, closed_at from enrollment_states where customer = $1 and state = 'closed'
				order by closed_at desc, id desc limit $2`, endedLine},
		} {
			if err := sqldb.Rows(ctx, tx, func(r *sql.Rows) error {
				l, err := part.scan(r)
				l.At = sqldb.Moment(l.ms)
				lines = append(lines, l)
				return err
			}, part.query, id, limit); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	// What an event caused at its own moment stands above it.
	slices.SortStableFunc(lines, func(a, b line) int {
		if a.ms != b.ms {
			return int(min(max(b.ms-a.ms, -1), 1))
		}
		return int(min(max(b.second-a.second, -1), 1))
	})
	out := make([]TimelineEntry, 0, min(limit, len(lines)))
	for _, l := range lines[:min(limit, len(lines))] {
		out = append(out, l.TimelineEntry)
	}
	return out, nil
}

// Ranks of lines of the same moment, the later higher.
const (
	rankEvent = iota
	rankEntered
	rankSend
	rankHandoff
	rankEnded
)

func eventLine(r *sql.Rows) (line, error) {
	l := line{TimelineEntry: TimelineEntry{Kind: "event"}, second: rankEvent}
	var received, n int64
	var properties string
	if err := r.Scan(&l.Title, &l.ms, &received, &n, &properties); err != nil {
		return l, err
	}
	var err error
	l.Detail, err = sqldb.Object(properties)
	return l, err
}

func sendLine(r *sql.Rows) (line, error) {
	l := line{TimelineEntry: TimelineEntry{Kind: "send"}, second: rankSend}
	var msg, channel, status, reason, step string
	err := r.Scan(&l.Journey, &msg, &channel, &status, &reason, &step, &l.ms)
	l.Title = msg + " " + status
	l.Detail = filled("message", msg, "channel", channel, "status", status, "reason", reason, "step", step)
	return l, err
}

func handoffLine(r *sql.Rows) (line, error) {
	l := line{TimelineEntry: TimelineEntry{Kind: "handoff"}, second: rankHandoff}
	var queue, state, agent, outcome, agentNote, reason, note, id string
	var opened int64
	err := r.Scan(&l.Journey, &queue, &state, &agent, &outcome, &agentNote, &reason, &note, &id, &opened, &l.ms)
	l.Title = queue + " " + state
	l.Detail = filled(
		"id",
		id,
		"queue",
		queue,
		"state",
		state,
		"agent",
		agent,
		"outcome",
		outcome,
		"agent_note",
		agentNote,
		"reason",
		reason,
		"note",
		note,
	)
	return l, err
}

func enteredLine(r *sql.Rows) (line, error) {
	l := line{TimelineEntry: TimelineEntry{Kind: "entered"}, second: rankEntered}
	var workflowID, event string
	var holdout int
	err := r.Scan(&l.Journey, &workflowID, &event, &holdout, &l.ms)
	l.Title = l.Journey
	l.Detail = filled("workflow_id", workflowID, "event", event)
	if holdout != 0 {
		l.Detail["holdout"] = true
	}
	return l, err
}

func endedLine(r *sql.Rows) (line, error) {
	l := line{TimelineEntry: TimelineEntry{Kind: "ended"}, second: rankEnded}
	var workflowID, outcome, reason string
	var value float64
	err := r.Scan(&l.Journey, &workflowID, &outcome, &reason, &value, &l.ms)
	l.Title = l.Journey + ": " + outcome
	l.Detail = filled("workflow_id", workflowID, "outcome", outcome, "reason", reason)
	if value != 0 {
		l.Detail["value"] = value
	}
	return l, err
}

// filled makes a map of name, value pairs without the empty ones.
func filled(pairs ...string) map[string]any {
	m := map[string]any{}
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			m[pairs[i]] = pairs[i+1]
		}
	}
	return m
}
