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
	"github.com/tabi-journeys/tabi/activities/channel"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/ratelimit"
	"github.com/tabi-journeys/tabi/internal/store"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// rateLane is the way a message takes to its provider.
func rateLane(ch channel.Channel, m channel.Message) ratelimit.Lane {
	l := ratelimit.Lane{Provider: ch.Spec().Name}
	if s, ok := ch.(channel.Sender); ok {
		l.Part, l.Apart = s.Sender(m)
	}
	return l
}

// checkRateLimit asks whether a send may go now by its provider's rate, and whether the provider is left alone. If not it
// settles as a send to be repeated, at its time: nothing waits in this worker, the ledger row stays reserved,
// and what was told to come at a moment has its token then.
func (a *Activities) checkRateLimit(
	ctx context.Context,
	held store.Reservation,
	ch channel.Channel,
	fields map[string]string,
) *store.Settlement {
	answer, err := a.cfg.Limits.Ask(ctx, rateLane(ch, channel.Message{Fields: fields}), max(1, len(held.Verdict.Addresses)), held.Slot)
	waits := &store.Settlement{
		Status:     contract.StatusRetry,
		Waits:      true,
		RetryAfter: answer.Wait,
		Reason:     answer.Reason,
		Slot:       answer.Token,
	}
	switch {
	case err != nil:
		a.cfg.Logger.Warn("the rate of a provider could not be asked", zap.String("channel", ch.Spec().Name), zap.Error(err))
		waits.Reason = "the rate of its provider could not be asked"
		return waits
	case answer.Wait > 0:
		return waits
	}
	return nil
}

// reportRetryAfter tells everybody that a provider asks to be left alone, on a context of its own: the answer has come.
func (a *Activities) reportRetryAfter(ctx context.Context, l ratelimit.Lane, wish time.Duration) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	if err := a.cfg.Limits.Pause(ctx, l, wish); err != nil {
		a.cfg.Logger.Warn("that a provider asks to be left alone could not be told", zap.String("provider", l.Provider), zap.Error(err))
	}
}

// callOut makes a call where its host may be called now.
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
	if err != nil && a.cfg.Ends.Err() != nil && ctx.Err() == nil { // else Temporal would wait for the attempt's time to be over
		stopped := contract.CallResult{Failed: true, Reason: l.Part + ": the worker stopped before the answer came"}
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

// retryAfterOf is how long the server of a call that failed asks to be left alone; 0: it does not ask for all.
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
