package workflows

import (
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/workflows/contract"
	"github.com/tabi-journeys/tabi/workflows/forget"
)

// perform performs a step and returns the index of the next one. Every step is a named method, because workflowcheck
// checks those.
type perform func(r *run, ctx workflow.Context, step *journey.Step) (next int, err error)

// kinds are the step kinds of this interpreter, one line each. A test compares them with journey.Kinds.
var kinds = []struct {
	name    string
	perform perform
}{
	{"wait", (*run).wait},
	{"wait_for", (*run).waitFor},
	{"branch", (*run).branch},
	{"split", (*run).split},
	{"send", (*run).send},
	{"decide", (*run).decide},
	{"ask", (*run).ask},
	{"handoff", (*run).handoff},
	{"set", (*run).set},
	{"emit", (*run).emit},
	{"call", (*run).call},
	{"activity", (*run).activity},
	{"go_to", (*run).goTo},
	{"exit", (*run).exit},
}

// Kinds returns the names of the step kinds that this interpreter runs.
func Kinds() []string {
	names := make([]string, len(kinds))
	for i, k := range kinds {
		names[i] = k.name
	}
	return names
}

// performer returns the method that performs a kind.
func performer(kind string) (perform, bool) {
	for _, k := range kinds {
		if k.name == kind {
			return k.perform, true
		}
	}
	return nil, false
}

// Register registers all workflow types of tabi with a worker, or with a replayer.
func Register(w worker.WorkflowRegistry) {
	w.RegisterWorkflowWithOptions(Journey, workflow.RegisterOptions{Name: contract.JourneyType})
	w.RegisterWorkflowWithOptions(Track, workflow.RegisterOptions{Name: contract.TrackType})
	forget.Register(w)
}
