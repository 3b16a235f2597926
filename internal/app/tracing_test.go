package app_test

import (
	"log/slog"
	"path/filepath"
	"testing"

	"go.temporal.io/sdk/interceptor"
	tlog "go.temporal.io/sdk/log"
	"go.temporal.io/sdk/worker"

	"github.com/tabi-journeys/tabi/internal/tracing"
	"github.com/tabi-journeys/tabi/workflows"
)

// Histories that were recorded without traces replay in a worker that traces: the interceptor issues no command.
func TestReplayWithTraces(t *testing.T) {
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
	stop, err := tracing.Begin(t.Context(), "test", "0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = stop(t.Context()) }) // nothing listens
	traced, err := tracing.Interceptors()
	if err != nil || len(traced) != 1 {
		t.Fatalf("%d interceptors, %v", len(traced), err)
	}
	both, ok := traced[0].(interceptor.WorkerInterceptor)
	if !ok {
		t.Fatal("the interceptor does not trace workers")
	}
	files, err := filepath.Glob("../../workflows/testdata/histories/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no histories: %v", err)
	}
	r, err := worker.NewWorkflowReplayerWithOptions(worker.WorkflowReplayerOptions{
		DisableDeadlockDetection: true, Interceptors: []interceptor.WorkerInterceptor{both},
	})
	if err != nil {
		t.Fatal(err)
	}
	workflows.Register(r)
	for _, file := range files {
		if err := r.ReplayWorkflowHistoryFromJSONFile(tlog.NewStructuredLogger(slog.New(slog.DiscardHandler)), file); err != nil {
			t.Errorf("%s: %v", filepath.Base(file), err)
		}
	}
}
