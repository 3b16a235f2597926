package app

import (
	"context"
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	otelprom "go.opentelemetry.io/otel/exporters/prometheus"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/contrib/opentelemetry"
	"go.uber.org/zap"

	"github.com/tabi-journeys/tabi/activities/render"
	"github.com/tabi-journeys/tabi/internal/engine"
)

// metrics exports the metrics of the Temporal SDK, Go and this process to Prometheus.
type metrics struct {
	registry *prometheus.Registry
	provider *metric.MeterProvider
	handler  client.MetricsHandler
}

func newMetrics(log *zap.Logger) (*metrics, error) {
	registry := prometheus.NewRegistry()
	registry.MustRegister(templateMetrics{}, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	exporter, err := otelprom.New(otelprom.WithRegisterer(registry), otelprom.WithoutScopeInfo())
	if err != nil {
		return nil, fmt.Errorf("metrics: %w", err)
	}
	provider := metric.NewMeterProvider(metric.WithReader(exporter))
	return &metrics{
		registry: registry, provider: provider,
		handler: opentelemetry.NewMetricsHandler(opentelemetry.MetricsHandlerOptions{
			Meter: provider.Meter("temporal"), UseMonotonicCounters: true,
			OnError: func(err error) { log.Warn("a metric was lost", zap.Error(err)) },
		}),
	}, nil
}

func (m *metrics) close(ctx context.Context) error { return m.provider.Shutdown(ctx) }

var (
	descDecided = prometheus.NewDesc(
		"tabi_decisions_total",
		"Decisions that this process made, by direction (outbound, inbound) and outcome: chosen, or why no action was.",
		[]string{"direction", "outcome"},
		nil,
	)
	descLoaded = prometheus.NewDesc(
		"tabi_classifier_loaded",
		"Whether the text classifier in use is loaded: 1 (also if there is none), or 0, and messages get no intent.",
		nil,
		nil,
	)
)

var descOddValues = prometheus.NewDesc(
	"tabi_template_odd_values_total",
	"Values that a template's filter could not use and was rendered without, by filter.",
	[]string{"filter"},
	nil,
)

// templateMetrics collects what this process counts about its templates.
type templateMetrics struct{}

// Describe implements prometheus.Collector.
func (templateMetrics) Describe(out chan<- *prometheus.Desc) { out <- descOddValues }

// Collect implements prometheus.Collector.
func (templateMetrics) Collect(out chan<- prometheus.Metric) {
	for filter, n := range render.OddValues() {
		out <- prometheus.MustNewConstMetric(descOddValues, prometheus.CounterValue, float64(n), filter)
	}
}

// brainMetrics collects what this process counts about its decisions.
type brainMetrics struct{ store *engine.Engine }

// Describe implements prometheus.Collector.
func (b brainMetrics) Describe(out chan<- *prometheus.Desc) { out <- descDecided; out <- descLoaded }

// Collect implements prometheus.Collector.
func (b brainMetrics) Collect(out chan<- prometheus.Metric) {
	for kind, n := range b.store.Offers.Decided() {
		out <- prometheus.MustNewConstMetric(descDecided, prometheus.CounterValue, float64(n), kind.Direction, kind.Outcome)
	}
	loaded := 1.0
	if b.store.Intents.ClassifierBroken() {
		loaded = 0
	}
	out <- prometheus.MustNewConstMetric(descLoaded, prometheus.GaugeValue, loaded)
}
