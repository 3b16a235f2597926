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

// RunAll runs jobs beside each other, at most parallel at a time (0: as many as there are processors). results
// are those of jobs, in their order; those that ctx's end left out are nil. done, if set, is told of each
// result as soon as those before it are there, one at a time.
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
					return // what it says is that it was interrupted
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
