package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/sdk/client"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/tabi-journeys/tabi/internal/childproc"
	"github.com/tabi-journeys/tabi/internal/codec"
	"github.com/tabi-journeys/tabi/internal/unit"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// keptLateHistories is the number of histories kept of enrollments with late sends.
const keptLateHistories = 5

// histories compares the results of the runs in Temporal with the store and replays every history on the new build.
// It keeps the histories of enrollments that cannot be explained, and of the latest sends.
func (r *result) histories(ctx context.Context, g *cluster, f *snapshot) error {
	c, by, done, err := g.decrypted(ctx)
	if err != nil {
		return err
	}
	defer done()
	if err := r.results(ctx, c, f); err != nil {
		return err
	}
	for _, l := range r.late[:min(len(r.late), keptLateHistories)] {
		r.keepHistory = append(r.keepHistory, l.e)
	}
	for _, e := range r.keepHistory {
		if err := keepHistory(ctx, c, by, e, g.o.dir); err != nil {
			logf("cannot keep the history of %s: %v", e.workflow, err)
		}
	}
	cmd := exec.CommandContext(
		ctx,
		g.programs[1].tabi,
		"replay",
		"--from-server",
		"--limit",
		strconv.Itoa(4*len(f.enrollments)+1),
		"--output",
		"json",
	)
	cmd.Env = append(childproc.Environment(os.Environ()), "TEMPORAL_ADDRESS="+g.temporalAddress(),
		"TABI_DATABASE="+g.database.url, "TABI_MASTER_KEYS="+g.masterKey)
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
	known := map[string]bool{}
	left := 0
	for _, e := range f.enrollments {
		if !unit.IsPseudonym(e.customer) {
			known[e.workflow] = true
			left++
		}
	}
	for _, h := range report.Histories {
		switch {
		case h.OK:
		case strings.Contains(h.Reason, "cannot decrypt") && !slices.ContainsFunc(slices.Collect(maps.Keys(known)),
			func(id string) bool { return strings.Contains(h.Name, id) }):
			r.unreadable++ // of a forgotten customer, and Temporal has not deleted it
		default:
			r.unexplained("the history of %s does not replay: %s", h.Name, h.Reason)
		}
	}
	if report.Passed < left {
		r.unexplained("%d histories replay, want at least one for each of %d enrollments", report.Passed, left)
	}
	return nil
}

// results compares the outcome of every enrollment with the one in Temporal.
func (r *result) results(ctx context.Context, c client.Client, f *snapshot) error {
	todo := make(chan *enrollment)
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
	for _, e := range f.enrollments {
		if e.state == "closed" && !unit.IsPseudonym(e.customer) {
			todo <- e
		}
	}
	close(todo)
	wg.Wait()
	return ctx.Err()
}

func ended(ctx context.Context, c client.Client, e *enrollment) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	var result contract.Result
	err := c.GetWorkflow(ctx, e.workflow, e.chain).Get(ctx, &result)
	return result.Outcome, err
}

// keepHistory writes the history of an enrollment's run next to the logs, in the form that `tabi replay` and
// Temporal's own tools read.
func keepHistory(ctx context.Context, c client.Client, by *codec.Codec, e *enrollment, dir string) error {
	var h historypb.History
	for events := c.GetWorkflowHistory(ctx, e.workflow, e.chain, false, enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT); events.HasNext(); {
		event, err := events.Next()
		if err != nil {
			return err
		}
		h.Events = append(h.Events, event)
	}
	if err := codec.DecodeHistory(ctx, by, &h); err != nil {
		return err
	}
	text, err := protojson.Marshal(&h)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "history-"+e.id+".json"), text, 0o600)
}
