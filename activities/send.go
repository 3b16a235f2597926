package activities

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"
	"go.uber.org/zap"

	"github.com/tabi-journeys/tabi/activities/channel"
	"github.com/tabi-journeys/tabi/internal/clock"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/signedlink"
	"github.com/tabi-journeys/tabi/internal/store"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// Reasons of a send that failed.
const (
	ReasonTemplate = "TEMPLATE" // it could not be rendered for this customer
	ReasonUnknown  = "UNKNOWN"  // it may have gone out, and is not repeated
)

// Send tries once and at once, as a local activity; with GiveUp it settles what could not be sent.
func (a *Activities) Send(ctx context.Context, in contract.Send) (contract.SendResult, error) {
	ctx, cancel := a.attemptTime(ctx, a.cfg.LocalTimeout)
	defer cancel()
	if in.GiveUp != "" {
		return a.giveUp(ctx, in)
	}
	result, later, err := a.attempt(ctx, in)
	if later != nil {
		a.cfg.Logger.Info(
			"a send will be repeated",
			zap.String("journey", in.Journey),
			zap.String("step", in.Step),
			zap.String("key", in.Key),
			zap.String("reason", later.reason),
		)
		return contract.SendResult{Status: contract.StatusRetry, Reason: later.reason, RetryAfter: later.after}, nil
	}
	return result, asSupersededError(err)
}

// Deliver is Send as a normal activity: what asks to be repeated is an error, so that Temporal repeats it and
// shows it as pending. Where the provider asked the try before to be left alone, the first attempt only says
// so: Temporal waits as long.
func (a *Activities) Deliver(ctx context.Context, in contract.Send) (contract.SendResult, error) {
	ctx, cancel := a.attemptTime(ctx, a.cfg.Timeout)
	defer cancel()
	if in.After > 0 && activity.GetInfo(ctx).Attempt == 1 {
		return contract.SendResult{}, notSent(retry{reason: in.Why, after: in.After})
	}
	result, later, err := a.attempt(ctx, in)
	if later != nil {
		return result, notSent(*later)
	}
	if err != nil && activity.GetInfo(ctx).Attempt > 3 {
		a.cfg.Logger.Warn("a send keeps failing", zap.String("journey", in.Journey), zap.String("step", in.Step), zap.Error(err))
	}
	return result, asSupersededError(err)
}

// leaseMargin is how much longer than an attempt its lease lasts.
const leaseMargin = 5 * time.Second

// retry asks for another attempt.
type retry struct {
	reason string
	after  time.Duration
}

// retryDelay is how long a send rests whose provider was asked n times. The retry policy would count attempts that
// asked nobody too: those that came while another was under way, or waited for a rate.
func retryDelay(c clock.Clock, n int) time.Duration {
	d := contract.SendInterval
	for ; n > 1 && d < contract.MaxSendInterval; n-- {
		d *= 2
	}
	d = min(d, contract.MaxSendInterval)
	return max(c.Real(d), d)
}

// notSent is the error by which Temporal repeats a send, and that it shows meanwhile.
func notSent(l retry) error {
	return temporal.NewApplicationErrorWithOptions(
		"not sent: "+l.reason,
		"NotSent",
		temporal.ApplicationErrorOptions{NextRetryDelay: l.after},
	)
}

// attempt reserves, and says what it may.
func (a *Activities) attempt(ctx context.Context, in contract.Send) (contract.SendResult, *retry, error) {
	held, err := a.reserve(ctx, in)
	switch {
	case errors.Is(err, store.ErrBusy):
		return contract.SendResult{}, &retry{reason: "another attempt is under way", after: 5 * time.Second}, nil
	case err != nil:
		return contract.SendResult{}, nil, err
	case held.Done != nil:
		return *held.Done, nil, nil
	}
	return a.sendReserved(ctx, in, held)
}

// sendReserved renders, sends and settles what is reserved.
func (a *Activities) sendReserved(ctx context.Context, in contract.Send, held store.Reservation) (contract.SendResult, *retry, error) {
	ch, ok := a.cfg.Channels[held.Verdict.Channel]
	if !ok {
		return a.settle(
			in,
			held,
			store.Settlement{Status: contract.StatusFailed, Reason: "channel " + held.Verdict.Channel + " is not in this build"},
		)
	}
	if held.Unsettled && !ch.Dedupes() && held.Category != journey.Transactional {
		// An earlier attempt may have brought it out, and the provider would not notice a second one: marketing
		// is not said twice.
		return a.settle(in, held, store.Settlement{Status: contract.StatusSent, Reason: ReasonUnknown, Unknown: true})
	}
	prog, err := a.program(ctx, in.Revision)
	if err != nil { // the store cannot be read just now, or another build can read it: nothing is wrong with the message, and it has not gone out
		a.cfg.Logger.Warn(
			"a send waits, for its journey cannot be read",
			zap.String("journey", in.Journey),
			zap.String("step", in.Step),
			zap.Error(err),
		)
		return a.settle(
			in,
			held,
			store.Settlement{
				Status: contract.StatusRetry,
				Reason: "its journey cannot be read from the store",
				Waits:  true,
				Slot:   held.Slot,
			},
		)
	}
	fields, unsubscribe, err := a.render(ctx, in, held, prog, ch.Spec())
	if err != nil {
		if ctx.Err() != nil {
			return a.settle(
				in,
				held,
				store.Settlement{
					Status: contract.StatusRetry,
					Reason: "its time was over before it was rendered",
					Waits:  true,
					Slot:   held.Slot,
				},
			)
		}
		a.cfg.Logger.Warn("a message could not be rendered for a customer", zap.String("journey", in.Journey), zap.String("step", in.Step),
			zap.String("workflow", in.Enrollment), zap.String("message", in.Spec.Message), zap.Error(err))
		return a.settle(in, held, store.Settlement{Status: contract.StatusFailed, Reason: ReasonTemplate + ": " + err.Error()})
	}
	if waits := a.checkRateLimit(ctx, held, ch, fields); waits != nil {
		return a.settle(in, held, *waits)
	}
	return a.settle(in, held, a.deliver(ctx, in, held, ch, fields, unsubscribe))
}

// reserve decides the send in the customer's transaction.
func (a *Activities) reserve(ctx context.Context, in contract.Send) (store.Reservation, error) {
	return a.cfg.Ports.Sends.Reserve(ctx, a.cfg.Now(in.Clock), clock.Wall(), in, a.cfg.Timeout+leaseMargin)
}

// render makes the treatment for this customer.
func (a *Activities) render(
	ctx context.Context,
	in contract.Send,
	held store.Reservation,
	prog *journey.Program,
	spec journey.ChannelSpec,
) (fields map[string]string, unsubscribe string, err error) {
	data := map[string]any{}
	for name, expr := range in.Spec.Data {
		if value, err := prog.Eval(expr, held.Vars); err == nil { // a missing value leaves the key out
			data[name] = journey.Plain(value)
		}
	}
	if held.Category != journey.Transactional {
		unsubscribe = a.cfg.Links.Unsubscribe(
			signedlink.Mail{Customer: in.Customer, Journey: in.Journey, Step: in.Step, Message: in.Spec.Message, Key: in.Key},
		)
	}
	fields, err = renderTreatment(ctx, spec, held, data, unsubscribe)
	return fields, unsubscribe, err
}

// deliver calls the channel, once per address, and sums up: sent where one of them was.
func (a *Activities) deliver(
	ctx context.Context,
	in contract.Send,
	held store.Reservation,
	ch channel.Channel,
	fields map[string]string,
	unsubscribe string,
) store.Settlement {
	addresses := held.Verdict.Addresses
	if len(addresses) == 0 {
		addresses = []string{""}
	}
	sum := store.Settlement{Status: contract.StatusFailed}
	if ch.Spec().Name == "app" || in.Keep {
		sum.Said = fields
	}
	unknown, again := false, false
	var after time.Duration
	for i, address := range addresses {
		key := in.Key
		if i > 0 {
			key += "/" + strconv.Itoa(i+1)
		}
		receipt := ch.Send(ctx, channel.Message{
			Key: key, Address: address, Fields: fields, Journey: in.Journey, Step: in.Step, Message: in.Spec.Message,
			Customer: in.Customer, Category: held.Category, Unsubscribe: unsubscribe,
		})
		if receipt.Gone {
			sum.Gone = append(sum.Gone, address)
		}
		if receipt.Busy {
			a.reportRetryAfter(ctx, rateLane(ch, channel.Message{Fields: fields}), receipt.RetryAfter)
		}
		switch receipt.Outcome {
		case channel.Sent:
			sum.Status, sum.ProviderID, sum.Reason = contract.StatusSent, receipt.ProviderID, ""
		case channel.Unknown:
			unknown = true
		case channel.NotSent:
			again, after = true, max(after, receipt.RetryAfter)
		}
		if sum.Status != contract.StatusSent {
			sum.Reason = receipt.Reason
		}
	}
	switch {
	case sum.Status == contract.StatusSent:
	case unknown && (ch.Dedupes() || held.Category == journey.Transactional):
		sum.Status, sum.Unknown, sum.RetryAfter = contract.StatusRetry, true, after
	case unknown: // it may have gone out, and nobody would notice a second one: it counts as said
		sum.Status, sum.Unknown, sum.Reason = contract.StatusSent, true, ReasonUnknown
	case again:
		sum.Status, sum.RetryAfter = contract.StatusRetry, after
	}
	return sum
}

// settle writes the outcome, on a context of its own: what was sent must be known even when the attempt's time is over.
func (a *Activities) settle(in contract.Send, held store.Reservation, s store.Settlement) (contract.SendResult, *retry, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	if err := a.cfg.Ports.Sends.Settle(ctx, a.cfg.Now(in.Clock), held, s); err != nil {
		return contract.SendResult{}, nil, fmt.Errorf("the outcome of send %s could not be written: %w", in.Key, err)
	}
	if s.Status == contract.StatusRetry {
		asked := held.Attempts
		if !s.Waits {
			asked++
		}
		after := s.RetryAfter // the provider's wish
		if after == 0 {
			after = retryDelay(in.Clock, asked)
		}
		return contract.SendResult{}, &retry{reason: s.Reason, after: after}, nil
	}
	return contract.SendResult{Status: s.Status, Reason: s.Reason, Channel: held.Verdict.Channel}, nil, nil
}

// giveUp settles a send whose repeats have ended; where one of them did it after all, that stands.
func (a *Activities) giveUp(ctx context.Context, in contract.Send) (contract.SendResult, error) {
	held, err := a.reserve(ctx, in)
	if err != nil {
		return contract.SendResult{}, asSupersededError(err) // busy: the local activity is repeated until the lease is over
	}
	if held.Done != nil {
		return *held.Done, nil
	}
	s := store.Settlement{Status: contract.StatusFailed, Reason: in.GiveUp, Unknown: held.Unsettled}
	result, _, err := a.settle(in, held, s)
	return result, err
}
