package main

import (
	"time"

	"go.temporal.io/sdk/workflow"
)

// plain is a journey written as most people would: signals, and an activity for everything it does.
type plain struct {
	ctx    workflow.Context
	order  handInput
	run    string
	answer answer
	passed []stepVisit
}

func newPlain(ctx workflow.Context, o handInput) *plain {
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{StartToCloseTimeout: 30 * time.Second})
	return &plain{ctx: ctx, order: o, run: workflow.GetInfo(ctx).FirstRunID}
}

func (p *plain) claim() error {
	if !p.order.Duties {
		return nil
	}
	return workflow.ExecuteActivity(p.ctx, "Claim", p.order, p.run).Get(p.ctx, nil)
}

// wait waits for the answer; it returns false on timeout.
func (p *plain) wait(limit time.Duration) bool {
	timing, cancel := workflow.WithCancel(p.ctx)
	defer cancel()
	answered := false
	s := workflow.NewSelector(p.ctx)
	s.AddReceive(workflow.GetSignalChannel(p.ctx, "answer"), func(c workflow.ReceiveChannel, _ bool) {
		c.Receive(p.ctx, &p.answer)
		answered = true
	})
	s.AddFuture(workflow.NewTimer(timing, limit), func(workflow.Future) {})
	s.Select(p.ctx)
	p.pass("answer", "wait_for", "1", "")
	return answered
}

func (p *plain) delay(step string, d time.Duration) error {
	err := workflow.Sleep(p.ctx, d)
	p.pass(step, "wait", "", "")
	return err
}

func (p *plain) send(step, name, via string) error {
	var status string
	err := workflow.ExecuteActivity(p.ctx, "Send", message{Order: p.order, Run: p.run, Step: step, Name: name, Via: via,
		AnswerID: p.answer.ID}).
		Get(p.ctx, &status)
	p.pass(step, "send", "", status)
	return err
}

func (p *plain) pass(step, kind, arm, outcome string) {
	p.passed = append(p.passed, stepVisit{Step: step, Kind: kind, Arm: arm, Outcome: outcome, At: workflow.Now(p.ctx)})
}

func (p *plain) finish(outcome string) (string, error) {
	if !p.order.Duties {
		return outcome, nil
	}
	return outcome, workflow.ExecuteActivity(p.ctx, "Finish", finalReport{Order: p.order, Run: p.run, Outcome: outcome,
		At: workflow.Now(p.ctx), Passed: p.passed}).
		Get(p.ctx, nil)
}

// plainAnswered is journey `answered`.
func plainAnswered(ctx workflow.Context, o handInput) (string, error) {
	p := newPlain(ctx, o)
	if err := p.claim(); err != nil {
		return "", err
	}
	if !p.wait(time.Hour) || p.answer.Plan != "gold" {
		return p.finish("lapsed")
	}
	p.pass("plan", "branch", "1", "")
	if err := p.send("hello", "hello", "email"); err != nil {
		return "", err
	}
	if err := p.send("again", "again", "push"); err != nil {
		return "", err
	}
	return p.finish("completed")
}

// plainReminded is journey `reminded`.
func plainReminded(ctx workflow.Context, o handInput) (string, error) {
	p := newPlain(ctx, o)
	if err := p.claim(); err != nil {
		return "", err
	}
	if err := p.delay("delay", time.Second); err != nil {
		return "", err
	}
	if err := p.send("hello", "hello", "email"); err != nil {
		return "", err
	}
	return p.finish("completed")
}

// plainReplied is journey `replied`.
func plainReplied(ctx workflow.Context, o handInput) (string, error) {
	p := newPlain(ctx, o)
	if err := p.claim(); err != nil {
		return "", err
	}
	if err := p.send("hello", "hello", "email"); err != nil {
		return "", err
	}
	p.wait(time.Hour)
	if err := p.send("again", "again", "push"); err != nil {
		return "", err
	}
	return p.finish("completed")
}

// plainTen is journey `ten-steps`.
func plainTen(ctx workflow.Context, o handInput) (string, error) {
	p := newPlain(ctx, o)
	if err := p.claim(); err != nil {
		return "", err
	}
	for _, s := range tenSends {
		if err := p.delay(s.delay, time.Second); err != nil {
			return "", err
		}
		if err := p.send(s.step, s.name, s.via); err != nil {
			return "", err
		}
	}
	return p.finish("completed")
}

// tenSends are the sends of journey `ten-steps`, each after its delay.
var tenSends = []struct{ delay, step, name, via string }{
	{"delay1", "hello1", "hello", "email"},
	{"delay2", "hello2", "again", "push"},
	{"delay3", "hello3", "hello", "email"},
	{"delay4", "hello4", "again", "push"},
	{"delay5", "hello5", "hello", "email"},
}

// plainHop is the bare hop: a signal, an activity.
func plainHop(ctx workflow.Context, o handInput) (string, error) {
	p := newPlain(ctx, o)
	p.wait(24 * time.Hour)
	return "completed", p.send("hello", "hello", "email")
}
