package relay

import (
	"context"
	"errors"
	"strings"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.uber.org/zap"

	"github.com/tabi-journeys/tabi/internal/clock"
	"github.com/tabi-journeys/tabi/internal/store"
)

// fault is what a failed delivery says about the next attempt.
type fault int

const (
	passing  fault = iota // the trouble is elsewhere: Temporal, the network, the database, limits that come free
	doubtful              // it may be the delivery's own
	final                 // Temporal refuses this very delivery
)

// errStore marks what the database failed at.
var errStore = errors.New("the store")

// faultOf sorts an error of Temporal.
func faultOf(err error) fault {
	var (
		invalid     *serviceerror.InvalidArgument
		exhausted   *serviceerror.ResourceExhausted
		unavailable *serviceerror.Unavailable
		deadline    *serviceerror.DeadlineExceeded
		cancelled   *serviceerror.Canceled
		denied      *serviceerror.PermissionDenied
		namespace   *serviceerror.NamespaceNotFound
		state       *serviceerror.NamespaceInvalidState
		missing     *serviceerror.NotFound
		notReady    *serviceerror.WorkflowNotReady
		client      *serviceerror.ClientVersionNotSupported
	)
	switch {
	case errors.Is(err, errAddressTaken),
		errors.Is(err, errStore),
		errors.Is(err, context.Canceled),
		errors.Is(err, context.DeadlineExceeded):
		return passing
	case errors.As(err, &invalid):
		if strings.Contains(invalid.Error(), "limit for signal") { // of this run: its next one takes more
			return passing
		}
		return final
	case strings.Contains(err.Error(), "grpc: ") && strings.Contains(err.Error(), "larger than max"): // the SDK's type is its own
		return final
	case errors.As(err, &exhausted),
		errors.As(err, &notReady),
		errors.As(err, &unavailable),
		errors.As(err, &deadline),
		errors.As(err, &cancelled),
		errors.As(err, &denied),
		errors.As(err, &namespace),
		errors.As(err, &state),
		errors.As(err, &missing),
		errors.As(err, &client):
		return passing
	}
	return doubtful
}

// Attempts after which a delivery is set aside: where others get through meanwhile, and where nothing does,
// which looks like trouble of Temporal's. With backoff's rests 3 attempts take a second, 25 take 18 minutes,
// 500 take eight hours.
const (
	finalAttempts         = 3
	finalAttemptsAlone    = 25
	doubtfulAttempts      = 25
	doubtfulAttemptsAlone = 500
)

// others is how long ago another delivery may have got through to tell a poison from an outage.
const others = time.Minute

// poison reports whether a delivery that failed so often is to be set aside.
func (r *Relay) poison(attempts int, cause error) bool {
	alone := clock.Wall().Sub(time.UnixMilli(r.through.Load())) > others
	switch faultOf(cause) {
	case final:
		return attempts >= finalAttempts && (!alone || attempts >= finalAttemptsAlone)
	case doubtful:
		return attempts >= doubtfulAttempts && (!alone || attempts >= doubtfulAttemptsAlone)
	}
	return false
}

// setAside takes a poison out of the way of what stands behind it, and gives the lease back.
func (r *Relay) setAside(ctx context.Context, l store.Lease, d store.Delivery, cause error) {
	marking, cancel := context.WithTimeout(context.WithoutCancel(ctx), markTime)
	defer cancel()
	what := "start"
	if d.Event != nil {
		what = d.Event.ID
	}
	fields := []zap.Field{zap.String("workflow", l.Enrollment.WorkflowID), zap.String("delivery", what), zap.Error(cause)}
	if err := r.cfg.Store.SetAside(marking, clock.Now(r.cfg.Clock), l, d.Seq, cause.Error()); err != nil {
		if !errors.Is(err, store.ErrNotMine) {
			r.cfg.Logger.Warn("a delivery could not be set aside; it will be repeated", append(fields, zap.NamedError("store", err))...)
		}
		return
	}
	r.cfg.Logger.Error("a delivery is set aside: it is refused for good; see tabi list --set-aside, and tabi retry", fields...)
}
