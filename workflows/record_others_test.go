package workflows

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"

	"github.com/tabi-journeys/tabi/workflows/contract"
)

// other is one run of a workflow type that is no journey, with what its activities answer.
type other struct {
	name   string // of the file
	kind   string // the workflow type
	input  any
	acts   func() map[string]any
	renews bool // the server suggests to continue as new
}

// others are the runs of the other workflow types that are recorded.
func others() []other {
	forgets := func(name string, renews bool, acts func() map[string]any) other {
		return other{name: "forget-" + name, kind: contract.ForgetType, input: contract.ForgetInput{Request: "r1"}, acts: acts,
			renews: renews}
	}
	return []other{
		forgets("normal", false, func() map[string]any { return forgetting(2, 2, 2, 2) }),
		forgets("nothing-open", false, func() map[string]any { return forgetting(1, 0, 1, 1) }),
		forgets("repeated", false, func() map[string]any {
			acts := forgetting(1, 1, 1, 1)
			for name, act := range acts {
				acts[name] = failingFirst(act)
			}
			return acts
		}),
		forgets("terminated", false, func() map[string]any { return forgetting(1, 1000, 1, 1) }),
		forgets("renewed", true, func() map[string]any { return forgetting(1, 1, 4, 4) }),
		{
			name: "track-event", kind: contract.TrackType, input: contract.TrackInput{UserID: "ana", Event: "Bought"},
			acts: func() map[string]any {
				return map[string]any{contract.RecordActivity: func(context.Context, contract.Record) (contract.TrackResult, error) {
					return contract.TrackResult{Customer: "ana"}, nil
				}}
			},
		},
	}
}

// forgetting returns activities of the type Forget that answer as often as is given: pages of ends, looks that find an open enrollment,
// pages of runs, pages of rows. Nothing is open once the runs that did not end are terminated.
func forgetting(ends, open, runs, rows int) map[string]any {
	pages := func(all int) func(context.Context, contract.ForgetPage) (contract.ForgetPage, error) {
		done := 0
		return func(_ context.Context, in contract.ForgetPage) (contract.ForgetPage, error) {
			if done++; done >= all {
				return contract.ForgetPage{Request: in.Request}, nil
			}
			return contract.ForgetPage{Request: in.Request, After: fmt.Sprint(done)}, nil
		}
	}
	return map[string]any{
		contract.ForgetEndActivity:  pages(ends),
		contract.ForgetRunsActivity: pages(runs),
		contract.ForgetOpenActivity: func(context.Context, contract.ForgetPage) (contract.ForgetOpen, error) {
			open--
			return contract.ForgetOpen{Open: int64(max(0, min(1, open+1)))}, nil
		},
		contract.ForgetCloseActivity: func(context.Context, contract.ForgetPage) error {
			open = 0
			return nil
		},
		contract.ForgetEraseActivity: func(context.Context, contract.ForgetPage) (contract.ForgetMore, error) {
			rows--
			return contract.ForgetMore{More: rows > 0}, nil
		},
	}
}

// failingFirst returns an activity whose first attempt fails.
func failingFirst(act any) any {
	failed := false
	fail := func() error {
		if failed {
			return nil
		}
		failed = true
		return errors.New("the process was killed")
	}
	switch act := act.(type) {
	case func(context.Context, contract.ForgetPage) (contract.ForgetPage, error):
		return func(ctx context.Context, in contract.ForgetPage) (contract.ForgetPage, error) {
			if err := fail(); err != nil {
				return in, err
			}
			return act(ctx, in)
		}
	case func(context.Context, contract.ForgetPage) (contract.ForgetOpen, error):
		return func(ctx context.Context, in contract.ForgetPage) (contract.ForgetOpen, error) {
			if err := fail(); err != nil {
				return contract.ForgetOpen{}, err
			}
			return act(ctx, in)
		}
	case func(context.Context, contract.ForgetPage) (contract.ForgetMore, error):
		return func(ctx context.Context, in contract.ForgetPage) (contract.ForgetMore, error) {
			if err := fail(); err != nil {
				return contract.ForgetMore{}, err
			}
			return act(ctx, in)
		}
	}
	return act
}

// TestRecordOthers runs the workflow types that are no journey on a real server and saves their histories, only with -record.
func TestRecordOthers(t *testing.T) {
	t.Parallel()
	if !*record {
		return
	}
	args := []string{"--search-attribute", contract.AttrCustomer + "=Keyword"}
	plain := devServer(t, args...)
	eager := devServer(t, append(args, "--dynamic-config-value", "limit.historyCount.suggestContinueAsNew=8")...)
	for _, one := range others() {
		t.Run(one.name, func(t *testing.T) {
			if one.renews {
				one.record(t, eager)
				return
			}
			one.record(t, plain)
		})
	}
}

func (o other) record(t *testing.T, c client.Client) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	serving := worker.New(c, "record-"+o.name, worker.Options{})
	Register(serving)
	for name, act := range o.acts() {
		serving.RegisterActivityWithOptions(act, activity.RegisterOptions{Name: name})
	}
	if err := serving.Start(); err != nil {
		t.Fatal(err)
	}
	defer serving.Stop()
	run, err := c.ExecuteWorkflow(ctx, client.StartWorkflowOptions{ID: o.name, TaskQueue: "record-" + o.name}, o.kind, o.input)
	if err != nil {
		t.Fatal(err)
	}
	first := run.GetRunID() // Get goes on to the last of the chain
	if err := run.Get(ctx, nil); err != nil {
		t.Fatal(err)
	}
	for n, next := 1, first; next != ""; n++ {
		name := o.name + ".json"
		if n > 1 {
			name = fmt.Sprintf("%s-%d.json", o.name, n)
		}
		next = save(ctx, t, c, o.name, next, filepath.Join(histories, name))
	}
}
