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
)

// metrics carries the SDK's figures, and Go's own, to Prometheus.
type metrics struct {
	registry *prometheus.Registry
	provider *metric.MeterProvider
	handler  client.MetricsHandler
}

func newMetrics(log *zap.Logger) (*metrics, error) {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
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
