package gateway

import (
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
)

// TestMetricsFollowConventions checks the metrics by the rules of promtool check metrics.
func TestMetricsFollowConventions(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	h.enter()
	got := h.do("GET", "/metrics", "", "Authorization: Bearer "+adminToken)
	problems, err := promlint.New(strings.NewReader(got.body)).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
	for _, want := range []string{"tabi_events_total ", "tabi_outbox_depth ", "tabi_store_up 1"} {
		if !strings.Contains(got.body, "\n"+want) {
			t.Errorf("/metrics lacks %q", want)
		}
	}
}
