package offer

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"time"

	"github.com/tabi-journeys/tabi/internal/customer"
	"github.com/tabi-journeys/tabi/internal/decisioning"
	"github.com/tabi-journeys/tabi/internal/sqldb"
)

// Directions of decisions.
const (
	DirectionOutbound = "outbound" // asked by a journey
	DirectionInbound  = "inbound"  // asked for a customer who is present
	DirectionPreview  = "preview"  // nothing is stored
)

// A Decision is a choice among next best actions, with its trace.
type Decision struct {
	Key, Customer             string
	Journey, Enrollment, Step string // outbound only
	Asked                     string // the group, or the actions joined with commas
	Direction                 string
	At                        time.Time // virtual
	Release                   int
	Control                   string // the customer's control group; empty: none
	Reason                    string // why nothing was chosen
	Slots                     []Slot // the chosen actions, best first
	Candidates                []decisioning.Candidate
}

// A Slot is a chosen action.
type Slot struct {
	Key        string  `json:"key,omitempty"` // key of its send and its offer; empty if nothing is sent
	Action     string  `json:"action"`
	Message    string  `json:"message,omitempty"`
	Channel    string  `json:"channel,omitempty"`
	Tone       string  `json:"tone,omitempty"` // from the contact policy; empty: plain
	Propensity float64 `json:"propensity"`
	Priority   float64 `json:"priority"`
}

// first returns the winner, or an empty Slot if nothing was chosen.
func (d *Decision) first() Slot {
	if len(d.Slots) == 0 {
		return Slot{}
	}
	return d.Slots[0]
}

// DecisionFilter narrows Decisions. Empty fields do not filter.
type DecisionFilter struct {
	Customer, Journey, Enrollment, Action string // Action: the winner
	Before                                time.Time
	Limit                                 int // default 100, max 1000
}

const decisionColumns = `key, customer, journey, enrollment, step, asked, direction, at, release, control, reason, slots, trace`

func scanDecision(r sqldb.Scanner) (*Decision, error) {
	var d Decision
	var at int64
	var slots, trace string
	if err := r.Scan(&d.Key, &d.Customer, &d.Journey, &d.Enrollment, &d.Step, &d.Asked, &d.Direction, &at, &d.Release, &d.Control,
		&d.Reason, &slots, &trace); err != nil {
		return nil, err
	}
	d.At = sqldb.Moment(at)
	if err := json.Unmarshal([]byte(slots), &d.Slots); err != nil {
		return nil, err
	}
	var err error
	d.Candidates, err = unpackTrace(trace)
	return &d, err
}

// decisionOf returns the decision with a key, or nil.
func decisionOf(ctx context.Context, tx sqldb.Conn, key string) (*Decision, error) {
	d, err := scanDecision(tx.QueryRowContext(ctx, `select `+decisionColumns+` from decisions where key = $1`, key))
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	return d, err
}

// Decisions lists decisions with their traces, newest first.
func (s *Room) Decisions(ctx context.Context, f DecisionFilter) ([]Decision, error) {
	var out []Decision
	err := customer.ReadOf(ctx, s.db, f.Customer, func(tx sqldb.Conn, customerID string) error {
		w := sqldb.Where{}
		w.Equals("customer", customerID)
		w.Equals("journey", f.Journey)
		w.Equals("enrollment", f.Enrollment)
		w.Equals("winner", f.Action)
		if !f.Before.IsZero() {
			w.And("at < ", sqldb.Millis(f.Before))
		}
		query := `select ` + decisionColumns + ` from decisions` + w.SQL() + ` order by at desc, key desc limit ` + w.Param(
			sqldb.Bounded(f.Limit),
		)
		return sqldb.Rows(ctx, tx, func(r *sql.Rows) error {
			d, err := scanDecision(r)
			if err == nil {
				out = append(out, *d)
			}
			return err
		}, query, w.Args...)
	})
	return out, err
}
