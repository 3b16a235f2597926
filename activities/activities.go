// Package activities is the outside world of a journey: it implements what package workflows asks for, through
// the store, the brain and the channels.
package activities

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"
	"go.uber.org/zap"

	"github.com/tabi-journeys/tabi/activities/call"
	"github.com/tabi-journeys/tabi/activities/channel"
	"github.com/tabi-journeys/tabi/internal/clock"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/ratelimit"
	"github.com/tabi-journeys/tabi/internal/signedlink"
	"github.com/tabi-journeys/tabi/internal/store"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// Config is what the activities need.
type Config struct {
	Ports    Ports
	Channels map[string]channel.Channel // channel.Open
	Links    signedlink.Links           // of unsubscribe pages
	Clock    clock.Clock                // of the installation, for Track, whose input carries none
	Logger   *zap.Logger                // default: none
	// LocalTimeout ends a channel's attempt inside a local activity, Timeout one inside a normal activity.
	// Defaults: 5 s and 25 s, shorter than the interpreter's own, so that an attempt is settled before it is
	// given up.
	LocalTimeout, Timeout time.Duration
	// Ends is done when attempts under way must end, though their time is not over: the process stops. Default: never.
	Ends context.Context
	// Limits hold sends and calls back by rate, and while a provider asks to be left alone; nil: nothing does.
	Limits *ratelimit.Limiter
	// Now gives virtual time; default clock.Now. A simulation has its own.
	Now func(clock.Clock) time.Time
	// Call makes the requests of call steps; default: call.New without an allow list, which refuses private addresses.
	Call Caller
}

// Caller makes one attempt at a call, rendered. An error may be repeated; a CallResult is the last word, with
// the whole body.
type Caller interface {
	Call(ctx context.Context, r CallRequest) (contract.CallResult, error)
}

// CallRequest is a call whose templates are rendered.
type CallRequest = call.Request

// Activities are the methods that a worker serves; each is named as in workflows/ports.go.
type Activities struct {
	cfg Config
}

// New makes the activities.
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
	return &Activities{cfg: cfg}
}

// attemptTime bounds an attempt, by its time and by the process's end.
func (a *Activities) attemptTime(ctx context.Context, limit time.Duration) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	stop := context.AfterFunc(a.cfg.Ends, cancel)
	return ctx, func() {
		stop()
		cancel()
	}
}

// Register makes a worker serve the activities under the names of workflows/ports.go.
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
	} {
		w.RegisterActivityWithOptions(f, activity.RegisterOptions{Name: name})
	}
}

// Report tells the store where an instance is.
func (a *Activities) Report(ctx context.Context, in contract.Report) error {
	return asSupersededError(a.cfg.Ports.Enrollments.Report(ctx, a.cfg.Now(in.Clock), in))
}

// OpenHandoff renders the note and puts the customer before the queue.
func (a *Activities) OpenHandoff(ctx context.Context, in contract.OpenHandoff) error {
	now := a.cfg.Now(in.Clock)
	note := ""
	if in.Spec.Note != "" {
		vars, err := a.cfg.Ports.Enrollments.View(ctx, now, in.Ref, in.Scene)
		if err != nil {
			return asSupersededError(err)
		}
		if note, err = renderNote(ctx, in.Spec.Note, vars); err != nil { // the person matters more than the note
			a.cfg.Logger.Warn(
				"the note of a hand-off could not be rendered",
				zap.String("journey", in.Journey),
				zap.String("step", in.Step),
				zap.Error(err),
			)
			note = "(the note of this step could not be rendered: " + err.Error() + ")"
		}
	}
	return asSupersededError(a.cfg.Ports.Handoffs.OpenHandoff(ctx, now, in, note))
}

// WithdrawHandoff takes a hand-off back.
func (a *Activities) WithdrawHandoff(ctx context.Context, in contract.WithdrawHandoff) error {
	return asSupersededError(a.cfg.Ports.Handoffs.WithdrawHandoff(ctx, a.cfg.Now(in.Clock), in))
}

// Due lists what arrived for an instance by a moment and is still on its way to it.
func (a *Activities) Due(ctx context.Context, in contract.Due) (contract.DueResult, error) {
	ids, err := a.cfg.Ports.Enrollments.Undelivered(ctx, in.Ref, in.At)
	return contract.DueResult{OnTheirWay: ids}, asSupersededError(err)
}

// Record takes an event into the store, as the gateway does.
func (a *Activities) Record(ctx context.Context, in contract.Record) (contract.TrackResult, error) {
	c := in.Call
	if c.MessageID == "" || c.Type == "track" && c.Event == "" || c.UserID == "" && c.AnonymousID == "" {
		return contract.TrackResult{}, invalidInput(`an event needs "messageId", "event", and "userId" or "anonymousId"`)
	}
	if strings.HasPrefix(c.Event, "tabi.") || strings.HasPrefix(c.MessageID, "tabi.") ||
		strings.HasPrefix(c.UserID, "anon:") { // as the gateway
		return contract.TrackResult{}, invalidInput(`events and ids that begin with "tabi.", and user ids with "anon:", are reserved`)
	}
	at := a.cfg.Clock
	if in.Clock != (clock.Clock{}) {
		at = in.Clock
	}
	receipts, err := a.cfg.Ports.Events.Ingest(ctx, a.cfg.Now(at), []store.SegmentCall{{
		Type: c.Type, MessageID: c.MessageID, UserID: c.UserID, AnonymousID: c.AnonymousID, Event: c.Event,
		Properties: c.Properties, Traits: c.Traits, Timestamp: c.Timestamp, Source: "temporal",
	}})
	if store.IsInput(err) {
		return contract.TrackResult{}, invalidInput(err.Error())
	}
	if err != nil {
		return contract.TrackResult{}, err
	}
	return contract.TrackResult{ID: receipts[0].ID, Customer: receipts[0].Customer, Duplicate: receipts[0].Duplicate}, nil
}

// invalidInput refuses an event for good: repeating it would not help.
func invalidInput(words string) error {
	return temporal.NewNonRetryableApplicationError(words, contract.RejectInvalid, nil)
}

// asSupersededError makes ErrNotMine the typed error by which a run learns that it must end.
func asSupersededError(err error) error {
	var ended *store.EndedError
	if errors.As(err, &ended) {
		return temporal.NewNonRetryableApplicationError(err.Error(), contract.Superseded, nil, ended.Ended)
	}
	if errors.Is(err, store.ErrSuperseded) {
		return temporal.NewNonRetryableApplicationError(err.Error(), contract.Superseded, nil)
	}
	return err
}

// asPermanentError is mine for what a journey, and not a channel, puts into the store: repeating what it refuses would not help.
func asPermanentError(err error) error {
	if store.IsInput(err) {
		return invalidInput(err.Error())
	}
	return asSupersededError(err)
}

// program is the compiled revision of an instance.
func (a *Activities) program(ctx context.Context, revision string) (*journey.Program, error) {
	p, err := a.cfg.Ports.Enrollments.Program(ctx, revision)
	if err != nil {
		return nil, fmt.Errorf("revision %s: %w", revision, err)
	}
	return p, nil
}

// loadVars is the revision of an instance, and what its expressions may see now.
func (a *Activities) loadVars(ctx context.Context, ref contract.Ref, scene contract.Scene) (*journey.Program, journey.Vars, error) {
	prog, err := a.program(ctx, ref.Revision)
	if err != nil {
		return nil, journey.Vars{}, err
	}
	vars, err := a.cfg.Ports.Enrollments.View(ctx, a.cfg.Now(ref.Clock), ref, scene)
	return prog, vars, asSupersededError(err)
}
