package activities

import (
	"context"
	"errors"
	"testing"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"

	"github.com/tabi-journeys/tabi/channel"
	"github.com/tabi-journeys/tabi/internal/message"
	"github.com/tabi-journeys/tabi/workflows/contract"
	"github.com/tabi-journeys/tabi/workflows/testsend"
)

// trials is a ledger with one test.
type trials struct {
	Messages
	row     message.Trial
	settled []message.Settlement
}

func (l *trials) TakeTrial(context.Context, time.Time, string, time.Duration) (message.Trial, error) {
	return l.row, nil
}

func (l *trials) SettleTrial(_ context.Context, _ time.Time, _ message.Trial, s message.Settlement) error {
	l.settled, l.row.Status = append(l.settled, s), s.Status
	return nil
}

// answering is a channel that answers in order, the last answer for ever.
type answering struct {
	channel.Channel
	answers []channel.Receipt
	got     []channel.Message
}

func (c *answering) Spec() channel.Spec { return channel.Spec{Name: "email"} }
func (c *answering) Send(_ context.Context, m channel.Message) channel.Receipt {
	c.got = append(c.got, m)
	return c.answers[min(len(c.got), len(c.answers))-1]
}

// A test is repeated while the provider surely did not take it, and only then.
func TestTestSend(t *testing.T) {
	t.Parallel()
	no := channel.Receipt{Outcome: channel.NotSent, Reason: "busy"}
	for _, c := range []struct {
		name    string
		answers []channel.Receipt
		status  string
		reason  string
		calls   int
	}{
		{"sent", []channel.Receipt{{Outcome: channel.Sent, ProviderID: "p1"}}, contract.StatusSent, "", 1},
		{"after two failures", []channel.Receipt{no, no, {Outcome: channel.Sent}}, contract.StatusSent, "", 3},
		{"never", []channel.Receipt{no}, contract.StatusFailed, "busy", contract.TestSendAttempts},
		{"refused", []channel.Receipt{{Outcome: channel.Refused, Reason: "550 no"}}, contract.StatusFailed, "550 no", 1},
		{"unknown", []channel.Receipt{{Outcome: channel.Unknown}}, contract.StatusSent, ReasonUnknown, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			ledger := &trials{row: message.Trial{
				Key: "test/r/1", Message: "cart", Channel: "email", Address: "me@example.com", Status: contract.StatusRetry,
				Fields: map[string]string{"subject": "[test] Hi"},
			}}
			ch := &answering{answers: c.answers}
			a := New(Config{Rooms: Rooms{Messages: ledger}, Channels: map[string]channel.Channel{"email": ch}})
			env := (&testsuite.WorkflowTestSuite{}).NewTestWorkflowEnvironment()
			Register(env, a)
			env.ExecuteWorkflow(testsend.TestSend, contract.TestSendInput{Key: "test/r/1"})
			var got contract.TestSendResult
			if err := env.GetWorkflowResult(&got); err != nil {
				var failed *temporal.ApplicationError
				t.Fatal(err, errors.As(err, &failed))
			}
			if got.Status != c.status || got.Reason != c.reason || len(ch.got) != c.calls {
				t.Errorf("%+v after %d calls", got, len(ch.got))
			}
			if m := ch.got[0]; m.Key != "test/r/1" || m.Address != "me@example.com" || m.Customer != "" || m.Unsubscribe != "" {
				t.Errorf("what the channel got: %+v", m)
			}
			if last := ledger.settled[len(ledger.settled)-1]; last.Status != c.status || len(ledger.settled) != c.calls {
				t.Errorf("the ledger: %+v", ledger.settled)
			}
		})
	}
}
