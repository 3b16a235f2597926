package ratelimit

import (
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"github.com/tabi-journeys/tabi/internal/clock"
)

// TestMetricsFollowConventions checks the metrics by the rules of promtool check metrics.
func TestMetricsFollowConventions(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewRegistry()
	l := New(nil, clock.Wall, nil, registry)
	l.waits.WithLabelValues("email", "rate").Inc()
	l.asked.WithLabelValues("email").Inc()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	if len(families) != 3 {
		t.Errorf("%d metrics, want 3", len(families))
	}
	problems, err := promlint.NewWithMetricFamilies(families).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}
