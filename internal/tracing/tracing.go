// Package tracing follows a call from its HTTP request through the outbox and its run to the send that it caused, by OpenTelemetry.
//
// Nothing is traced unless the environment names a collector (OTEL_EXPORTER_OTLP_ENDPOINT). A span says which part worked, for how
// long, and on which journey, step and message; it holds no customer, no id that contains one, and no text of an error, because what
// providers answer may repeat an address. Providers and the hosts of call steps get no trace context.
package tracing

import (
	"context"
	"errors"
	"net/http"
	"os"
	"strings"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// scope names the spans of tabi's own code.
const scope = "github.com/tabi-journeys/tabi"

var format = propagation.TraceContext{}

// Enabled reports whether the environment names a collector, and does not turn traces off.
func Enabled() bool {
	endpoint := os.Getenv("OTEL_EXPORTER_OTLP_ENDPOINT") + os.Getenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
	return endpoint != "" && os.Getenv("OTEL_TRACES_EXPORTER") != "none" && !strings.EqualFold(os.Getenv("OTEL_SDK_DISABLED"), "true")
}

// Begin exports the spans of this process, if tracing is enabled, until the function that it returns is called. name and version say
// which process it is, unless OTEL_SERVICE_NAME does. Address, headers, certificates, sampling and batches come from the standard
// variables OTEL_*; the protocol is OTLP over HTTP.
func Begin(ctx context.Context, name, version string) (stop func(context.Context) error, err error) {
	if !Enabled() {
		return func(context.Context) error { return nil }, nil
	}
	if p := os.Getenv("OTEL_EXPORTER_OTLP_PROTOCOL"); p != "" && p != "http/protobuf" {
		return nil, errors.New("OTEL_EXPORTER_OTLP_PROTOCOL is " + p + ": tabi exports by http/protobuf alone; unset it, and name the " +
			"collector's port for that, usually 4318")
	}
	exporter, err := otlptracehttp.New(ctx)
	if err != nil {
		return nil, err
	}
	about, err := resource.New(ctx,
		resource.WithAttributes(attribute.String("service.name", name), attribute.String("service.version", version)),
		resource.WithFromEnv(), resource.WithTelemetrySDK())
	if err != nil {
		return nil, err
	}
	provider := sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter), sdktrace.WithResource(about))
	otel.SetTracerProvider(provider)
	return provider.Shutdown, nil
}

// Start begins a span. The caller ends it.
func Start(ctx context.Context, name string, about ...attribute.KeyValue) (context.Context, trace.Span) {
	return otel.Tracer(scope).Start(ctx, name, trace.WithAttributes(about...))
}

// End ends a span that failed if err is set. The error's text is not recorded.
func End(span trace.Span, err error) {
	if err != nil {
		span.SetStatus(codes.Error, "")
	}
	span.End()
}

// Serve begins the span of an HTTP request, in the trace that its header traceparent names.
func Serve(r *http.Request, method, route string) (context.Context, trace.Span) {
	if !Enabled() || route == "/healthz" || route == "/readyz" || route == "/metrics" {
		return r.Context(), trace.SpanFromContext(r.Context())
	}
	ctx := format.Extract(r.Context(), propagation.HeaderCarrier(r.Header))
	return otel.Tracer(scope).Start(ctx, method+" "+route, trace.WithSpanKind(trace.SpanKindServer),
		trace.WithAttributes(attribute.String("http.request.method", method), attribute.String("http.route", route)))
}

// Served ends the span of an HTTP request with the status of its response.
func Served(span trace.Span, status int) {
	span.SetAttributes(attribute.Int("http.response.status_code", status))
	if status >= http.StatusInternalServerError {
		span.SetStatus(codes.Error, "")
	}
	span.End()
}

// Of returns the trace of a context as a W3C traceparent; empty if there is none, or nothing of it is recorded.
func Of(ctx context.Context) string {
	if !trace.SpanContextFromContext(ctx).IsSampled() {
		return ""
	}
	carrier := propagation.MapCarrier{}
	format.Inject(ctx, carrier)
	return carrier["traceparent"]
}

// Join returns a context in the trace of a W3C traceparent.
func Join(ctx context.Context, parent string) context.Context {
	return format.Extract(ctx, propagation.MapCarrier{"traceparent": parent})
}
