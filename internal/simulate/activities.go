package simulate

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"runtime/debug"

	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"

	"github.com/tabi-journeys/tabi/activities"
)

// activityRunner runs activities by name, at once: a scenario has one thread of time, and activities take none of it.
type activityRunner struct {
	byName map[string]reflect.Value
	before func(name string)                  // set by tests
	normal *testsuite.TestActivityEnvironment // provides the context of normal activities; made at first use
}

func newActivityRunner(a *activities.Activities) *activityRunner {
	d := &activityRunner{byName: map[string]reflect.Value{}}
	activities.Register(d, a)
	return d
}

// activityRunner is the registry that activities.Register fills.
var _ worker.ActivityRegistry = (*activityRunner)(nil)

func (d *activityRunner) RegisterActivity(any) { panic("activities are registered by name") }

func (d *activityRunner) RegisterActivityWithOptions(a any, o activity.RegisterOptions) {
	d.byName[o.Name] = reflect.ValueOf(a)
}

func (d *activityRunner) RegisterDynamicActivity(any, activity.DynamicRegisterOptions) {
	panic("activities are registered by name")
}

// activityCall is the input of an activity, and its result.
type activityCall struct {
	in, out any // out is nil if there is none
	result  *commonpb.Payloads
	err     error // as a workflow sees it
}

// run runs an activity once, on copies of its input and output, as if they had been serialized to the server and
// back.
func (d *activityRunner) run(ctx context.Context, name string, local bool, args []any) activityCall {
	f, known := d.byName[name]
	if !known || len(args) != 1 {
		return activityCall{
			err: asWorkflowSees(
				temporal.NewNonRetryableApplicationError(
					fmt.Sprintf("there is no activity %q that takes %d values", name, len(args)),
					"NoActivity",
					nil,
				),
			),
		}
	}
	payloads, err := converter.GetDefaultDataConverter().ToPayloads(args...)
	if err != nil {
		return activityCall{err: asWorkflowSees(err)}
	}
	in := reflect.New(f.Type().In(1))
	if err := converter.GetDefaultDataConverter().FromPayloads(payloads, in.Interface()); err != nil {
		return activityCall{err: asWorkflowSees(err)}
	}
	answer := activityCall{in: in.Elem().Interface()}
	answer.out, answer.err = guarded(func() (any, error) {
		if d.before != nil {
			d.before(name)
		}
		if local {
			return call(ctx, f, in.Elem())
		}
		return d.callNormal(ctx, f, answer.in)
	})
	if answer.err == nil && answer.out != nil {
		answer.result, answer.err = converter.GetDefaultDataConverter().ToPayloads(answer.out)
	}
	answer.err = asWorkflowSees(answer.err)
	return answer
}

// guarded turns a panic into an error.
func guarded(f func() (any, error)) (out any, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = &panicked{fmt.Sprint(r), string(debug.Stack())}
		}
	}()
	return f()
}

// call calls an activity and returns its result.
func call(ctx context.Context, f, in reflect.Value) (out any, err error) {
	results := f.Call([]reflect.Value{reflect.ValueOf(ctx), in})
	err, _ = results[len(results)-1].Interface().(error)
	if len(results) == 2 && err == nil {
		out = results[0].Interface()
	}
	return out, err
}

// callNormal calls a normal activity, in the context it expects.
func (d *activityRunner) callNormal(ctx context.Context, f reflect.Value, in any) (any, error) {
	if d.normal == nil {
		suite := &testsuite.WorkflowTestSuite{}
		suite.SetLogger(silent)
		d.normal = suite.NewTestActivityEnvironment()
		d.normal.SetWorkerOptions(worker.Options{BackgroundActivityContext: ctx})
		for name, known := range d.byName {
			d.normal.RegisterActivityWithOptions(known.Interface(), activity.RegisterOptions{Name: name})
		}
	}
	value, err := d.normal.ExecuteActivity(f.Interface(), in)
	if err != nil || f.Type().NumOut() == 1 {
		var panic *temporal.PanicError
		if errors.As(err, &panic) {
			return nil, &panicked{panic.Error(), panic.StackTrace()}
		}
		var wrapped *temporal.ActivityError
		if errors.As(err, &wrapped) && wrapped.Unwrap() != nil {
			err = wrapped.Unwrap()
		}
		return nil, err
	}
	out := reflect.New(f.Type().Out(0))
	if err := value.Get(out.Interface()); err != nil {
		return nil, err
	}
	return out.Elem().Interface(), nil
}

// panicked is a panic of an activity.
type panicked struct{ words, stack string }

func (p *panicked) Error() string { return "panic: " + p.words }

// asWorkflowSees returns an error as the workflow that waits for the activity sees it.
func asWorkflowSees(err error) error {
	if err == nil {
		return nil
	}
	var p *panicked
	if errors.As(err, &p) {
		return p
	}
	return temporal.GetDefaultFailureConverter().FailureToError(temporal.GetDefaultFailureConverter().ErrorToFailure(err))
}
