package main

import (
	"context"
	"strings"
	"sync/atomic"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/worker"

	"github.com/tabi-journeys/tabi/activities/channels"
	"github.com/tabi-journeys/tabi/channel"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// stub is the channel of everything that is compared: it accepts at once, and counts.
type stub struct {
	sent   atomic.Int64
	onSend atomic.Pointer[func(customer string)] // called for each send, where set
}

func newStub() *stub { return &stub{} }

// record counts a send.
func (s *stub) record(customer string) {
	s.sent.Add(1)
	if heed := s.onSend.Load(); heed != nil {
		(*heed)(customer)
	}
}

// channels returns this stub as email and push.
func (s *stub) channels() map[string]channel.Channel {
	out := map[string]channel.Channel{}
	for _, spec := range channels.Shipped().Specs() {
		if spec.Name == "email" || spec.Name == "push" {
			out[spec.Name] = &stubChannel{stub: s, spec: spec}
		}
	}
	return out
}

type stubChannel struct {
	stub *stub
	spec channel.Spec
}

func (c *stubChannel) Spec() channel.Spec { return c.spec }
func (c *stubChannel) Dedupes() bool      { return true }
func (c *stubChannel) Close() error       { return nil }

func (c *stubChannel) Send(_ context.Context, m channel.Message) channel.Receipt {
	c.stub.record(m.Customer)
	return channel.Receipt{Outcome: channel.Sent}
}

// noWork holds activities without shared work: they answer at once and store nothing.
type noWork struct{ stub *stub }

func (i *noWork) register(w worker.ActivityRegistry) {
	for name, f := range map[string]any{
		contract.ReportActivity: i.report,
		contract.SendActivity:   i.send,
		contract.DueActivity:    i.due,
	} {
		w.RegisterActivityWithOptions(f, activity.RegisterOptions{Name: name})
	}
}

func (i *noWork) report(context.Context, contract.Report) error { return nil }

func (i *noWork) due(context.Context, contract.Due) (contract.DueResult, error) {
	return contract.DueResult{}, nil
}

func (i *noWork) send(ctx context.Context, in contract.Send) (contract.SendResult, error) {
	_, rest, _ := strings.Cut(activity.GetInfo(ctx).WorkflowExecution.ID, "/") // there are no merges here
	customer, _, _ := strings.Cut(rest, "/")
	i.stub.record(customer)
	return contract.SendResult{Status: contract.StatusSent, Channel: in.Spec.Via[0]}, nil
}
