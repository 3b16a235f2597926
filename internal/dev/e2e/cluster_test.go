package e2e

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/zap"

	"github.com/tabi-journeys/tabi/internal/app"
	"github.com/tabi-journeys/tabi/internal/background"
	"github.com/tabi-journeys/tabi/internal/cluster"
	"github.com/tabi-journeys/tabi/internal/enrollment"
	"github.com/tabi-journeys/tabi/internal/unit"
)

// A process with another namespace, on the database of an installation, does not start and changes nothing.
func TestAnotherNamespaceIsRefused(t *testing.T) {
	t.Parallel()
	h := open(t, settings{files: folder(map[string]string{"nudge.yaml": nudge})})
	h.customer("ana")
	h.track("ana", "Start", "", map[string]any{"k": "1"})
	h.parked("nudge/ana/1", "reply")

	other := *h.app.Config
	other.TemporalNS = takeNamespace(t)
	for range 2 {
		_, err := other.Connect(context.Background(), zap.NewNop())
		var stranger *cluster.StrangerError
		if !errors.As(err, &stranger) || app.ExitCode(err) != app.ExitUsage {
			t.Fatalf("started: %v", err)
		}
		for _, name := range []string{h.namespace, other.TemporalNS, "tabi cluster adopt"} {
			if !strings.Contains(err.Error(), name) {
				t.Errorf("%q is not named: %v", name, err)
			}
		}
	}
	open, err := h.Store.Enrollments.List(context.Background(), enrollment.Filter{Live: true})
	if err != nil || len(open) != 1 || open[0].State != unit.StateOpen {
		t.Errorf("%+v, %v", open, err)
	}
}

// A new database does not join a namespace in which another installation has runs: its workers would end them.
func TestOccupiedNamespaceIsRefused(t *testing.T) {
	t.Parallel()
	h := open(t, settings{files: folder(map[string]string{"nudge.yaml": nudge})})
	h.customer("ana")
	h.track("ana", "Start", "", map[string]any{"k": "1"})
	h.parked("nudge/ana/1", "reply")
	other := *h.app.Config
	other.DataDir = t.TempDir()
	other.Database = filepath.Join(other.DataDir, "tabi.db")
	await(t, "the run to be listed", func() error {
		s, err := other.Connect(context.Background(), zap.NewNop())
		if err == nil {
			return errors.Join(errStill, s.Close(), os.Remove(other.Database))
		}
		var occupied *cluster.OccupiedError
		if !errors.As(err, &occupied) || occupied.WorkflowID != "nudge/ana/1" || !strings.Contains(err.Error(), h.namespace) {
			t.Fatal(err)
		}
		return nil
	})
	h.track("ana", "Answered", "", map[string]any{"k": "1"})
	h.parked("nudge/ana/1", "last")
}

// Temporal ends while a gateway and its relay run, and an empty one starts at its address. Nothing is delivered to it and
// nothing is closed; the worker stops. With the right one back, what waited is delivered.
func TestReplacedTemporalHarmsNothing(t *testing.T) {
	t.Parallel()
	dir, port := t.TempDir(), freePort()
	server, err := startTemporal(dir, port, filepath.Join(dir, "right.db"), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { server.Stop(stopPatience) }()
	swap := func(file string) {
		t.Helper()
		server.Stop(stopPatience)
		if server, err = startTemporal(dir, port, filepath.Join(dir, file), nil); err != nil {
			t.Fatal(err)
		}
	}
	h := open(t, settings{files: folder(map[string]string{"nudge.yaml": nudge}), log: zap.NewNop(), more: func(c *app.Config) {
		c.TemporalAddr, c.TemporalNS = local(port), "default"
	}, still: true})
	h.relay()
	stopped := make(chan error, 1)
	work := func() { go func() { stopped <- h.app.RunWorker(context.Background()) }() }
	work()
	h.customer("ana")
	h.track("ana", "Start", "", map[string]any{"k": "1"})
	h.parked("nudge/ana/1", "reply")

	swap("empty.db")
	if err := <-stopped; !cluster.IsStranger(err) {
		t.Fatalf("the worker ended with %v", err)
	}
	h.track("ana", "Answered", "", map[string]any{"k": "1"})
	h.track("ana", "Start", "", map[string]any{"k": "2"})
	await(t, "the relay to notice", func() error {
		if h.app.Home.Stranger() == nil {
			return errStill
		}
		return nil
	})
	if _, err := h.app.Reconciler().Reconcile(context.Background(), background.Options{CloseMissing: true}); !cluster.IsStranger(err) {
		t.Errorf("the reconciler looked: %v", err)
	}
	open, err := h.Store.Enrollments.List(context.Background(), enrollment.Filter{Live: true})
	if err != nil || len(open) != 2 {
		t.Errorf("%+v, %v", open, err)
	}

	swap("right.db")
	await(t, "the relay to see the right one", func() error { return h.app.Home.Stranger() })
	work()
	defer func() {
		swap("empty.db") // ends the worker
		<-stopped
	}()
	h.parked("nudge/ana/1", "last")
	h.parked("nudge/ana/2", "reply")
	if _, err := os.Stat(filepath.Join(dir, "empty.db")); err != nil {
		t.Error(err)
	}
}
