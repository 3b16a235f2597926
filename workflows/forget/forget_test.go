package forget

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/testsuite"

	"github.com/tabi-journeys/tabi/workflows/contract"
)

// fake does the activities: three pages to end, two of runs, three of rows, and open enrollments that end after some looks.
type fake struct {
	opens, looks, erased int
	fail                 int // the attempt, of all, that fails
	attempts             int
	did                  []string
}

func (f *fake) attempt(name string) error {
	f.attempts++
	if f.attempts == f.fail {
		return errors.New("the process was killed")
	}
	if len(f.did) == 0 || f.did[len(f.did)-1] != name {
		f.did = append(f.did, name)
	}
	return nil
}

func (f *fake) page(name string, pages int) func(context.Context, contract.ForgetPage) (contract.ForgetPage, error) {
	return func(_ context.Context, in contract.ForgetPage) (contract.ForgetPage, error) {
		if err := f.attempt(name); err != nil {
			return in, err
		}
		at := 0
		_, _ = fmt.Sscan(in.After, &at)
		if at++; at == pages {
			return contract.ForgetPage{Request: in.Request}, nil
		}
		return contract.ForgetPage{Request: in.Request, After: fmt.Sprint(at)}, nil
	}
}

func (f *fake) register(env *testsuite.TestWorkflowEnvironment) {
	for name, do := range map[string]any{
		contract.ForgetEndActivity:  f.page("end", 3),
		contract.ForgetRunsActivity: f.page("runs", 2),
		contract.ForgetOpenActivity: func(context.Context, contract.ForgetPage) (contract.ForgetOpen, error) {
			if err := f.attempt("open"); err != nil {
				return contract.ForgetOpen{}, err
			}
			if f.looks++; f.looks >= f.opens {
				return contract.ForgetOpen{}, nil
			}
			return contract.ForgetOpen{Open: 1}, nil
		},
		contract.ForgetCloseActivity: func(context.Context, contract.ForgetPage) error {
			if err := f.attempt("close"); err != nil {
				return err
			}
			f.looks = f.opens
			return nil
		},
		contract.ForgetEraseActivity: func(context.Context, contract.ForgetPage) (contract.ForgetMore, error) {
			if err := f.attempt("erase"); err != nil {
				return contract.ForgetMore{}, err
			}
			f.erased++
			return contract.ForgetMore{More: f.erased < 3}, nil
		},
	} {
		env.RegisterActivityWithOptions(do, activity.RegisterOptions{Name: name})
	}
}

func run(t *testing.T, f *fake) error {
	t.Helper()
	var suite testsuite.WorkflowTestSuite
	env := suite.NewTestWorkflowEnvironment()
	Register(env)
	f.register(env)
	env.ExecuteWorkflow(contract.ForgetType, contract.ForgetInput{Request: "r1"})
	if !env.IsWorkflowCompleted() {
		t.Fatal("it does not end")
	}
	return env.GetWorkflowError()
}

// TestOrderHoldsWhicheverAttemptFails: enrollments end before runs are deleted, runs are deleted before rows, and a process that is killed
// at any attempt costs that attempt.
func TestOrderHoldsWhicheverAttemptFails(t *testing.T) {
	t.Parallel()
	for fail := range 13 {
		f := &fake{opens: 3, fail: fail}
		if err := run(t, f); err != nil {
			t.Fatalf("attempt %d fails: %v", fail, err)
		}
		if got := fmt.Sprint(f.did); got != "[end open runs erase]" {
			t.Errorf("attempt %d fails: %s", fail, got)
		}
	}
}

// TestRunsThatDoNotEndAreTerminated: after a minute.
func TestRunsThatDoNotEndAreTerminated(t *testing.T) {
	t.Parallel()
	f := &fake{opens: 1000}
	if err := run(t, f); err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(f.did); got != "[end open close open runs erase]" {
		t.Error(got)
	}
}

// TestGoesOnWithTheRows: a run that continued as new does not begin again.
func TestGoesOnWithTheRows(t *testing.T) {
	t.Parallel()
	f := &fake{}
	var suite testsuite.WorkflowTestSuite
	env := suite.NewTestWorkflowEnvironment()
	Register(env)
	f.register(env)
	env.ExecuteWorkflow(contract.ForgetType, contract.ForgetInput{Request: "r1", Erasing: true})
	if err := env.GetWorkflowError(); err != nil || fmt.Sprint(f.did) != "[erase]" {
		t.Error(f.did, err)
	}
}
