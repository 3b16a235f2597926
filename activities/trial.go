package activities

import (
	"context"
	"errors"
	"time"

	"go.temporal.io/sdk/activity"
	"go.uber.org/zap"

	"github.com/tabi-journeys/tabi/channel"
	"github.com/tabi-journeys/tabi/internal/clock"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/message"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// TestSend makes one attempt to send a test. One that must be repeated is an error, so that Temporal repeats it; the last attempt is
// settled as failed. A test whose outcome is unknown is not repeated: the tester has a look.
func (a *Activities) TestSend(ctx context.Context, in contract.TestSendInput) (contract.TestSendResult, error) {
	ctx, cancel := a.attemptTime(ctx, a.cfg.Timeout)
	defer cancel()
	t, err := a.cfg.Rooms.Messages.TakeTrial(ctx, clock.Wall(), in.Key, a.cfg.Timeout+leaseMargin)
	switch {
	case errors.Is(err, message.ErrBusy):
		busy := contract.SendResult{Reason: "another attempt is in progress", RetryAfter: 5 * time.Second}
		return contract.TestSendResult{}, notSent(busy)
	case err != nil:
		return contract.TestSendResult{}, err
	case t.Status == contract.StatusSent || t.Status == contract.StatusFailed:
		return contract.TestSendResult{Status: t.Status, Reason: t.Reason}, nil
	}
	s := message.Settlement{Status: contract.StatusFailed, Reason: "channel " + t.Channel + " is not part of this build"}
	if ch, ok := a.cfg.Channels[t.Channel]; ok {
		s = a.tryOnce(ctx, ch, t, activity.GetInfo(ctx).Attempt >= contract.TestSendAttempts)
	}
	settling, done := context.WithTimeout(context.Background(), 2*time.Second)
	defer done()
	if err := a.cfg.Rooms.Messages.SettleTrial(settling, a.cfg.Now(a.cfg.Clock), t, s); err != nil {
		return contract.TestSendResult{}, err
	}
	a.cfg.Logger.Info("test sent", zap.String("message", t.Message), zap.String("channel", t.Channel), zap.String("status", s.Status))
	if s.Status == contract.StatusRetry {
		return contract.TestSendResult{}, notSent(contract.SendResult{Reason: s.Reason, RetryAfter: s.RetryAfter})
	}
	return contract.TestSendResult{Status: s.Status, Reason: s.Reason}, nil
}

// tryOnce calls the channel. last says that there is no further attempt.
func (a *Activities) tryOnce(ctx context.Context, ch channel.Channel, t message.Trial, last bool) message.Settlement {
	receipt := a.attemptSend(ctx, ch, channel.Message{
		Key: t.Key, Address: t.Address, Fields: t.Fields, Message: t.Message, Category: journey.Transactional,
	})
	s := message.Settlement{Status: contract.StatusFailed, Reason: receipt.Reason, ProviderID: receipt.ProviderID}
	switch {
	case receipt.Outcome == channel.Sent:
		s.Status, s.Reason = contract.StatusSent, ""
	case receipt.Outcome == channel.Unknown:
		s.Status, s.Reason, s.Unknown = contract.StatusSent, ReasonUnknown, true
	case receipt.Outcome == channel.NotSent && !last:
		s.Status, s.RetryAfter = contract.StatusRetry, receipt.RetryAfter
	}
	return s
}
