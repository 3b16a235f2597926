package tracing

import (
	"context"
	"slices"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
	"go.temporal.io/sdk/contrib/opentelemetry"
	"go.temporal.io/sdk/interceptor"
)

// shown are the attributes of the SDK's spans that hold no customer. A workflow id has the customer's id in it, and so has the id of
// an update.
var shown = []attribute.Key{"temporalRunID", "temporalActivityID"}

// Interceptors returns what carries traces through a client of Temporal and its workers: none unless tracing is enabled. They add a
// header to starts, updates and activities, and no command, so that a history replays with and without them.
func Interceptors() ([]interceptor.ClientInterceptor, error) {
	if !Enabled() {
		return nil, nil
	}
	traced, err := opentelemetry.NewTracingInterceptor(opentelemetry.TracerOptions{
		DisableQueryTracing: true, DisableBaggage: true, TextMapPropagator: format,
		AllowInvalidParentSpans: true, // a header of another client must not fail a run
		SpanStarter: func(ctx context.Context, t trace.Tracer, name string, options ...trace.SpanStartOption) trace.Span {
			_, span := t.Start(ctx, name, options...)
			return silent{span}
		},
	})
	if err != nil {
		return nil, err
	}
	return []interceptor.ClientInterceptor{traced}, nil
}

// silent is a span without attributes that hold a customer. It records that something failed, and not the error's text.
type silent struct{ trace.Span }

// SetAttributes implements trace.Span.
func (s silent) SetAttributes(all ...attribute.KeyValue) {
	s.Span.SetAttributes(slices.DeleteFunc(slices.Clone(all), func(a attribute.KeyValue) bool {
		return !slices.Contains(shown, a.Key)
	})...)
}

// SetStatus implements trace.Span.
func (s silent) SetStatus(code codes.Code, _ string) { s.Span.SetStatus(code, "") }

// RecordError implements trace.Span.
func (s silent) RecordError(error, ...trace.EventOption) {}

// AddEvent implements trace.Span.
func (s silent) AddEvent(string, ...trace.EventOption) {}
