package activities

import (
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tabi-journeys/tabi/channel"
)

// sendMetrics counts this process's attempts to send.
type sendMetrics struct {
	attempts *prometheus.CounterVec
	duration *prometheus.HistogramVec
	segments prometheus.Counter
}

func newSendMetrics(registry prometheus.Registerer) sendMetrics {
	m := sendMetrics{
		attempts: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tabi_send_attempts_total",
			Help: "Attempts to send of this process, by channel and outcome: sent, refused, not_sent (to be repeated) or unknown.",
		}, []string{"channel", "outcome"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "tabi_send_attempt_duration_seconds", Help: "How long a provider took for an attempt to send, by channel.",
			Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 25},
		}, []string{"channel"}),
		segments: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "tabi_sms_segments_total",
			Help: "Segments of the text messages that this process has sent: what providers charge for.",
		}),
	}
	if registry != nil {
		m.attempts, m.duration = registered(registry, m.attempts), registered(registry, m.duration)
		m.segments = registered(registry, m.segments)
	}
	return m
}

// registered registers a metric. It returns the one that a worker before this one has registered in the same process, if there is one.
func registered[C prometheus.Collector](registry prometheus.Registerer, metric C) C {
	err := registry.Register(metric)
	if known, ok := errors.AsType[prometheus.AlreadyRegisteredError](err); ok {
		if earlier, ok := known.ExistingCollector.(C); ok {
			return earlier
		}
	}
	if err != nil {
		panic(err) // another metric has the name
	}
	return metric
}

func (m sendMetrics) observe(channelName string, r channel.Receipt, took time.Duration) {
	outcome := r.Outcome
	switch outcome {
	case channel.Sent, channel.Refused, channel.NotSent, channel.Unknown:
	default:
		outcome = "other" // a channel of another module may return any text
	}
	m.attempts.WithLabelValues(channelName, string(outcome)).Inc()
	m.duration.WithLabelValues(channelName).Observe(took.Seconds())
	m.segments.Add(float64(max(r.Segments, 0)))
}
