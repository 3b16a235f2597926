package gateway

import (
	"context"
	"net/http"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

func (g *Gateway) registerMetrics() {
	g.requests = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "tabi_http_request_duration_seconds", Help: "Duration of HTTP requests.",
		Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5},
	}, []string{"route", "method", "status"})
	g.registry.MustRegister(g.requests, storeCollector{g})
}

// metrics serves the gateway's own metrics, the store's counts and those of Config.Gatherer.
func (g *Gateway) metrics(w http.ResponseWriter, r *http.Request) {
	gatherers := prometheus.Gatherers{g.registry}
	if g.cfg.Gatherer != nil {
		gatherers = append(gatherers, g.cfg.Gatherer)
	}
	promhttp.HandlerFor(gatherers, promhttp.HandlerOpts{ErrorHandling: promhttp.ContinueOnError}).ServeHTTP(w, r)
}

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("tabi_"+name, help, labels, nil)
}

var (
	descEvents      = desc("events_total", "Events stored.")
	descCustomers   = desc("customers", "Customers known.")
	descDepth       = desc("outbox_depth", "Outbox entries that are not delivered.")
	descOldest      = desc("outbox_oldest_age_seconds", "Age of the oldest outbox entry, in virtual seconds.")
	descFailing     = desc("enrollments_delivery_failing", "Enrollments whose next delivery failed five times or more.")
	descDeadLetters = desc("dead_letters", "Outbox entries that can never be delivered: see tabi deadletter.")
	descOpen        = desc("enrollments_open", "Open enrollments.", "journey")
	descClosed      = desc("enrollments_closed_total", "Closed enrollments.", "journey", "outcome")
	descSends       = desc("sends_total", "Sends in the ledger.", "channel", "status")
	descHandoffs    = desc("handoffs_open", "Hand-offs that wait for an agent or are claimed by one.")
	descPaused      = desc("journeys_paused", "Paused journeys.")
	descTemporal    = desc("temporal_up", "Whether this process reaches Temporal: 1 or 0.")
	descUp          = desc("store_up", "Whether the counts could be read: 1 or 0.")
)

// storeCollector collects the store's counts, which are cached.
type storeCollector struct{ g *Gateway }

// Describe implements prometheus.Collector.
func (c storeCollector) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		descEvents, descCustomers, descDepth, descOldest, descFailing, descDeadLetters, descOpen, descClosed, descSends, descHandoffs,
		descPaused, descTemporal, descUp,
	} {
		out <- d
	}
}

// Collect implements prometheus.Collector.
func (c storeCollector) Collect(out chan<- prometheus.Metric) {
	live, ok := c.g.figures.Live()
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	counter := func(d *prometheus.Desc, n int64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(n), labels...)
	}
	if totals, counted := c.g.figures.Totals(); counted {
		counter(descEvents, totals.Events)
		gauge(descCustomers, float64(totals.Customers))
		for journey, outcomes := range totals.Outcomes {
			for outcome, n := range outcomes {
				counter(descClosed, n, journey, outcome)
			}
		}
		for kind, n := range totals.Sends {
			channel, status, _ := strings.Cut(kind, "/")
			counter(descSends, n, channel, status)
		}
	}
	if c.g.cfg.Ready != nil {
		ctx, cancel := context.WithTimeout(context.Background(), readyTimeout)
		up := 0.0
		if c.g.cfg.Ready(ctx) == nil {
			up = 1
		}
		cancel()
		gauge(descTemporal, up)
	}
	if !ok {
		gauge(descUp, 0)
		return
	}
	gauge(descUp, 1)
	gauge(descDepth, float64(live.Pending))
	age := 0.0
	if !live.OldestPending.IsZero() {
		age = max(c.g.Now().Sub(live.OldestPending).Seconds(), 0)
	}
	gauge(descOldest, age)
	gauge(descFailing, float64(live.Failing))
	gauge(descDeadLetters, float64(live.DeadLetters))
	for journey, n := range live.Open {
		gauge(descOpen, float64(n), journey)
	}
	gauge(descHandoffs, float64(live.Handoffs))
	gauge(descPaused, float64(len(live.PausedJourneys)))
}
