package workflows

import (
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
)

var (
	record = flag.Bool("record", false, "record histories anew on a real server, into testdata/histories")
	binary = flag.String("temporal", "../bin/temporal", "the Temporal command line that -record starts")
)

const histories = "testdata/histories"

// historyFiles are called v<interpreter version>-<shape>.json; the later runs of a chain
// v<version>-<shape>-2.json and so on.
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
			if err := replay(file, Journey); err != nil {
				t.Errorf("the interpreter no longer replays what it has run; keep the old behaviour for old versions: %v", err)
			}
		})
	}
	for v := 1; v <= contract.InterpreterVersion; v++ {
		if name := fmt.Sprintf("v%d", v); of[name] == 0 {
			t.Errorf("no history of interpreter version %d in %s: record one with -run TestRecordHistories -record", v, histories)
		}
	}
}

func replay(file string, as any) error {
	r, err := worker.NewWorkflowReplayerWithOptions(
		worker.WorkflowReplayerOptions{DisableDeadlockDetection: true},
	) // a busy machine is no deadlock
	if err != nil {
		return err
	}
	r.RegisterWorkflowWithOptions(as, workflow.RegisterOptions{Name: contract.JourneyType})
	return r.ReplayWorkflowHistoryFromJSONFile(tlog.NewStructuredLogger(slog.New(slog.DiscardHandler)), file)
}

// changedInterpreter is an interpreter that was changed: it orders a timer before all else.
func changedInterpreter(ctx workflow.Context, in Input) (contract.Result, error) {
	workflow.NewTimer(ctx, time.Minute)
	return Journey(ctx, in)
}

func TestReplayNoticesAChangedInterpreter(t *testing.T) {
	t.Parallel()
	for _, file := range historyFiles(t) {
		if err := replay(file, changedInterpreter); err == nil {
			t.Errorf("%s: a timer more was not noticed", file)
		}
	}
}
