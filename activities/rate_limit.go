package activities

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.uber.org/zap"

	"github.com/tabi-journeys/tabi/activities/call"
	"github.com/tabi-journeys/tabi/channel"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/message"
	"github.com/tabi-journeys/tabi/internal/ratelimit"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// rateLane returns the rate-limit lane of a message: its channel, and its sender or host.
func rateLane(ch channel.Channel, m channel.Message) ratelimit.Lane {
	l := ratelimit.Lane{Provider: ch.Spec().Name}
	if s, ok := ch.(channel.Sender); ok {
		l.Part, l.Apart = s.Sender(m)
	}
	return l
}

// checkRateLimit returns a retry settlement if the provider's rate limit or Retry-After forbids sending now, and nil
// if the send may go. Nothing waits in this worker: the ledger row stays reserved, and the token for the retry's
// moment is kept in it.
func (a *Activities) checkRateLimit(
	ctx context.Context,
	reservation message.Reservation,
	ch channel.Channel,
	fields map[string]string,
) *message.Settlement {
	answer, err := a.cfg.Limits.Ask(
		ctx,
		rateLane(ch, channel.Message{Fields: fields}),
		max(1, len(reservation.Verdict.Addresses)),
		reservation.Slot,
	)
	waits := &message.Settlement{
		Status:     contract.StatusRetry,
		Waits:      true,
		RetryAfter: answer.Wait,
		Reason:     answer.Reason,
		Slot:       answer.Token,
	}
	switch {
	case err != nil:
		a.cfg.Logger.Warn("could not read the provider's rate limit", zap.String("channel", ch.Spec().Name), zap.Error(err))
		waits.Reason = "the provider's rate limit could not be read"
		return waits
	case answer.Wait > 0:
		return waits
	}
	return nil
}

// reportRetryAfter makes every worker pause a provider for as long as its Retry-After says. It uses a context of its
// own, because the attempt's time may be over.
func (a *Activities) reportRetryAfter(ctx context.Context, l ratelimit.Lane, wish time.Duration) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	if err := a.cfg.Limits.Pause(ctx, l, wish); err != nil {
		a.cfg.Logger.Warn("could not store the provider's Retry-After", zap.String("provider", l.Provider), zap.Error(err))
	}
}

// callOut makes an HTTP call if the rate of its host allows one now.
func (a *Activities) callOut(ctx context.Context, r CallRequest) (contract.CallResult, error) {
	l := ratelimit.Lane{Provider: ratelimit.Call, Apart: true}
	if target, err := url.Parse(r.URL); err == nil {
		l.Part = target.Hostname()
	}
	answer, err := a.cfg.Limits.Try(ctx, l, 1)
	switch {
	case err != nil:
		return contract.CallResult{}, err
	case answer.Wait > 0:
		result := contract.CallResult{Failed: true, Reason: l.Part + ": " + answer.Reason}
		return contract.CallResult{}, temporal.NewApplicationErrorWithOptions(
			result.Reason,
			call.Repeatable,
			temporal.ApplicationErrorOptions{NextRetryDelay: answer.Wait, Details: []any{result}},
		)
	}
	calling, cancel := a.attemptTime(ctx, journey.MaxCallTimeout)
	defer cancel()
	result, err := a.cfg.Call.Call(calling, r)
	if err != nil && a.cfg.Ends.Err() != nil && ctx.Err() == nil { // else Temporal would wait until the attempt's time is over
		stopped := contract.CallResult{Failed: true, Reason: l.Part + ": the worker stopped before the response arrived"}
		return contract.CallResult{}, temporal.NewApplicationErrorWithOptions(
			stopped.Reason,
			call.Repeatable,
			temporal.ApplicationErrorOptions{Details: []any{stopped}},
		)
	}
	if wish := retryAfterOf(err); wish > 0 {
		a.reportRetryAfter(ctx, l, wish)
	}
	return result, err
}

// retryAfterOf returns the Retry-After of a failed call that is about the whole host (429 or 503); 0 for any other
// failure.
func retryAfterOf(err error) time.Duration {
	var app *temporal.ApplicationError
	var got contract.CallResult
	if !errors.As(err, &app) || app.Type() != call.Repeatable || !app.HasDetails() || app.Details(&got) != nil {
		return 0
	}
	if got.Status != http.StatusTooManyRequests && got.Status != http.StatusServiceUnavailable {
		return 0
	}
	return app.NextRetryDelay()
}
