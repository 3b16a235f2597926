package simulate

import (
	"context"
	"runtime"
	"sync"

	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/journey/scenario"
)

// Job is a scenario to run.
type Job struct {
	Content  *journey.Content
	Test     *scenario.File
	Scenario int
}

// RunAll runs jobs concurrently, at most parallel at a time (0: the number of processors). The results are in the
// order of jobs; nil for those that the end of ctx left out. done, if set, is called with each result as soon as all
// before it are there, one at a time.
func RunAll(ctx context.Context, jobs []Job, parallel int, opts Options, done func(int, Result)) (results []*Result) {
	if parallel <= 0 {
		parallel = runtime.GOMAXPROCS(0)
	}
	results = make([]*Result, len(jobs))
	var mu sync.Mutex
	told := 0
	var workers sync.WaitGroup
	next := 0
	for range min(parallel, len(jobs)) {
		workers.Go(func() {
			for {
				mu.Lock()
				n := next
				next++
				mu.Unlock()
				if n >= len(jobs) || ctx.Err() != nil {
					return
				}
				result := Run(ctx, jobs[n].Content, jobs[n].Test, jobs[n].Scenario, opts)
				if ctx.Err() != nil {
					return // its result only says that it was interrupted
				}
				mu.Lock()
				results[n] = &result
				for done != nil && told < len(jobs) && results[told] != nil {
					done(told, *results[told])
					told++
				}
				mu.Unlock()
			}
		})
	}
	workers.Wait()
	return results
}
