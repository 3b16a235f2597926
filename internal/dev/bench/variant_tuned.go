package main

import (
	"errors"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"
)

// tuned is a journey optimized for what Temporal stores: the answer arrives by update, and what is quick is a local
// activity.
type tuned struct {
	ctx    workflow.Context
	order  handInput
	run    string
	answer *answer
	passed []stepVisit
}

func newTuned(ctx workflow.Context, o handInput) (*tuned, error) {
	ctx = workflow.WithLocalActivityOptions(ctx, workflow.LocalActivityOptions{
		StartToCloseTimeout: 8 * time.Second,
		RetryPolicy:         &temporal.RetryPolicy{MaximumAttempts: 5},
	})
	t := &tuned{ctx: ctx, order: o, run: workflow.GetInfo(ctx).FirstRunID}
	return t, workflow.SetUpdateHandlerWithOptions(ctx, "answer", t.take, workflow.UpdateHandlerOptions{Validator: t.validate})
}

func (t *tuned) take(_ workflow.Context, a answer) error {
	t.answer = &a
	return nil
}

func (t *tuned) validate(a answer) error {
	switch {
	case a.ID == "":
		return errors.New("an answer needs an id")
	case t.answer != nil:
		return errors.New("already answered")
	}
	return nil
}

func (t *tuned) claim() error {
	if !t.order.Duties {
		return nil
	}
	return workflow.ExecuteLocalActivity(t.ctx, "Claim", t.order, t.run).Get(t.ctx, nil)
}

// wait waits for the answer; it returns false on timeout. The timer is not canceled: the run ends soon, and canceling
// it would be an event in the history.
func (t *tuned) wait(limit time.Duration) (bool, error) {
	timer := workflow.NewTimer(t.ctx, limit)
	err := workflow.Await(t.ctx, func() bool { return t.answer != nil || timer.IsReady() })
	t.pass("answer", "wait_for", "1", "")
	return t.answer != nil, err
}

func (t *tuned) delay(step string, d time.Duration) error {
	err := workflow.Sleep(t.ctx, d)
	t.pass(step, "wait", "", "")
	return err
}

func (t *tuned) send(step, name, via string) error {
	m := message{Order: t.order, Run: t.run, Step: step, Name: name, Via: via}
	if t.answer != nil {
		m.AnswerID = t.answer.ID
	}
	var status string
	err := workflow.ExecuteLocalActivity(t.ctx, "Send", m).Get(t.ctx, &status)
	t.pass(step, "send", "", status)
	return err
}

func (t *tuned) pass(step, kind, arm, outcome string) {
	t.passed = append(t.passed, stepVisit{Step: step, Kind: kind, Arm: arm, Outcome: outcome, At: workflow.Now(t.ctx)})
}

func (t *tuned) finish(outcome string) (string, error) {
	if !t.order.Duties {
		return outcome, nil
	}
	return outcome, workflow.ExecuteLocalActivity(t.ctx, "Finish", finalReport{Order: t.order, Run: t.run, Outcome: outcome,
		At: workflow.Now(t.ctx), Passed: t.passed}).
		Get(t.ctx, nil)
}

// tunedAnswered is journey `answered`.
func tunedAnswered(ctx workflow.Context, o handInput) (string, error) {
	t, err := newTuned(ctx, o)
	if err != nil {
		return "", err
	}
	if err := t.claim(); err != nil {
		return "", err
	}
	answered, err := t.wait(time.Hour)
	if err != nil {
		return "", err
	}
	if !answered || t.answer.Plan != "gold" {
		return t.finish("lapsed")
	}
	t.pass("plan", "branch", "1", "")
	if err := t.send("hello", "hello", "email"); err != nil {
		return "", err
	}
	if err := t.send("again", "again", "push"); err != nil {
		return "", err
	}
	return t.finish("completed")
}

// tunedReminded is journey `reminded`.
func tunedReminded(ctx workflow.Context, o handInput) (string, error) {
	t, err := newTuned(ctx, o)
	if err != nil {
		return "", err
	}
	if err := t.claim(); err != nil {
		return "", err
	}
	if err := t.delay("delay", time.Second); err != nil {
		return "", err
	}
	if err := t.send("hello", "hello", "email"); err != nil {
		return "", err
	}
	return t.finish("completed")
}

// tunedReplied is journey `replied`.
func tunedReplied(ctx workflow.Context, o handInput) (string, error) {
	t, err := newTuned(ctx, o)
	if err != nil {
		return "", err
	}
	if err := t.claim(); err != nil {
		return "", err
	}
	if err := t.send("hello", "hello", "email"); err != nil {
		return "", err
	}
	if _, err := t.wait(time.Hour); err != nil {
		return "", err
	}
	if err := t.send("again", "again", "push"); err != nil {
		return "", err
	}
	return t.finish("completed")
}

// tunedTen is journey `ten-steps`.
func tunedTen(ctx workflow.Context, o handInput) (string, error) {
	t, err := newTuned(ctx, o)
	if err != nil {
		return "", err
	}
	if err := t.claim(); err != nil {
		return "", err
	}
	for _, s := range tenSends {
		if err := t.delay(s.delay, time.Second); err != nil {
			return "", err
		}
		if err := t.send(s.step, s.name, s.via); err != nil {
			return "", err
		}
	}
	return t.finish("completed")
}
