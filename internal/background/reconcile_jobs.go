package background

import (
	"context"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
)

// reconciled is what the jobs of this process found in their last pass through all enrollments, and all runs.
type reconciled struct {
	mu               sync.Mutex
	missing, orphans int
	alarm            bool // a page of the pass in progress, or of the last one, had too many
}

// closeGone returns a page that walks through the open enrollments, a page each ReconcileEvery, so that a large
// installation does not ask Temporal about all of them at once.
func (j *Jobs) closeGone() func(context.Context) (bool, error) {
	after, missing, alarmed := "", 0, false
	return func(ctx context.Context) (more bool, err error) {
		var report Report
		next, err := j.reconciler.closeGone(ctx, after, Options{}, &report)
		for _, c := range report.Closed {
			j.cfg.Logger.Warn("closed an enrollment whose run has ended without its report, or is gone",
				zap.String("enrollment", c.Enrollment), zap.String("outcome", c.Outcome), zap.String("reason", c.Reason))
		}
		if err != nil {
			return false, err
		}
		after, missing = next, missing+len(report.Missing)
		if report.Alarm != "" {
			if !alarmed {
				j.cfg.Logger.Error("enrollments have lost their runs", zap.String("alarm", report.Alarm))
			}
			alarmed = true
		}
		j.found.mu.Lock()
		defer j.found.mu.Unlock()
		j.found.alarm = j.found.alarm || alarmed
		if next == "" {
			if j.found.alarm && !alarmed {
				j.cfg.Logger.Info("enrollments have their runs again, or are closed")
			}
			j.found.missing, j.found.alarm = missing, alarmed
			missing, alarmed = 0, false
		}
		return false, nil
	}
}

// lookAtRuns returns a page that walks through the open runs, a page each ReconcileEvery. After an error it begins again,
// since a page's token may have expired.
func (j *Jobs) lookAtRuns() func(context.Context) (bool, error) {
	var page []byte
	orphans := 0
	return func(ctx context.Context) (more bool, err error) {
		if len(page) == 0 {
			orphans = 0
		}
		var report Report
		page, err = j.reconciler.lookAtRuns(ctx, page, Options{}, &report)
		for _, c := range report.Terminated {
			j.cfg.Logger.Warn("terminated a run whose enrollment is closed", zap.String("enrollment", c.Enrollment),
				zap.String("reason", c.Reason))
		}
		if err != nil {
			return false, err
		}
		if orphans += len(report.Orphans); len(page) == 0 {
			j.found.mu.Lock()
			defer j.found.mu.Unlock()
			if orphans > 0 && j.found.orphans == 0 {
				j.cfg.Logger.Warn("Temporal has runs whose enrollment the database does not know; tabi reconcile lists them",
					zap.Int("runs", orphans))
			}
			j.found.orphans = orphans
		}
		return false, nil
	}
}

var (
	descMissing = prometheus.NewDesc("tabi_enrollments_missing_runs",
		"Open enrollments that had no run in Temporal when this process last went through all of them.", nil, nil)
	descOrphans = prometheus.NewDesc("tabi_orphan_runs",
		"Open runs whose enrollment the database does not know, when this process last went through all of them.", nil, nil)
	descAlarm = prometheus.NewDesc("tabi_reconcile_alarm",
		"1 while so many enrollments have no run in Temporal that none of them is closed; otherwise 0.", nil, nil)
)

// Describe implements prometheus.Collector.
func (j *Jobs) Describe(out chan<- *prometheus.Desc) {
	out <- descMissing
	out <- descOrphans
	out <- descAlarm
	j.deleted.Describe(out)
	j.reactions.Describe(out)
	j.turn.passed.Describe(out)
}

// Collect implements prometheus.Collector.
func (j *Jobs) Collect(out chan<- prometheus.Metric) {
	j.deleted.Collect(out)
	j.reactions.Collect(out)
	j.turn.passed.Collect(out)
	j.found.mu.Lock()
	defer j.found.mu.Unlock()
	alarm := 0.0
	if j.found.alarm {
		alarm = 1
	}
	out <- prometheus.MustNewConstMetric(descMissing, prometheus.GaugeValue, float64(j.found.missing))
	out <- prometheus.MustNewConstMetric(descOrphans, prometheus.GaugeValue, float64(j.found.orphans))
	out <- prometheus.MustNewConstMetric(descAlarm, prometheus.GaugeValue, alarm)
}
