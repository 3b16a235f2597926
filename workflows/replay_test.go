package workflows

import (
	"encoding/json"
	"flag"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	tlog "go.temporal.io/sdk/log"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/tabi-journeys/tabi/workflows/contract"
	"github.com/tabi-journeys/tabi/workflows/forget"
)

var (
	record = flag.Bool("record", false, "record histories anew on a real server, into testdata/histories")
	binary = flag.String("temporal", "../bin/temporal", "the Temporal command line that -record starts")
)

const histories = "testdata/histories"

// historyFiles are called v<interpreter version>-<shape>.json where they are of a journey; the later runs of a chain
// v<version>-<shape>-2.json and so on. Those of other workflow types begin with the type instead: forget-normal.json.
func historyFiles(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob(histories + "/*.json")
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func TestReplay(t *testing.T) {
	t.Parallel()
	of := map[string]int{}
	for _, file := range historyFiles(t) {
		of[strings.SplitN(filepath.Base(file), "-", 2)[0]]++
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			if err := replay(file, Register); err != nil {
				t.Errorf("the interpreter no longer replays what it has run; keep the old behaviour for old versions: %v", err)
			}
		})
	}
	for v := 1; v <= contract.InterpreterVersion; v++ {
		if name := fmt.Sprintf("v%d", v); of[name] == 0 {
			t.Errorf("no history of interpreter version %d in %s: record one with -run TestRecordHistories -record", v, histories)
		}
	}
	if of["forget"] == 0 {
		t.Errorf("no history of %s in %s: record one with -run TestRecordOthers -record", contract.ForgetType, histories)
	}
}

// types collects the workflow types that are registered.
type types map[string]any

func (r types) RegisterWorkflow(any) {}

func (r types) RegisterWorkflowWithOptions(f any, o workflow.RegisterOptions) { r[o.Name] = f }

func (r types) RegisterDynamicWorkflow(any, workflow.DynamicRegisterOptions) {}

// TestEveryTypeIsRecorded: a new workflow type has histories, by which a change of it is noticed.
func TestEveryTypeIsRecorded(t *testing.T) {
	t.Parallel()
	registered := types{}
	Register(registered)
	recorded := map[string]bool{contract.JourneyType: true}
	for _, one := range others() {
		recorded[one.kind] = true
	}
	for name := range registered {
		if !recorded[name] {
			t.Errorf("nothing records the workflow type %s: add it to others", name)
		}
	}
	if len(registered) != len(recorded) {
		t.Errorf("%d workflow types are registered, and %d are recorded", len(registered), len(recorded))
	}
}

func replay(file string, register func(worker.WorkflowRegistry)) error {
	r, err := worker.NewWorkflowReplayerWithOptions(
		worker.WorkflowReplayerOptions{DisableDeadlockDetection: true},
	) // a busy machine is no deadlock
	if err != nil {
		return err
	}
	register(r)
	return r.ReplayWorkflowHistoryFromJSONFile(tlog.NewStructuredLogger(slog.New(slog.DiscardHandler)), file)
}

// registerChanged registers types that were changed: each orders a timer before all else.
func registerChanged(w worker.WorkflowRegistry) {
	w.RegisterWorkflowWithOptions(func(ctx workflow.Context, in Input) (contract.Result, error) {
		workflow.NewTimer(ctx, time.Minute)
		return Journey(ctx, in)
	}, workflow.RegisterOptions{Name: contract.JourneyType})
	w.RegisterWorkflowWithOptions(func(ctx workflow.Context, in json.RawMessage) (contract.TrackResult, error) {
		workflow.NewTimer(ctx, time.Minute)
		return Track(ctx, in)
	}, workflow.RegisterOptions{Name: contract.TrackType})
	w.RegisterWorkflowWithOptions(func(ctx workflow.Context, in contract.ForgetInput) error {
		workflow.NewTimer(ctx, time.Minute)
		return forget.Forget(ctx, in)
	}, workflow.RegisterOptions{Name: contract.ForgetType})
}

func TestReplayNoticesAChangedInterpreter(t *testing.T) {
	t.Parallel()
	for _, file := range historyFiles(t) {
		if err := replay(file, registerChanged); err == nil {
			t.Errorf("%s: a timer more was not noticed", file)
		}
	}
}
