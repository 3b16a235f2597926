package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"time"

	"go.temporal.io/sdk/client"

	"github.com/tabi-journeys/tabi/internal/process"
	"github.com/tabi-journeys/tabi/workflows"
)

// histories holds the results of the runs in Temporal against the store, and replays every history on both builds' interpreter.
func (r *result) histories(ctx context.Context, g *ground, f *facts) error {
	if err := r.results(ctx, g, f); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, g.programs[1].tabi, "replay", "--from-server", "--limit", strconv.Itoa(4*len(f.enrolments)+1), "--output", "json")
	cmd.Env = append(process.Environment(os.Environ()), "TEMPORAL_ADDRESS="+g.temporalAddress())
	cmd.Dir = g.o.dir
	var said strings.Builder
	cmd.Stderr = &said
	out, err := cmd.Output()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return err
	}
	var report struct {
		Histories []struct {
			Name, Reason string
			OK           bool
		}
		Passed, Failed int
	}
	if err := json.Unmarshal(out, &report); err != nil {
		return fmt.Errorf("tabi replay: %w: %s", err, said.String())
	}
	r.replayed = report.Passed + report.Failed
	for _, h := range report.Histories {
		if !h.OK {
			r.unexplained("the history of %s does not replay: %s", h.Name, h.Reason)
		}
	}
	if report.Passed < len(f.enrolments) {
		r.unexplained("%d histories replay, and there are %d enrolments", report.Passed, len(f.enrolments))
	}
	return nil
}

// results asks Temporal for the outcome of every enrolment.
func (r *result) results(ctx context.Context, g *ground, f *facts) error {
	c, err := client.DialContext(ctx, client.Options{HostPort: g.temporalAddress(), Logger: quiet{}})
	if err != nil {
		return err
	}
	defer c.Close()
	todo := make(chan *enrolment)
	var wg sync.WaitGroup
	var mu sync.Mutex
	for range 8 {
		wg.Go(func() {
			for e := range todo {
				got, err := ended(ctx, c, e)
				if err != nil || got != e.outcome {
					mu.Lock()
					r.unexplained("%s (%s): Temporal says %q (%v), the store %q", e.workflow, e.id, got, err, e.outcome)
					mu.Unlock()
				}
			}
		})
	}
	for _, e := range f.enrolments {
		if e.state == "closed" {
			todo <- e
		}
	}
	close(todo)
	wg.Wait()
	return ctx.Err()
}

func ended(ctx context.Context, c client.Client, e *enrolment) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	var result workflows.Result
	err := c.GetWorkflow(ctx, e.workflow, e.chain).Get(ctx, &result)
	return result.Outcome, err
}
