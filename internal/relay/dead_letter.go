package relay

import (
	"context"
	"errors"
	"strings"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.uber.org/zap"

	"github.com/tabi-journeys/tabi/internal/clock"
	"github.com/tabi-journeys/tabi/internal/cluster"
	"github.com/tabi-journeys/tabi/internal/outbox"
	"github.com/tabi-journeys/tabi/internal/unit"
)

// errorClass is what the error of a failed delivery means for the next attempt.
type errorClass int

const (
	transient errorClass = iota // the cause seems to be elsewhere: Temporal, the network, the database, a limit that resets
	ambiguous                   // the cause may be this entry
	permanent                   // Temporal refuses this entry
	waiting                     // the entry waits for something that is known, and never becomes a dead letter by that
)

// errStore marks failures of the database.
var errStore = errors.New("the store")

// classify returns the class of an error of a delivery.
func classify(err error) errorClass {
	var (
		invalid     *serviceerror.InvalidArgument
		exhausted   *serviceerror.ResourceExhausted
		unavailable *serviceerror.Unavailable
		deadline    *serviceerror.DeadlineExceeded
		canceled    *serviceerror.Canceled
		denied      *serviceerror.PermissionDenied
		namespace   *serviceerror.NamespaceNotFound
		state       *serviceerror.NamespaceInvalidState
		missing     *serviceerror.NotFound
		notReady    *serviceerror.WorkflowNotReady
		client      *serviceerror.ClientVersionNotSupported
		foreign     *foreignError
	)
	switch {
	case errors.Is(err, errAddressTaken),
		errors.Is(err, errOrphan),
		errors.Is(err, errRunMissing),
		cluster.IsStranger(err):
		return waiting
	case errors.Is(err, errStore),
		errors.Is(err, context.Canceled),
		errors.Is(err, context.DeadlineExceeded):
		return transient
	case errors.As(err, &foreign):
		return permanent
	case errors.As(err, &invalid):
		if strings.Contains(invalid.Error(), "limit for signal") { // of this run: its next run accepts more
			return transient
		}
		return permanent
	case strings.Contains(err.Error(), "grpc: ") && strings.Contains(err.Error(), "larger than max"): // the SDK's type is internal
		return permanent
	case errors.As(err, &exhausted),
		errors.As(err, &notReady),
		errors.As(err, &unavailable),
		errors.As(err, &deadline),
		errors.As(err, &canceled),
		errors.As(err, &denied),
		errors.As(err, &namespace),
		errors.As(err, &state),
		errors.As(err, &missing),
		errors.As(err, &client):
		return transient
	}
	return ambiguous
}

// The attempts after which an entry becomes a dead letter.
//
// An entry that Temporal refuses blocks its enrollment forever, since nothing may overtake it. An outage looks the same
// at first, and must not turn every entry of an hour into a dead letter that people have to retry by hand. So an entry
// needs few attempts while others are delivered, and many (…Alone) while nothing is. With backoff's rests 3 attempts
// take a second, 20 take 13 minutes, 25 take 18 minutes, and 500 take eight hours. What names the fault, as a foreign workflow
// does that holds the id, needs few attempts in any case.
//
// An error that looks like an outage makes a dead letter too if others were delivered between the attempts of this entry,
// transientPassed times: then it is no outage. One part of Temporal may be away for some minutes while the others work, so the
// entry must also have failed transientAttempts times. While nothing is delivered, it never becomes a dead letter.
const (
	permanentAttempts      = 3
	permanentAttemptsAlone = 25
	ambiguousAttempts      = 25
	ambiguousAttemptsAlone = 500
	transientAttempts      = 20
	transientPassed        = 10
)

// recent is how long after the last successful delivery Temporal counts as healthy.
const recent = time.Minute

// isDead reports whether an entry that failed so often becomes a dead letter. passed is how many of its failures others were
// delivered between.
func (r *Relay) isDead(attempts, passed int, cause error) bool {
	alone := clock.Wall().Sub(time.UnixMilli(r.lastSuccess.Load())) > recent
	if foreign := (*foreignError)(nil); errors.As(cause, &foreign) {
		alone = false // Temporal has said what holds the id: this is no outage, also where nothing else is delivered
	}
	switch classify(cause) {
	case permanent:
		return attempts >= permanentAttempts && (!alone || attempts >= permanentAttemptsAlone)
	case ambiguous:
		return attempts >= ambiguousAttempts && (!alone || attempts >= ambiguousAttemptsAlone)
	case waiting:
		return false
	}
	return attempts >= transientAttempts && passed >= transientPassed
}

// deadLetter sets an entry aside, so that the entries after it can be delivered, and returns the lease.
func (r *Relay) deadLetter(ctx context.Context, l outbox.Lease, d outbox.Delivery, cause error) {
	marking, cancel := context.WithTimeout(context.WithoutCancel(ctx), markTime)
	defer cancel()
	entry := "start"
	if d.Delivery != nil {
		entry = d.Delivery.ID
	}
	fields := []zap.Field{zap.String("enrollment", l.Enrollment.ID), zap.String("entry", entry), zap.Error(cause)}
	if err := r.cfg.Outbox.SetAside(marking, clock.Now(r.cfg.Clock), l, d.Seq, cause.Error()); err != nil {
		if !errors.Is(err, unit.ErrSuperseded) {
			r.cfg.Logger.Warn("storing a dead letter failed; the delivery will be repeated",
				append(fields, zap.NamedError("store", err))...)
		}
		return
	}
	r.cfg.Logger.Error("an outbox entry is now a dead letter: Temporal does not take it, though it takes others; see tabi deadletter list",
		fields...)
}
