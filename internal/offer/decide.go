package offer

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"math/rand/v2"
	"runtime"
	"strings"
	"time"

	"github.com/tabi-journeys/tabi/internal/catalog"
	"github.com/tabi-journeys/tabi/internal/clock"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/message"
	"github.com/tabi-journeys/tabi/internal/sqldb"
	"github.com/tabi-journeys/tabi/internal/unit"
	"github.com/tabi-journeys/tabi/internal/variables"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// Room decides next best actions, keeps decisions and offers, and learns from the outcomes.
type Room struct {
	db      *unit.Units
	ledger  *message.Room
	Models  modelCache
	tally   decided
	drafts  chan struct{} // a slot for each decision that runs before the lock (see ahead)
	Certain bool          // nothing is explored; set by tests
}

// New returns the room.
func New(db *unit.Units, ledger *message.Room) *Room {
	return &Room{db: db, ledger: ledger, drafts: make(chan struct{}, max(1, min(runtime.GOMAXPROCS(0), db.SpareReaders())))}
}

// Decided is the result of a decide step.
type Decided struct {
	Decision Decision
	Paused   bool // the journey is paused; nothing was decided
	// Send is the winner's message, to be sent with the decision's key. Nil: nothing to send.
	Send *contract.Send
	// Reservation is the reservation of Send if this call made the decision. Nil: the decision was made before, and
	// Send must be reserved like any other.
	Reservation *message.Reservation
}

// Decide chooses the next best action in the customer's transaction. It stores the decision with its trace, reserves the
// send of the winner's message and prepares its offer. It claims the enrollment. Repeating a key returns the same decision.
// If the journey is paused, nothing is stored.
func (s *Room) Decide(ctx context.Context, now, wall time.Time, in contract.Decide, ttl time.Duration) (Decided, error) {
	var out Decided
	decide := func(tx sqldb.Conn, e *unit.EnrollmentRow, p *unit.LockedCustomer, rel *catalog.Release) (*draft, error) {
		vars, err := variables.VariablesOf(ctx, s.db, tx, e, p, in.EvalContext, now)
		if err != nil {
			return nil, err
		}
		d := Decision{
			Key:        in.Key,
			Customer:   p.ID,
			Journey:    e.Journey,
			Enrollment: e.ID,
			Step:       in.Step,
			Direction:  DirectionOutbound,
			At:         now,
			Release:    rel.Number,
		}
		c := choice{group: in.Spec.Group, actions: in.Spec.Actions, via: in.Spec.Via, choose: in.Spec.Choose, slots: 1, ramp: true,
			planned: in.Planned, clock: in.Clock}
		return s.draft(ctx, tx, p, rel, vars, now, c, d)
	}
	ahead := s.ahead(ctx, func(tx sqldb.Conn) (*draft, error) {
		e, err := s.db.EnrollmentOf(ctx, tx, in.Enrollment)
		if err != nil || e.Holdout {
			return nil, err
		}
		p, err := Look(ctx, tx, e.Customer)
		if err != nil {
			return nil, err
		}
		p.Drafted = true
		rel, err := s.db.Current(ctx, tx)
		if err != nil {
			return nil, err
		}
		return decide(tx, e, p, rel)
	})
	fresh := false
	err := s.db.Write(ctx, func(tx sqldb.Conn) error {
		out, fresh = Decided{}, false
		e, p, claim := s.db.Claimed(ctx, tx, in.Enrollment, in.Chain)
		if claim != nil && !unit.Replayed(e, in.Chain, claim) {
			return claim
		}
		before, err := decisionOf(ctx, tx, in.Key)
		if err != nil {
			return err
		}
		if before != nil {
			out.Decision = *before
			out.Send = said(&out.Decision, in)
			return nil
		}
		if claim != nil {
			return claim
		}
		if p.Merged != "" { // the customer is being forgotten: its run ends
			return unit.ErrSuperseded
		}
		if out.Paused, err = sqldb.Exists(ctx, tx, `select 1 from journeys_on_hold where journey = $1`,
			e.Journey); err != nil ||
			out.Paused {
			return err
		}
		rel, err := s.db.Current(ctx, tx)
		if err != nil {
			return err
		}
		if e.Holdout {
			held := &draft{
				Decision: Decision{
					Key:        in.Key,
					Customer:   p.ID,
					Journey:    e.Journey,
					Enrollment: e.ID,
					Step:       in.Step,
					Direction:  DirectionOutbound,
					At:         now,
					Release:    rel.Number,
					Asked:      asked(in.Spec.Group, in.Spec.Actions),
					Reason:     message.ReasonHoldout,
				},
			}
			out.Decision, fresh = held.Decision, true
			return held.keep(ctx, tx)
		}
		d := ahead
		if !d.fits(p, rel) {
			if d, err = decide(tx, e, p, rel); err != nil {
				return err
			}
		}
		if err := d.keep(ctx, tx); err != nil {
			return err
		}
		out.Decision, fresh = d.Decision, true
		if out.Send = said(&out.Decision, in); out.Send == nil {
			return nil
		}
		res := message.Reservation{
			Key:      in.Key,
			Customer: p.ID,
			Category: journey.Marketing,
			Release:  rel.Number,
			Message:  rel.Content.Messages[out.Send.Spec.Message],
			Vars:     d.vars,
			Verdict:  d.verdicts[0],
		}
		res.Language, _ = p.Traits["language"].(string)
		out.Reservation = &res
		if err := s.ledger.Take(ctx, tx, e, *out.Send, &res, message.StatusSending, "", now, wall.Add(ttl)); err != nil {
			return err
		}
		return d.offer(ctx, tx, rel, now, 0)
	})
	if err == nil && fresh {
		s.tally.add(&out.Decision)
	}
	return out, err
}

// said returns the send of a decision's winner, or nil if there is nothing to send.
func said(d *Decision, in contract.Decide) *contract.Send {
	won := d.first()
	if won.Action == "" || won.Key == "" {
		return nil
	}
	return &contract.Send{Ref: in.Ref, EvalContext: in.EvalContext, Key: in.Key, Step: in.Step, Visit: in.Visit, Action: won.Action,
		Planned: in.Planned, Spec: journey.Send{Message: won.Message, Via: []string{won.Channel}, Category: journey.Marketing}}
}

// asked returns the group of actions, or the names of the actions joined with commas.
func asked(group string, actions []string) string {
	if group != "" {
		return group
	}
	return strings.Join(actions, ",")
}

// A choice is the input of a decision.
type choice struct {
	group   string
	actions []string
	via     []string
	choose  bool // nothing is sent
	present bool
	preview bool // nothing is explored
	slots   int
	ramp    bool
	planned time.Time // of contract.Decide
	clock   clock.Clock
}

// among returns the actions of a choice that the release has.
func (c *choice) among(rules *journey.Rulebook) []*journey.Action {
	names := c.actions
	if c.group != "" {
		names = rules.Groups[c.group]
	}
	out := make([]*journey.Action, 0, len(names))
	for _, name := range names {
		if a := rules.Actions[name]; a != nil {
			out = append(out, a)
		}
	}
	return out
}

// slotKey returns the key of a slot's send and offer: the decision's key, with a number from the second slot on.
func slotKey(key string, i int) string {
	if i == 0 {
		return key
	}
	return key + "/" + sqldb.List(i+1, 1)[1:]
}

// chance returns the random source of a decision. It depends on the key only, so that a repeat decides the same.
func chance(key string) *rand.Rand {
	sum := sha256.Sum256([]byte(key))
	return rand.New(rand.NewPCG(binary.BigEndian.Uint64(sum[:8]), binary.BigEndian.Uint64(sum[8:16])))
}
