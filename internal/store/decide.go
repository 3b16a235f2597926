package store

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/tabi-journeys/tabi/internal/brain"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/workflows"
)

// Decided is the answer to a decide step.
type Decided struct {
	Decision Decision
	Paused   bool // the journey is: nothing was decided
	// Send is the winner's message, to be sent under the decision's key; nil: there is nothing to send.
	Send *workflows.Send
	// Reservation is Send's, where it was made with the decision. Nil: the decision was made before, and its send goes on as any other, by Reserve.
	Reservation *Reservation
}

// Decide chooses the next best action in the customer's transaction, keeps the decision with its trace, takes the ledger row of the winner's message
// and prepares its offer, claiming the enrolment. A repeat under one key answers as before. A paused journey keeps nothing.
func (s *Store) Decide(ctx context.Context, now, wall time.Time, in workflows.Decide, ttl time.Duration) (Decided, error) {
	var out Decided
	err := s.write(ctx, func(tx conn) error {
		out = Decided{}
		e, p, claim := claimed(ctx, tx, in.Enrolment, in.Chain)
		if claim != nil && !replayed(e, in.Chain, claim) {
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
		if out.Paused, err = exists(ctx, tx, `select 1 from controls where journey = $1 and paused = 1`, e.Journey); err != nil || out.Paused {
			return err
		}
		rel, err := s.current(ctx, tx)
		if err != nil {
			return err
		}
		out.Decision = Decision{Key: in.Key, Customer: p.id, Journey: e.Journey, Enrolment: e.ID, Step: in.Step, Direction: DirectionOutbound, At: now, Release: rel.number}
		if e.Holdout {
			out.Decision.Asked, out.Decision.Reason = asked(in.Spec.Group, in.Spec.Actions), reasonHoldout
			return keepDecision(ctx, tx, &out.Decision)
		}
		vars, err := s.vars(ctx, tx, e, p, in.Scene, now)
		if err != nil {
			return err
		}
		c := choice{group: in.Spec.Group, actions: in.Spec.Actions, via: in.Spec.Via, choose: in.Spec.Choose, slots: 1, ramp: true}
		result, err := s.choose(ctx, tx, p, rel, vars, now, c, &out.Decision)
		if err != nil {
			return err
		}
		if err := keepDecision(ctx, tx, &out.Decision); err != nil {
			return err
		}
		if out.Send = said(&out.Decision, in); out.Send == nil {
			return nil
		}
		res := Reservation{Key: in.Key, Category: journey.Marketing, Release: rel.number, Message: rel.content.Messages[out.Send.Spec.Message], Vars: vars}
		res.Language, _ = p.traits["language"].(string)
		res.Verdict = result.verdicts[0]
		out.Reservation = &res
		if err := s.take(ctx, tx, e, *out.Send, &res, statusSending, "", now, wall.Add(ttl)); err != nil {
			return err
		}
		return s.offer(ctx, tx, rel, &out.Decision, result, now, 0)
	})
	return out, err
}

// said is the send of a decision's winner; nil where nothing is to be sent.
func said(d *Decision, in workflows.Decide) *workflows.Send {
	won := d.first()
	if won.Action == "" || won.Key == "" {
		return nil
	}
	return &workflows.Send{Ref: in.Ref, Scene: in.Scene, Key: in.Key, Step: in.Step, Visit: in.Visit, Action: won.Action,
		Spec: journey.Send{Message: won.Message, Via: []string{won.Channel}, Category: journey.Marketing}}
}

// asked names what a decision was asked to choose among.
func asked(group string, actions []string) string {
	if group != "" {
		return group
	}
	return strings.Join(actions, ",")
}

// choice is what a decision is asked.
type choice struct {
	group   string
	actions []string
	via     []string
	choose  bool // nothing is sent
	present bool
	preview bool // nothing is explored
	slots   int
	ramp    bool
}

// chosen is what came of it, beside the decision.
type chosen struct {
	brain.Decision
	verdicts   []brain.Verdict // by slot
	predictors predictors
}

// among are the actions of a choice that the release holds.
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

// choose decides, and fills d. vars are those of the customer and, in a journey, of the instance.
func (s *Store) choose(ctx context.Context, tx conn, p *person, rel *release, vars journey.Vars, now time.Time, c choice, d *Decision) (chosen, error) {
	vars.History = &history{ctx: ctx, tx: tx, customer: p.id, now: now} // the transaction may hold the only connection
	standing, inquiry, err := s.standing(ctx, tx, p, rel, vars, now, d.Key)
	if err != nil {
		return chosen{}, err
	}
	standing.Present = c.present
	out := chosen{}
	q := brain.Question{
		Actions: c.among(rel.rules), Via: c.via, Channels: s.channels, Choose: c.choose, Slots: c.slots, Ramp: c.ramp,
		Random: chance(d.Key), Explore: !s.scenario && !s.certain && !c.preview,
	}
	if !s.scenario {
		q.Control = brain.ControlGroup(rel.rules.Policy, p.id)
	}
	if out.predictors, err = predict(ctx, tx, p.id, vars, now); err != nil {
		return out, err
	}
	if q.Estimate, err = s.estimates(ctx, tx, out.predictors); err != nil {
		return out, err
	}
	out.Decision = brain.Arbitrate(standing, q)
	if inquiry.err != nil {
		return out, inquiry.err
	}
	d.Asked, d.Control, d.Reason, d.Candidates = asked(c.group, c.actions), out.Control, out.Reason, out.Candidates
	d.Slots = make([]Slot, len(out.Chosen))
	for i, at := range out.Chosen {
		w := &out.Candidates[at]
		d.Slots[i] = Slot{Action: w.Action, Message: rel.rules.Actions[w.Action].Message, Channel: w.Channel, Tone: out.Verdict(at).Tone, Propensity: w.Propensity, Priority: w.Priority}
		if !c.choose && !c.preview {
			d.Slots[i].Key = slotKey(d.Key, i)
		}
		out.verdicts = append(out.verdicts, out.Verdict(at))
	}
	return out, nil
}

// slotKey is the key of a slot's ledger row and offer: the decision's own, for further ones with a number.
func slotKey(key string, i int) string {
	if i == 0 {
		return key
	}
	return key + "/" + list(i+1, 1)[1:]
}

// chance is the randomness of one decision: asked again, it decides the same.
func chance(key string) *rand.Rand {
	sum := sha256.Sum256([]byte(key))
	return rand.New(rand.NewPCG(binary.BigEndian.Uint64(sum[:8]), binary.BigEndian.Uint64(sum[8:16])))
}
