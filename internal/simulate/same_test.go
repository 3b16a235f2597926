package simulate

import (
	"runtime"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The same scenario takes the same course every time: on one processor, on eight, and while others work as hard
// as they can. It is not parallel, for it changes how many processors there are.
func TestScenariosAreDeterministic(t *testing.T) {
	jobs := everything(load(t, "testdata/rules"))
	before := runtime.GOMAXPROCS(0)
	defer runtime.GOMAXPROCS(before)
	want := map[int]string{}
	for _, round := range []struct {
		processors, times int
		busy              int
	}{{processors: before, times: 1}, {processors: 1, times: 1}, {processors: 8, times: 1}, {processors: 4, times: 1, busy: 2}} {
		runtime.GOMAXPROCS(round.processors)
		stop := make(chan struct{})
		var others sync.WaitGroup
		for range round.busy {
			others.Go(func() {
				for n := 0; ; n++ {
					select {
					case <-stop:
						return
					default:
					}
				}
			})
		}
		for range round.times {
			compare(t, jobs, want)
		}
		close(stop)
		others.Wait()
	}
	// One of many enrollments, timers of the same moment and events between them, fifty times.
	for n, j := range jobs {
		if s := j.Test.Scenarios[j.Scenario]; s.Name == "two instances with a timer at the same moment" {
			many := make([]Job, 50)
			for i := range many {
				many[i] = j
			}
			for _, r := range RunAll(t.Context(), many, 8, Options{}, nil) {
				if diff := cmp.Diff(want[n], told(*r)); diff != "" {
					t.Fatalf("another course (-first +now):\n%s", diff)
				}
			}
		}
	}
}

// compare runs all jobs and holds their stories against the first.
func compare(t *testing.T, jobs []Job, want map[int]string) {
	t.Helper()
	for n, r := range RunAll(t.Context(), jobs, 4, Options{}, nil) {
		got := told(*r)
		if _, known := want[n]; !known {
			want[n] = got
		}
		if diff := cmp.Diff(want[n], got); diff != "" {
			t.Fatalf("%s, %s: another course (-first +now):\n%s", r.Journey, r.Name, diff)
		}
	}
}
