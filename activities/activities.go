// Package activities implements the activities that package workflows calls: it decides and sends through the data side
// (Rooms) and the channels, renders messages, makes HTTP calls and evaluates expressions where the customer's data is.
package activities

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"
	"go.uber.org/zap"

	"github.com/tabi-journeys/tabi/activities/call"
	"github.com/tabi-journeys/tabi/channel"
	"github.com/tabi-journeys/tabi/internal/clock"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/journey/expr"
	"github.com/tabi-journeys/tabi/internal/journey/template"
	"github.com/tabi-journeys/tabi/internal/message"
	"github.com/tabi-journeys/tabi/internal/ratelimit"
	"github.com/tabi-journeys/tabi/internal/rejection"
	"github.com/tabi-journeys/tabi/internal/signedlink"
	"github.com/tabi-journeys/tabi/internal/unit"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// Config configures the activities. Rooms and Channels are required.
type Config struct {
	Rooms    Rooms
	Channels map[string]channel.Channel // by name, as channels.Open returns them
	Specs    []channel.Spec             // of Channels, in the order of the registry
	Links    signedlink.Links           // makes links to pages, and tracked links
	Tracking *Tracking                  // of links; nil: they stay as they are
	Clock    clock.Clock                // the installation's, for Record, whose input may carry none
	Logger   *zap.Logger                // default: logs nothing
	// LocalTimeout bounds an attempt inside a local activity (default 5 s), Timeout one inside a normal activity
	// (default 25 s). Both are shorter than the interpreter's own limits, so that an attempt is settled before the
	// interpreter abandons it.
	LocalTimeout, Timeout time.Duration
	// Ends is done when the process stops: running attempts end then. Default: never.
	Ends context.Context
	// Limits delays sends and calls by rate limit and Retry-After; nil: nothing is delayed.
	Limits *ratelimit.Limiter
	// Now returns virtual time; default clock.Now. A simulation has its own.
	Now func(clock.Clock) time.Time
	// Spread is added to Now where a send is reserved and settled: the delays that a simulation gives to sends; nil: none.
	Spread func() time.Duration
	// Call makes the requests of call steps; default: call.New without an allowlist, which refuses private addresses.
	Call Caller
	// OddValue is called for each value that a template could not use; nil: it is only logged and counted.
	OddValue func(field string, note template.Note)
	// LeftOut is called for each key under data of a message that had no value; what says which key, and why. nil: nothing is.
	LeftOut func(in contract.Ref, what string)
	// Rendered is called with each message that was rendered, before its channel is called; nil: nothing is.
	Rendered func(Rendered)
	// Trusted lets events that come over Temporal change addresses and permissions, as a server key may.
	Trusted bool
	// Pseudonyms says that nothing that Temporal can search names a customer.
	Pseudonyms bool
	// Doors records what was refused of what came over Temporal; nil: nothing is recorded.
	Doors *rejection.Recorder
	// Registry takes the metrics of attempts to send; nil: they are not exported.
	Registry prometheus.Registerer
}

// Caller makes one attempt at a rendered HTTP call. A CallResult is final and holds the whole body; an error may be
// repeated.
type Caller interface {
	Call(ctx context.Context, r CallRequest) (contract.CallResult, error)
}

// CallRequest is a call whose templates are rendered.
type CallRequest = call.Request

// Activities are the methods that a worker serves, named in workflows/contract.
type Activities struct {
	cfg     Config
	metrics sendMetrics
}

func New(cfg Config) *Activities {
	if cfg.Logger == nil {
		cfg.Logger = zap.NewNop()
	}
	if cfg.LocalTimeout <= 0 {
		cfg.LocalTimeout = 5 * time.Second
	}
	if cfg.Timeout <= 0 {
		cfg.Timeout = 25 * time.Second
	}
	if cfg.Ends == nil {
		cfg.Ends = context.Background()
	}
	if cfg.Now == nil {
		cfg.Now = clock.Now
	}
	if cfg.Call == nil {
		cfg.Call = call.New(call.Options{})
	}
	return &Activities{cfg: cfg, metrics: newSendMetrics(cfg.Registry)}
}

// attemptTime bounds an attempt by limit and by the end of the process.
func (a *Activities) attemptTime(ctx context.Context, limit time.Duration) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	stop := context.AfterFunc(a.cfg.Ends, cancel)
	return ctx, func() {
		stop()
		cancel()
	}
}

// Register makes a worker serve the activities under their names in workflows/contract.
func Register(w worker.ActivityRegistry, a *Activities) {
	for name, f := range map[string]any{
		contract.ReportActivity:   a.Report,
		contract.EvaluateActivity: a.Evaluate,
		contract.AssignActivity:   a.Assign,
		contract.SendActivity:     a.Send,
		contract.DeliverActivity:  a.Deliver,
		contract.HandoffActivity:  a.OpenHandoff,
		contract.WithdrawActivity: a.WithdrawHandoff,
		contract.RecordActivity:   a.Record,
		contract.DueActivity:      a.Due,
		contract.EmitActivity:     a.Emit,
		contract.CallActivity:     a.Call,
		contract.MoveActivity:     a.Move,
		contract.LevelsActivity:   a.Levels,
		contract.ReplyActivity:    a.Reply,
		contract.DecideActivity:   a.Decide,
		contract.TestSendActivity: a.TestSend,
	} {
		w.RegisterActivityWithOptions(f, activity.RegisterOptions{Name: name})
	}
}

// Report records where an enrollment is.
func (a *Activities) Report(ctx context.Context, in contract.Report) error {
	return asSupersededError(a.cfg.Rooms.Enrollments.Report(ctx, a.cfg.Now(in.Clock), in))
}

// OpenHandoff renders the note and puts the customer into the queue. A note that cannot be rendered does not stop it.
func (a *Activities) OpenHandoff(ctx context.Context, in contract.OpenHandoff) error {
	now := a.cfg.Now(in.Clock)
	note := ""
	if in.Spec.Note != "" {
		vars, err := a.cfg.Rooms.Variables.View(ctx, now, in.Ref, in.EvalContext)
		if err != nil {
			return asSupersededError(err)
		}
		at := []zap.Field{zap.String("journey", in.Journey), zap.String("step", in.Step)}
		if note, err = a.renderNote(ctx, in.Spec.Note, vars, at); err != nil { // reaching an agent matters more than the note
			a.cfg.Logger.Warn(
				"hand-off note could not be rendered",
				zap.String("journey", in.Journey),
				zap.String("step", in.Step),
				zap.Error(err),
			)
			note = "(the note of this step could not be rendered: " + err.Error() + ")"
		}
	}
	return asSupersededError(a.cfg.Rooms.Handoffs.Open(ctx, now, in, note))
}

// WithdrawHandoff closes a hand-off whose enrollment no longer waits for it.
func (a *Activities) WithdrawHandoff(ctx context.Context, in contract.WithdrawHandoff) error {
	return asSupersededError(a.cfg.Rooms.Handoffs.Withdraw(ctx, a.cfg.Now(in.Clock), in))
}

// Due lists the events that arrived for an enrollment by a moment and are still in the outbox.
func (a *Activities) Due(ctx context.Context, in contract.Due) (contract.DueResult, error) {
	ids, err := a.cfg.Rooms.Outbox.Undelivered(ctx, in.Ref, in.At)
	return contract.DueResult{OnTheirWay: ids}, asSupersededError(err)
}

// invalidInput returns an error that Temporal does not retry, because repeating the input would not help.
func invalidInput(words string) error {
	return temporal.NewNonRetryableApplicationError(words, contract.RejectInvalid, nil)
}

// asSupersededError turns unit.ErrSuperseded into the typed, final error by which a run learns that another run owns
// its enrollment, or that the enrollment is closed, and then ends without reporting.
func asSupersededError(err error) error {
	var ended *unit.EndedError
	if errors.As(err, &ended) {
		return temporal.NewNonRetryableApplicationError(err.Error(), contract.Superseded, nil, ended.Ended)
	}
	if errors.Is(err, unit.ErrSuperseded) {
		return temporal.NewNonRetryableApplicationError(err.Error(), contract.Superseded, nil)
	}
	return err
}

// asPermanentError is asSupersededError for input that a journey, not a channel, produced: what the store refuses as
// invalid is final too.
func asPermanentError(err error) error {
	if message.IsInput(err) {
		return invalidInput(err.Error())
	}
	return asSupersededError(err)
}

// program returns the compiled journey of a revision.
func (a *Activities) program(ctx context.Context, revision string) (*journey.Program, error) {
	p, err := a.cfg.Rooms.Catalog.Program(ctx, revision)
	if err != nil {
		return nil, fmt.Errorf("revision %s: %w", revision, err)
	}
	return p, nil
}

// loadVars returns the compiled journey of an enrollment, and what its expressions see now.
func (a *Activities) loadVars(ctx context.Context, ref contract.Ref, scene contract.EvalContext) (*journey.Program, expr.Vars, error) {
	prog, err := a.program(ctx, ref.Revision)
	if err != nil {
		return nil, expr.Vars{}, err
	}
	vars, err := a.cfg.Rooms.Variables.View(ctx, a.cfg.Now(ref.Clock), ref, scene)
	return prog, vars, asSupersededError(err)
}
