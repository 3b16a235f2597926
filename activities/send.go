package activities

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"
	"go.uber.org/zap"

	"github.com/tabi-journeys/tabi/activities/render"
	"github.com/tabi-journeys/tabi/channel"
	"github.com/tabi-journeys/tabi/internal/clock"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/journey/expr"
	"github.com/tabi-journeys/tabi/internal/message"
	"github.com/tabi-journeys/tabi/internal/signedlink"
	"github.com/tabi-journeys/tabi/internal/tracing"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// Reasons of a failed send.
const (
	ReasonTemplate = "TEMPLATE" // the message could not be rendered for this customer
	ReasonUnknown  = "UNKNOWN"  // the message may have gone out, and is not repeated
	ReasonSession  = "SESSION"  // of a send that went out: as an answer to what the customer wrote, and not as a template
)

// Send makes one attempt to send, as a local activity. A send that must be repeated comes back with
// contract.StatusRetry, and Deliver repeats it. With in.GiveUp the send is settled as failed instead, because its
// retries have ended.
func (a *Activities) Send(ctx context.Context, in contract.Send) (contract.SendResult, error) {
	ctx, cancel := a.attemptTime(ctx, a.cfg.LocalTimeout)
	defer cancel()
	if in.GiveUp != "" {
		return a.giveUp(ctx, in)
	}
	result, err := a.attempt(ctx, in)
	if result.Status == contract.StatusRetry {
		a.cfg.Logger.Info(
			"send will be retried",
			zap.String("journey", in.Journey),
			zap.String("step", in.Step),
			zap.String("key", in.Key),
			zap.String("reason", result.Reason),
		)
	}
	return result, asSupersededError(err)
}

// Deliver is Send as a normal activity. A send that must be repeated is an error here, so that Temporal repeats it
// and support staff see it as pending. Where the provider of the attempt before sent a Retry-After, the first attempt
// only returns that error, and Temporal waits as long as the provider asked.
func (a *Activities) Deliver(ctx context.Context, in contract.Send) (contract.SendResult, error) {
	ctx, cancel := a.attemptTime(ctx, a.cfg.Timeout)
	defer cancel()
	if in.After > 0 && activity.GetInfo(ctx).Attempt == 1 {
		return contract.SendResult{}, notSent(contract.SendResult{Reason: in.Why, RetryAfter: in.After})
	}
	result, err := a.attempt(ctx, in)
	if result.Status == contract.StatusRetry {
		return contract.SendResult{}, notSent(result)
	}
	if err != nil && activity.GetInfo(ctx).Attempt > 3 {
		a.cfg.Logger.Warn("send keeps failing", zap.String("journey", in.Journey), zap.String("step", in.Step), zap.Error(err))
	}
	return result, asSupersededError(err)
}

// leaseMargin is how much longer the lease of a send lasts than its attempt may take.
const leaseMargin = 5 * time.Second

// retryDelay returns the back-off after n calls to the provider: contract.SendInterval, doubled with each call up to
// contract.MaxSendInterval, or longer by as much as a virtual clock is slower than real time. Temporal's own counter is
// not used, because it also counts attempts that never reached the provider: those that met another attempt's lease, or
// waited for a rate.
func retryDelay(c clock.Clock, n int) time.Duration {
	d := contract.SendInterval
	for ; n > 1 && d < contract.MaxSendInterval; n-- {
		d *= 2
	}
	d = min(d, contract.MaxSendInterval)
	return max(c.Real(d), d)
}

// notSent returns the error by which Temporal repeats a send. The Temporal UI shows it meanwhile.
func notSent(r contract.SendResult) error {
	return temporal.NewApplicationErrorWithOptions(
		"not sent: "+r.Reason,
		"NotSent",
		temporal.ApplicationErrorOptions{NextRetryDelay: r.RetryAfter},
	)
}

// attempt reserves a send and, where nothing forbids it, sends it. With StatusRetry the result says when to try again.
func (a *Activities) attempt(ctx context.Context, in contract.Send) (contract.SendResult, error) {
	reservation, err := a.reserve(ctx, in)
	switch {
	case errors.Is(err, message.ErrBusy):
		return contract.SendResult{Status: contract.StatusRetry, Reason: "another attempt is in progress", RetryAfter: 5 * time.Second}, nil
	case err != nil:
		return contract.SendResult{}, err
	case reservation.Done != nil:
		return *reservation.Done, nil
	}
	return a.sendReserved(ctx, in, reservation)
}

// sendReserved renders a reserved send, calls the channel and settles the outcome. An attempt that never calls the
// provider (the rate is used up, the journey cannot be loaded) is settled as a retry that waits: it does not count
// for the back-off.
func (a *Activities) sendReserved(
	ctx context.Context,
	in contract.Send,
	reservation message.Reservation,
) (contract.SendResult, error) {
	ch, ok := a.cfg.Channels[reservation.Verdict.Channel]
	if !ok {
		return a.settle(
			in,
			reservation,
			message.Settlement{
				Status: contract.StatusFailed,
				Reason: "channel " + reservation.Verdict.Channel + " is not part of this build",
			},
		)
	}
	if reservation.Unsettled && !ch.Dedupes() && reservation.Category != journey.Transactional {
		// An earlier attempt may have gone out, and the provider would not drop a second one. Marketing is not sent
		// twice.
		return a.settle(in, reservation, message.Settlement{Status: contract.StatusSent, Reason: ReasonUnknown, Unknown: true})
	}
	prog, err := a.program(ctx, in.Revision)
	if err != nil { // the message is fine and has not gone out: the store is down, or only a newer build can read the revision
		a.cfg.Logger.Warn(
			"send deferred: its journey revision could not be loaded",
			zap.String("journey", in.Journey),
			zap.String("step", in.Step),
			zap.Error(err),
		)
		return a.settle(
			in,
			reservation,
			message.Settlement{
				Status: contract.StatusRetry,
				Reason: "its journey revision could not be loaded",
				Waits:  true,
				Slot:   reservation.Slot,
			},
		)
	}
	marker := a.marker(in, reservation, ch.Spec())
	fields, unsubscribe, err := a.render(ctx, in, reservation, prog, ch.Spec(), asLinks(marker))
	if err != nil {
		if ctx.Err() != nil {
			return a.settle(
				in,
				reservation,
				message.Settlement{
					Status: contract.StatusRetry,
					Reason: "the attempt's time ended before the message was rendered",
					Waits:  true,
					Slot:   reservation.Slot,
				},
			)
		}
		a.cfg.Logger.Warn("message could not be rendered", zap.String("journey", in.Journey), zap.String("step", in.Step),
			zap.String("enrollment", in.Enrollment), zap.String("message", in.Spec.Message), zap.Error(err))
		return a.settle(in, reservation, message.Settlement{Status: contract.StatusFailed, Reason: ReasonTemplate + ": " + err.Error()})
	}
	if waits := a.checkRateLimit(ctx, reservation, ch, fields); waits != nil {
		return a.settle(in, reservation, *waits)
	}
	if err := a.storeLinks(ctx, in, marker); err != nil {
		a.cfg.Logger.Warn("send deferred", zap.String("journey", in.Journey), zap.String("step", in.Step), zap.Error(err))
		return a.settle(in, reservation, notStored(reservation))
	}
	return a.settle(in, reservation, a.deliver(ctx, in, reservation, ch, fields, unsubscribe))
}

// reserve decides the send in the customer's transaction, and leases its ledger row for the time of an attempt.
func (a *Activities) reserve(ctx context.Context, in contract.Send) (message.Reservation, error) {
	return a.cfg.Rooms.Messages.Reserve(ctx, a.sendTime(in.Clock), clock.Wall(), in, a.cfg.Timeout+leaseMargin)
}

// sendTime returns the virtual time of an attempt to send.
func (a *Activities) sendTime(c clock.Clock) time.Time {
	now := a.cfg.Now(c)
	if a.cfg.Spread != nil {
		now = now.Add(a.cfg.Spread())
	}
	return now
}

// pages are the links of a send to pages for the customer.
func (a *Activities) pages(in contract.Send, reservation message.Reservation) (p pageLinks) {
	m := signedlink.Mail{Customer: reservation.Customer, Journey: in.Journey, Step: in.Step, Message: in.Spec.Message, Key: in.Key}
	if reservation.Category != journey.Transactional {
		p.unsubscribe, p.preferences = a.cfg.Links.Unsubscribe(m), a.cfg.Links.Preferences(m)
	}
	if in.Spec.Topic != "" {
		p.confirm = a.cfg.Links.Confirm(signedlink.Confirmation{
			Mail: m, Topic: in.Spec.Topic, Channel: reservation.Verdict.Channel, Until: a.cfg.Now(in.Clock).Add(signedlink.ConfirmWithin),
		})
	}
	return p
}

// pageLinks are links to pages for one customer; empty: the send has none. tracked makes its tracked links; nil: it has none.
type pageLinks struct {
	unsubscribe, preferences, confirm string
	tracked                           render.Links
}

// render returns the fields of the treatment for this customer, and the unsubscribe link of a marketing message.
func (a *Activities) render(
	ctx context.Context,
	in contract.Send,
	reservation message.Reservation,
	prog *journey.Program,
	spec channel.Spec,
	tracked render.Links,
) (fields map[string]string, unsubscribe string, err error) {
	data := map[string]any{}
	for _, name := range slices.Sorted(maps.Keys(in.Spec.Data)) {
		value, err := prog.Eval(in.Spec.Data[name], reservation.Vars)
		if err == nil {
			data[name] = expr.ToPlain(value)
		} else if a.cfg.LeftOut != nil { // a missing value leaves the key out
			a.cfg.LeftOut(in.Ref, expr.LeftOut("data."+name, expr.Why(err)))
		}
	}
	links := a.pages(in, reservation)
	links.tracked = tracked
	if a.cfg.Rendered != nil {
		defer func() {
			a.cfg.Rendered(Rendered{
				Spec: spec, Message: reservation.Message, Tone: reservation.Verdict.Tone, Language: reservation.Language,
				Category: reservation.Category, Step: in.Step, Topic: in.Spec.Topic, Vars: reservation.Vars, Data: data, Fields: fields,
				Err: err,
			})
		}()
	}
	fields, err = a.renderTreatment(ctx, spec, reservation, data, links, []zap.Field{
		zap.String("journey", in.Journey), zap.String("step", in.Step), zap.String("message", in.Spec.Message), zap.String("key", in.Key),
	})
	return fields, links.unsubscribe, err
}

// deliver calls the channel once for each address and combines the receipts: sent if one address was, else unknown,
// retry or failed, in this order.
func (a *Activities) deliver(
	ctx context.Context,
	in contract.Send,
	reservation message.Reservation,
	ch channel.Channel,
	fields map[string]string,
	unsubscribe string,
) message.Settlement {
	addresses := reservation.Verdict.Addresses
	if len(addresses) == 0 {
		addresses = []string{""}
	}
	sum := message.Settlement{Status: contract.StatusFailed}
	if ch.Spec().KeepsContent || in.Keep {
		sum.Said = fields
	}
	unknown, again := false, false
	var after time.Duration
	for i, address := range addresses {
		key := in.Key
		if i > 0 {
			key += "/" + strconv.Itoa(i+1)
		}
		receipt := a.attemptSend(ctx, ch, channel.Message{
			Key: key, Address: address, Fields: fields, Journey: in.Journey, Step: in.Step, Message: in.Spec.Message,
			Customer: reservation.Customer, Category: reservation.Category, Unsubscribe: unsubscribe,
			Wrote: a.wrote(in, reservation, address),
		})
		if receipt.Outcome == channel.Sent && receipt.Reason != "" {
			a.cfg.Logger.Info("the provider accepted a message with a remark", zap.String("journey", in.Journey),
				zap.String("step", in.Step), zap.String("key", key), zap.String("reason", receipt.Reason))
		}
		if sum.Said != nil && receipt.Outcome == channel.Sent {
			sum.Said = said(ch.Spec(), receipt, fields)
		}
		if receipt.Gone && address != "" {
			sum.Gone, sum.GoneReason = append(sum.Gone, address), receipt.Reason
			if !receipt.GoneSince.IsZero() {
				if sum.GoneSince == nil {
					sum.GoneSince = map[string]time.Time{}
				}
				sum.GoneSince[address] = receipt.GoneSince
			}
		}
		if receipt.OptedOut && address != "" {
			sum.OptedOut = append(sum.OptedOut, address)
		}
		sum.Segments += receipt.Segments
		if receipt.Busy {
			a.reportRetryAfter(ctx, rateLane(ch, channel.Message{Fields: fields}), receipt.RetryAfter)
		}
		switch receipt.Outcome {
		case channel.Sent:
			sum.Status, sum.ProviderID, sum.Reason = contract.StatusSent, receipt.ProviderID, ""
			if receipt.Session {
				sum.Reason = ReasonSession
			}
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
	case unknown && (ch.Dedupes() || reservation.Category == journey.Transactional):
		sum.Status, sum.Unknown, sum.RetryAfter = contract.StatusRetry, true, after
	case unknown: // it may have gone out, and a repeat would not be dropped: it counts as sent
		sum.Status, sum.Unknown, sum.Reason = contract.StatusSent, true, ReasonUnknown
	case again:
		sum.Status, sum.RetryAfter = contract.StatusRetry, after
	}
	return sum
}

// attemptSend makes one attempt at a channel, counted and traced. The provider gets no trace context, and the trace no customer.
func (a *Activities) attemptSend(ctx context.Context, ch channel.Channel, m channel.Message) channel.Receipt {
	name := ch.Spec().Name
	ctx, span := tracing.Start(ctx, "send "+name, attribute.String("tabi.journey", m.Journey), attribute.String("tabi.step", m.Step),
		attribute.String("tabi.message", m.Message))
	defer span.End()
	began := clock.Wall()
	receipt := ch.Send(ctx, m)
	a.metrics.observe(name, receipt, clock.Wall().Sub(began))
	span.SetAttributes(attribute.String("tabi.outcome", string(receipt.Outcome)))
	return receipt
}

// settle writes the outcome to the ledger. It uses a context of its own, because what was sent must be recorded even
// when the attempt's time is over.
func (a *Activities) settle(in contract.Send, reservation message.Reservation, s message.Settlement) (contract.SendResult, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	if err := a.cfg.Rooms.Messages.Settle(ctx, a.sendTime(in.Clock), reservation, s); err != nil {
		return contract.SendResult{}, fmt.Errorf("could not record the outcome of send %s: %w", in.Key, err)
	}
	if s.Status == contract.StatusRetry {
		asked := reservation.Attempts
		if !s.Waits {
			asked++
		}
		after := s.RetryAfter // the provider's Retry-After
		if after == 0 {
			after = retryDelay(in.Clock, asked)
		}
		return contract.SendResult{Status: contract.StatusRetry, Reason: s.Reason, RetryAfter: after}, nil
	}
	return contract.SendResult{Status: s.Status, Reason: s.Reason, Channel: reservation.Verdict.Channel}, nil
}

// giveUp settles a send whose retries have ended as failed. If one of the retries has sent it after all, that result
// is kept.
func (a *Activities) giveUp(ctx context.Context, in contract.Send) (contract.SendResult, error) {
	reservation, err := a.reserve(ctx, in)
	if err != nil {
		return contract.SendResult{}, asSupersededError(err) // a lease of another attempt: the local activity is repeated until it is over
	}
	if reservation.Done != nil {
		return *reservation.Done, nil
	}
	s := message.Settlement{Status: contract.StatusFailed, Reason: in.GiveUp, Unknown: reservation.Unsettled}
	return a.settle(in, reservation, s)
}
