package app

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.temporal.io/sdk/worker"
	"go.uber.org/zap"

	"github.com/tabi-journeys/tabi/activities"
	"github.com/tabi-journeys/tabi/activities/call"
	"github.com/tabi-journeys/tabi/activities/forget"
	"github.com/tabi-journeys/tabi/internal/cluster"
	"github.com/tabi-journeys/tabi/internal/gateway"
	"github.com/tabi-journeys/tabi/internal/relay"
	"github.com/tabi-journeys/tabi/internal/signedlink"
	"github.com/tabi-journeys/tabi/workflows"
	"github.com/tabi-journeys/tabi/workflows/contract"
	"github.com/tabi-journeys/tabi/workflows/testsend"
)

const (
	// homeEvery is how often a worker makes sure that Temporal is still the right one. It asks only where the
	// connection is new or the last answer is old.
	homeEvery = time.Second
	// attemptGrace is how long running attempts to send may take once the process is asked to stop. Then they are
	// canceled and settled by what is known: not sent, or unknown.
	attemptGrace = 5 * time.Second
	// workerStop is how long a worker waits for what is in progress, including attempts to send and their settling.
	// The SDK waits that long for each of its parts in turn, so the total may be more; StopWithin bounds it.
	workerStop = 7 * time.Second
)

// WorkerOptions are those of every worker of tabi.
func (c *Config) WorkerOptions() worker.Options {
	return worker.Options{
		// Fixed pollers let some first tasks wait for seconds; these follow the load.
		WorkflowTaskPollerBehavior:              worker.NewPollerBehaviorAutoscaling(worker.PollerBehaviorAutoscalingOptions{}),
		ActivityTaskPollerBehavior:              worker.NewPollerBehaviorAutoscaling(worker.PollerBehaviorAutoscalingOptions{}),
		MaxConcurrentWorkflowTaskExecutionSize:  c.WorkflowTasks,
		MaxConcurrentActivityExecutionSize:      c.Activities,
		MaxConcurrentLocalActivityExecutionSize: c.LocalActivities,
		DisableRegistrationAliasing:             true,
		WorkerStopTimeout:                       workerStop,
	}
}

// RunWorker serves workflows and activities until ctx ends, then lets what is in progress finish.
func (s *Services) RunWorker(ctx context.Context) error {
	chosen := s.Config.Channels
	chosen.Proofs = s.LinkSecrets
	chosen.EmailCurrent = s.Config.current("TABI_EMAIL_URL", chosen.EmailURL, s.Log)
	opened, err := s.Config.Build.registry().Open(chosen)
	if err != nil {
		return &ExitError{Code: ExitUsage, Err: err}
	}
	defer func() {
		if err := s.Config.Build.registry().Close(opened); err != nil {
			s.Log.Warn("could not close the channels", zap.Error(err))
		}
	}()
	c := s.Config
	allow, err := c.callAllow()
	if err != nil {
		return err
	}
	ends, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(attemptGrace, end) })()
	calls := call.New(call.Options{Allow: allow, Version: Version})
	defer calls.Close()
	worker.SetStickyWorkflowCacheSize(c.StickyCache)
	fatal := make(chan error, 1)
	options := c.WorkerOptions()
	options.OnFatalError = func(err error) {
		select {
		case fatal <- err:
		default:
		}
	}
	serving, err := s.workerClient(ctx)
	if err != nil {
		return fmt.Errorf("cannot start the worker: %w", err)
	}
	defer serving.Close()
	w := worker.New(serving, contract.TaskQueue, options)
	workflows.Register(w)
	testsend.Register(w)
	activities.Register(w, activities.New(activities.Config{
		Rooms: ActivityRooms(s.Store), Channels: opened, Specs: s.Config.Build.Specs(), Clock: s.Clock,
		Logger: s.Log.Named("activities"),
		Links:  signedlink.Links{PublicURL: c.PublicURL, TrackURL: c.TrackURL, Secrets: s.LinkSecrets, Users: s.Secrets}, Call: calls,
		Tracking: c.tracking(),
		Ends:     ends,
		Limits:   s.limits, Trusted: c.TemporalTrusted, Pseudonyms: c.Pseudonyms == "on",
		Doors: s.doors, Registry: s.metrics.registry,
	}))
	forget.Register(w, forget.New(forget.Config{
		Erasure: s.Store.Erasure, Client: s.Temporal, Namespace: s.options.Namespace, Clock: s.Clock,
		EnrollmentOf: relay.EnrollmentOf, Logger: s.Log.Named("forget"),
	}))
	if err := w.Start(); err != nil {
		return fmt.Errorf("cannot start the worker: %w", err)
	}
	defer w.Stop()
	s.Log.Info("worker running", zap.String("version", Version), zap.String("task_queue", contract.TaskQueue))
	look := time.NewTicker(homeEvery)
	defer look.Stop()
	for {
		select {
		case err := <-fatal:
			return fmt.Errorf("the worker cannot continue: %w", err)
		case <-ctx.Done():
			return nil
		case <-look.C:
			// The runs of a stranger must not be served: their enrollments are unknown here, so they would end.
			if err := s.Home.Verified(ctx); cluster.IsStranger(err) {
				return fmt.Errorf("the worker stops: %w", err)
			}
		}
	}
}

// WorkerHealth serves a worker's /healthz, /readyz and /metrics until ctx ends.
func (s *Services) WorkerHealth(ctx context.Context, l net.Listener) error {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok\n")) })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), closeTimeout)
		defer cancel()
		for name, check := range map[string]func(context.Context) error{"database": s.Store.Database.Ping, "Temporal": s.TemporalReady} {
			if err := check(ctx); err != nil {
				s.Log.Warn("not ready", zap.String("part", name), zap.Error(err))
				http.Error(w, name+" cannot be reached", http.StatusServiceUnavailable)
				return
			}
		}
		_, _ = w.Write([]byte("ok\n"))
	})
	mux.Handle("GET /metrics", promhttp.HandlerFor(s.metrics.registry, promhttp.HandlerOpts{}))
	return gateway.Serve(ctx, gateway.Server(mux, s.Log), l)
}
