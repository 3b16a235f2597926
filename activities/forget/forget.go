// Package forget implements the activities of the workflow that forgets a customer: the steps of the room erasure, and what has to be
// asked of Temporal.
package forget

import (
	"context"
	"errors"
	"fmt"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"
	"go.uber.org/zap"

	"github.com/tabi-journeys/tabi/internal/clock"
	"github.com/tabi-journeys/tabi/internal/erasure"
	"github.com/tabi-journeys/tabi/internal/sqldb"
	"github.com/tabi-journeys/tabi/internal/unit"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// Erasure is the room of requests to forget a customer.
type Erasure interface {
	End(ctx context.Context, now time.Time, request, after string) (next string, err error)
	StillOpen(ctx context.Context, request string) (int64, error)
	OpenEnrollments(ctx context.Context, request string) ([]unit.Enrollment, error)
	CloseEnrollment(ctx context.Context, now time.Time, request, enrollment string) error
	Enrollments(ctx context.Context, request, after string) (page []unit.Enrollment, next string, err error)
	IDs(ctx context.Context, request string) ([]string, error)
	Delete(ctx context.Context, now time.Time, request string) error
	RunsDeleted(ctx context.Context, request string, runs erasure.Runs) error
	Erase(ctx context.Context, now time.Time, request string) (more bool, err error)
}

// Config configures the activities. All but Logger are required.
type Config struct {
	Erasure   Erasure
	Client    client.Client
	Namespace string
	Clock     clock.Clock
	// EnrollmentOf returns the enrollment that the memo of a run names.
	EnrollmentOf func(*commonpb.Memo) string
	Logger       *zap.Logger // default: logs nothing
}

// Activities are the methods that a worker serves, named in workflows/contract.
type Activities struct{ cfg Config }

// New returns the activities.
func New(cfg Config) *Activities {
	if cfg.Logger == nil {
		cfg.Logger = zap.NewNop()
	}
	return &Activities{cfg: cfg}
}

// Register makes a worker serve the activities under their names in workflows/contract.
func Register(w worker.ActivityRegistry, a *Activities) {
	for name, f := range map[string]any{
		contract.ForgetEndActivity:   a.End,
		contract.ForgetOpenActivity:  a.Open,
		contract.ForgetCloseActivity: a.Close,
		contract.ForgetRunsActivity:  a.Runs,
		contract.ForgetEraseActivity: a.Erase,
	} {
		w.RegisterActivityWithOptions(f, activity.RegisterOptions{Name: name})
	}
}

func (a *Activities) now() time.Time { return clock.Now(a.cfg.Clock) }

// gone turns an error about an unknown request into one that is not repeated: the database is another one.
func gone(err error) error {
	if errors.Is(err, sqldb.ErrNotFound) {
		return temporal.NewNonRetryableApplicationError("the database does not know this request", "Unknown", nil)
	}
	return err
}

// End orders a page of the customer's open enrollments to end.
func (a *Activities) End(ctx context.Context, in contract.ForgetPage) (contract.ForgetPage, error) {
	next, err := a.cfg.Erasure.End(ctx, a.now(), in.Request, in.After)
	return contract.ForgetPage{Request: in.Request, After: next}, gone(err)
}

// Open counts the enrollments that are open.
func (a *Activities) Open(ctx context.Context, in contract.ForgetPage) (contract.ForgetOpen, error) {
	n, err := a.cfg.Erasure.StillOpen(ctx, in.Request)
	return contract.ForgetOpen{Open: n}, gone(err)
}

// Close terminates the runs that did not end in time, a page of them, and closes their enrollments.
func (a *Activities) Close(ctx context.Context, in contract.ForgetPage) error {
	ctx, stop := beating(ctx)
	defer stop()
	page, err := a.cfg.Erasure.OpenEnrollments(ctx, in.Request)
	if err != nil {
		return gone(err)
	}
	for _, e := range page {
		err := a.cfg.Client.TerminateWorkflow(ctx, e.WorkflowID, "", "its customer is forgotten")
		if err != nil && !notFound(err) {
			return hide(err)
		}
		if err := a.cfg.Erasure.CloseEnrollment(ctx, a.now(), in.Request, e.ID); err != nil {
			return err
		}
		a.cfg.Logger.Warn("a run did not end in time, and was terminated, because its customer is forgotten",
			zap.String("request", in.Request), zap.String("enrollment", e.ID))
	}
	return nil
}

// eraseTime bounds how long one attempt erases page after page.
const eraseTime = 20 * time.Second

// Erase erases rows.
func (a *Activities) Erase(ctx context.Context, in contract.ForgetPage) (contract.ForgetMore, error) {
	ctx, stop := beating(ctx)
	defer stop()
	for until := clock.Wall().Add(eraseTime); ; {
		more, err := a.cfg.Erasure.Erase(ctx, a.now(), in.Request)
		if err != nil || !more || clock.Wall().After(until) {
			if err == nil && !more {
				a.cfg.Logger.Info("a customer was forgotten", zap.String("request", in.Request))
			}
			return contract.ForgetMore{More: more}, gone(err)
		}
	}
}

// beatEvery is how often an attempt says that it lives, below the heartbeat timeout of the workflow.
const beatEvery = 2 * time.Second

// beating records heartbeats until stop is called, so that an attempt whose worker was killed is repeated soon.
func beating(ctx context.Context) (_ context.Context, stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	activity.RecordHeartbeat(ctx)
	go func() {
		for clock.Wait(ctx, clock.Wall().Add(beatEvery)) == nil {
			activity.RecordHeartbeat(ctx)
		}
	}()
	return ctx, cancel
}

// hide returns an error of Temporal without its words, which may have the id of a workflow, and with it the customer's: the
// error of an activity is kept in the workflow's history.
func hide(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("not done by Temporal: %T", err)
}
