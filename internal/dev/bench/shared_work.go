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

// The journeys of content/ stand twice more in this package, written by hand: plain.go as most people would
// write them, tuned.go with what tabi does to be cheap. Their duties are tabi's own: their activities call the
// same functions of the store.

// handInput is the input of a journey that is written by hand.
type handInput struct {
	Enrollment string
	Journey    string
	Revision   string
	Customer   string
	EntryEvent string
	Duties     bool // without, the two sends are all it does in the world
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
	AnswerID string // empty: there was none yet
}

// stepVisit is a step that is reported at the end.
type stepVisit struct {
	Step, Kind, Arm, Outcome string
	At                       time.Time
}

// finalReport is the last report.
type finalReport struct {
	Order   handInput
	Run     string
	Outcome string
	At      time.Time
	Passed  []stepVisit
}

// sharedWork are the activities of the journeys that are written by hand.
type sharedWork struct {
	world *activities.Activities
	said  func(customer string) // of the stub channel
}

func (o handInput) ref(run string) contract.Ref {
	return contract.Ref{Enrollment: o.Enrollment, Chain: run, Journey: o.Journey, Revision: o.Revision, Customer: o.Customer}
}

// Claim makes the enrollment this run's, and tells where it waits.
func (d *sharedWork) Claim(ctx context.Context, o handInput, run string) error {
	now := clock.Wall()
	return d.world.Report(ctx, contract.Report{Ref: o.ref(run), Seq: 1,
		Parked: &contract.Parked{Step: "answer", Kind: "wait_for", Since: now, Until: now.Add(time.Hour)}})
}

// Send asks the policy, writes the ledger's row, sends, and writes what came of it. Without duties it only sends.
func (d *sharedWork) Send(ctx context.Context, m message) (string, error) {
	if !m.Order.Duties {
		d.said(m.Order.Customer)
		return contract.StatusSent, nil
	}
	scene := contract.Scene{EntryEvent: m.Order.EntryEvent}
	if m.AnswerID != "" {
		scene.StepEvents = map[string]string{"answer": m.AnswerID}
	}
	result, err := d.world.Send(ctx, contract.Send{
		Ref: m.Order.ref(m.Run), Scene: scene, Key: m.Order.Enrollment + "/" + m.Step + "/1", Step: m.Step, Visit: 1,
		Spec: journey.Send{Message: m.Name, Via: []string{m.Via}},
	})
	if err == nil && result.Status == contract.StatusRetry {
		err = errors.New(result.Reason)
	}
	return result.Status, err
}

// Finish reports the end and the steps that were passed.
func (d *sharedWork) Finish(ctx context.Context, e finalReport) error {
	r := contract.Report{Ref: e.Order.ref(e.Run), Seq: 2, Ended: &contract.Ended{Outcome: e.Outcome, At: e.At}}
	for _, p := range e.Passed {
		r.Passed = append(r.Passed, contract.Passage{Step: p.Step, Kind: p.Kind, Visit: 1, At: p.At, Outcome: p.Outcome, Arm: p.Arm})
	}
	return d.world.Report(ctx, r)
}
