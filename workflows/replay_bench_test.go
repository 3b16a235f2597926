package workflows

import (
	"log/slog"
	"os"
	"testing"

	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/api/temporalproto"
	tlog "go.temporal.io/sdk/log"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/tabi-journeys/tabi/workflows/contract"
)

// BenchmarkReplay replays whole runs: a wait that an event ends, and a shipped journey. A worker does that when
// a run has fallen out of its cache.
func BenchmarkReplay(b *testing.B) {
	for _, name := range []string{"v1-wait_for", "v1-cart-recovery"} {
		b.Run(name, func(b *testing.B) {
			data, err := os.ReadFile(histories + "/" + name + ".json")
			if err != nil {
				b.Fatal(err)
			}
			var h historypb.History
			if err := (temporalproto.CustomJSONUnmarshalOptions{DiscardUnknown: true}).Unmarshal(data, &h); err != nil {
				b.Fatal(err)
			}
			r, err := worker.NewWorkflowReplayerWithOptions(worker.WorkflowReplayerOptions{DisableDeadlockDetection: true})
			if err != nil {
				b.Fatal(err)
			}
			r.RegisterWorkflowWithOptions(Journey, workflow.RegisterOptions{Name: contract.JourneyType})
			silent := tlog.NewStructuredLogger(slog.New(slog.DiscardHandler))
			b.ReportAllocs()
			for b.Loop() {
				if err := r.ReplayWorkflowHistory(silent, &h); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(len(h.Events)), "events/run")
		})
	}
}
