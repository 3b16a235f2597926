package main

import (
	"context"
	"errors"
	"time"

	"github.com/tabi-journeys/tabi/activities"
	"github.com/tabi-journeys/tabi/internal/clock"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// The journeys of content/ exist twice more in this package, written by hand: variant_plain.go as most people would
// write them, variant_tuned.go with tabi's own optimizations. Their activities call the same functions of the store,
// so that all three do the same work.

// handInput is the input of a hand-written journey.
type handInput struct {
	Enrollment string
	Journey    string
	Revision   string
	Customer   string
	EntryEvent string
	Duties     bool // without, the two sends are its only effect
}

// answer is the event that a journey waits for.
type answer struct {
	ID   string
	Plan string
}

// message is a send.
type message struct {
	Order    handInput
	Run      string // first run id
	Step     string
	Name     string
	Via      string
	AnswerID string // empty: none so far
}

// stepVisit is a step in the report at the end.
type stepVisit struct {
	Step, Kind, Arm, Outcome string
	At                       time.Time
}

// finalReport is the report at the end.
type finalReport struct {
	Order   handInput
	Run     string
	Outcome string
	At      time.Time
	Passed  []stepVisit
}

// sharedWork holds the activities of the hand-written journeys.
type sharedWork struct {
	world *activities.Activities
	said  func(customer string) // of the stub channel
}

func (o handInput) ref(run string) contract.Ref {
	return contract.Ref{Enrollment: o.Enrollment, Chain: run, Journey: o.Journey, Revision: o.Revision}
}

// Claim claims the enrollment for this run, and reports where it waits.
func (d *sharedWork) Claim(ctx context.Context, o handInput, run string) error {
	now := clock.Wall()
	return d.world.Report(ctx, contract.Report{Ref: o.ref(run), Seq: 1,
		Parked: &contract.Position{Step: "answer", Kind: "wait_for", Since: now, Until: now.Add(time.Hour)}})
}

// Send asks the policy, reserves, sends and settles. Without shared work it only sends.
func (d *sharedWork) Send(ctx context.Context, m message) (string, error) {
	if !m.Order.Duties {
		d.said(m.Order.Customer)
		return contract.StatusSent, nil
	}
	scene := contract.EvalContext{EntryEvent: m.Order.EntryEvent}
	if m.AnswerID != "" {
		scene.StepEvents = map[string]string{"answer": m.AnswerID}
	}
	result, err := d.world.Send(ctx, contract.Send{
		Ref: m.Order.ref(m.Run), EvalContext: scene, Key: m.Order.Enrollment + "/" + m.Step + "/1", Step: m.Step, Visit: 1,
		Spec: journey.Send{Message: m.Name, Via: []string{m.Via}},
	})
	if err == nil && result.Status == contract.StatusRetry {
		err = errors.New(result.Reason)
	}
	return result.Status, err
}

// Finish reports the end and the steps visited.
func (d *sharedWork) Finish(ctx context.Context, e finalReport) error {
	r := contract.Report{Ref: e.Order.ref(e.Run), Seq: 2, Ended: &contract.Ended{Outcome: e.Outcome, At: e.At}}
	for _, p := range e.Passed {
		r.Passed = append(r.Passed, contract.StepVisit{Step: p.Step, Kind: p.Kind, Visit: 1, At: p.At, Outcome: p.Outcome, Arm: p.Arm})
	}
	return d.world.Report(ctx, r)
}
