package activities

import (
	"context"

	"go.uber.org/zap"

	"github.com/tabi-journeys/tabi/internal/clock"
	"github.com/tabi-journeys/tabi/internal/offer"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// Decide chooses the next best action and sends its message at once, as Send does. A send that must be repeated is
// left to Deliver under the same key.
func (a *Activities) Decide(ctx context.Context, in contract.Decide) (contract.DecideResult, error) {
	ctx, cancel := a.attemptTime(ctx, a.cfg.LocalTimeout)
	defer cancel()
	d, err := a.cfg.Rooms.Offers.Decide(ctx, a.sendTime(in.Clock), clock.Wall(), in, a.cfg.Timeout+leaseMargin)
	if err != nil {
		return contract.DecideResult{}, asSupersededError(err)
	}
	if d.Paused {
		return contract.DecideResult{SendResult: contract.SendResult{Status: contract.StatusPaused}}, nil
	}
	result := decideResult(&d.Decision)
	if d.Send == nil {
		return result, nil
	}
	if d.Reservation != nil {
		result.SendResult, err = a.sendReserved(ctx, *d.Send, *d.Reservation)
	} else {
		result.SendResult, err = a.attempt(ctx, *d.Send)
	}
	if result.Status == contract.StatusRetry {
		a.cfg.Logger.Info(
			"send of a decision will be retried",
			zap.String("journey", in.Journey),
			zap.String("step", in.Step),
			zap.String("key", in.Key),
			zap.String("reason", result.Reason),
		)
	}
	if result.Channel == "" {
		result.Channel = d.Decision.Slots[0].Channel
	}
	return result, asSupersededError(err)
}

// decideResult returns the result of a decision before anything of it is sent.
func decideResult(d *offer.Decision) contract.DecideResult {
	if len(d.Slots) == 0 {
		return contract.DecideResult{SendResult: contract.SendResult{Status: contract.StatusSuppressed, Reason: d.Reason}}
	}
	won := d.Slots[0]
	return contract.DecideResult{
		SendResult: contract.SendResult{Status: contract.StatusChosen, Channel: won.Channel},
		Action:     won.Action, Message: won.Message, Propensity: won.Propensity, Priority: won.Priority,
	}
}
