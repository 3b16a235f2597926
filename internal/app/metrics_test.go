package app

import (
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	"go.uber.org/zap"

	"github.com/tabi-journeys/tabi/internal/engine"
	"github.com/tabi-journeys/tabi/internal/journey"
	"github.com/tabi-journeys/tabi/internal/offer"
)

func TestBrainMetrics(t *testing.T) {
	t.Parallel()
	st, err := engine.Open(t.Context(), engine.Options{URL: ":memory:"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = st.Close() }()
	now := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	content := &journey.Content{Journeys: map[string]*journey.Definition{}, Messages: map[string]*journey.Message{}, Rules: journey.Rules{
		Groups: map[string][]string{
			"offers": {"gift"},
		}, Actions: map[string]*journey.Action{"gift": {Name: "gift", Group: "offers", Value: "1", Propensity: 0.5}},
	}}
	if _, err := st.Catalog.Publish(t.Context(), now, content); err != nil {
		t.Fatal(err)
	}
	if _, err := st.Offers.DecideInbound(t.Context(), now, offer.Inbound{UserID: "ana", Group: "offers", RequestID: "r"}); err != nil {
		t.Fatal(err)
	}
	m, err := newMetrics(zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	m.registry.MustRegister(brainMetrics{st})
	families, err := m.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, f := range families {
		if f.GetName() == "tabi_decisions_total" || f.GetName() == "tabi_classifier_loaded" {
			got[f.GetName()] = f.GetMetric()[0].String()
		}
	}
	if len(got) != 2 || !strings.Contains(got["tabi_classifier_loaded"], "value:1") {
		t.Errorf("got %v", got)
	}
	own := families[:0]
	for _, f := range families {
		if strings.HasPrefix(f.GetName(), "tabi_") {
			own = append(own, f)
		}
	}
	problems, err := promlint.NewWithMetricFamilies(own).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}
