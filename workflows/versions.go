package workflows

import (
	"fmt"

	"github.com/tabi-journeys/tabi/workflows/contract"
)

// The interpreter is versioned, because Temporal replays a running enrollment's history through the code of today.
// If the code of today orders anything else at any place (a timer more, an activity with another name), the run stops.
//
// A run starts with contract.InterpreterVersion of the worker that started it, keeps that version until it continues as
// new, and then takes the version of the worker that continues it. A change that alters what an old history ordered
// therefore raises the version and keeps the old behavior for older runs. Each such change is one method here, named
// after the new behavior, and the code asks the method instead of comparing numbers:
//
//	// lateEventsWait: since version 2 an event that came after a deadline belongs to the next step.
//	func (r *run) lateEventsWait() bool { return r.in.Interpreter >= 2 }
//
// Histories of every version are in testdata/histories. TestReplay replays them, and `tabi replay` does the same with
// live runs before a deploy. Delete a method together with its old branch and its histories once no run of the older
// version is open.
//
// See docs/decisions/0002.

// checkVersion panics if a newer worker started or continued the run. The panic fails the workflow task, not the run:
// Temporal repeats the task until a worker of the newer build takes it.
func checkVersion(in Input) {
	if in.Interpreter > contract.InterpreterVersion {
		panic(fmt.Sprintf("the run needs interpreter %d, this worker has %d: deploy the newer worker",
			in.Interpreter, contract.InterpreterVersion))
	}
}
