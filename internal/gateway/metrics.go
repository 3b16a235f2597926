package gateway

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.uber.org/zap"

	"github.com/tabi-journeys/tabi/internal/store"
)

const (
	// countsAge is how old the counts of the store may be when they are scraped (wall time).
	countsAge = 5 * time.Second
	// totalsShare bounds what counting the totals takes of the time: they grow with the years, and are read
	// anew the less often the longer that took.
	totalsShare = 0.01
	// totalsTimeout bounds one count of them.
	totalsTimeout = 5 * time.Minute
)

func (g *Gateway) setUpMetrics() {
	g.registry = prometheus.NewRegistry()
	g.requests = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "tabi_http_request_seconds", Help: "How long HTTP requests took.",
		Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5},
	}, []string{"route", "method", "status"})
	g.calls = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "tabi_calls_total", Help: "Calls of the tracking API that were taken, duplicates included.",
	}, []string{"type"})
	g.pushedBack = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "tabi_pushed_back_total", Help: "Requests of the tracking API that were answered 429, since too many deliveries wait.",
	})
	g.counts = &countsCache{g: g}
	g.registry.MustRegister(g.requests, g.calls, g.pushedBack, g.counts)
}

// metrics serves the gateway's own metrics, the store's counts and what Config.Gatherer adds.
func (g *Gateway) metrics(w http.ResponseWriter, r *http.Request) {
	gatherers := prometheus.Gatherers{g.registry}
	if g.cfg.Gatherer != nil {
		gatherers = append(gatherers, g.cfg.Gatherer)
	}
	promhttp.HandlerFor(gatherers, promhttp.HandlerOpts{ErrorHandling: promhttp.ContinueOnError}).ServeHTTP(w, r)
}

// countsCache collects the store's counts: what happens now at most every countsAge, the totals in the background.
type countsCache struct {
	g    *Gateway
	mu   sync.Mutex
	at   time.Time // wall
	last store.Live
	ok   bool

	totalsMu sync.Mutex
	totals   store.Totals
	counted  bool      // totals were read once
	counting bool      // they are being read
	next     time.Time // wall: when they are to be read again
}

var (
	descEvents    = prometheus.NewDesc("tabi_events", "Events stored.", nil, nil)
	descCustomers = prometheus.NewDesc("tabi_customers", "Customers known.", nil, nil)
	descPending   = prometheus.NewDesc("tabi_deliveries_pending", "Deliveries to instances that are not done.", nil, nil)
	descLag       = prometheus.NewDesc(
		"tabi_deliveries_oldest_seconds",
		"Age of the oldest delivery that is not done, in virtual seconds.",
		nil,
		nil,
	)
	descStuck = prometheus.NewDesc("tabi_enrollments_stuck", "Instances whose next delivery failed five times or more.", nil, nil)
	descAside = prometheus.NewDesc(
		"tabi_deliveries_set_aside",
		"Deliveries that Temporal or an instance refuses for good: tabi deadletter list, tabi deadletter retry.",
		nil,
		nil,
	)
	descOpen     = prometheus.NewDesc("tabi_enrollments_open", "Open instances.", []string{"journey"}, nil)
	descOutcomes = prometheus.NewDesc("tabi_enrollments_closed", "Ended instances by outcome.", []string{"journey", "outcome"}, nil)
	descContacts = prometheus.NewDesc("tabi_contacts", "Sends in the ledger, by channel/status.", []string{"kind"}, nil)
	descHandoffs = prometheus.NewDesc("tabi_handoffs_open", "Hand-offs that wait for an agent or are with one.", nil, nil)
	descPaused   = prometheus.NewDesc("tabi_journeys_paused", "Paused journeys.", nil, nil)
	descUp       = prometheus.NewDesc("tabi_store_up", "Whether the counts could be read: 1 or 0.", nil, nil)
)

// Describe implements prometheus.Collector.
func (c *countsCache) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{descEvents, descCustomers, descPending, descLag, descStuck, descAside, descOpen, descOutcomes, descContacts, descHandoffs, descPaused, descUp} {
		out <- d
	}
}

// Collect implements prometheus.Collector.
func (c *countsCache) Collect(out chan<- prometheus.Metric) {
	counts, ok := c.read()
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	if totals, counted := c.readTotals(); counted {
		gauge(descEvents, float64(totals.Events))
		gauge(descCustomers, float64(totals.Customers))
		for journey, outcomes := range totals.Outcomes {
			for outcome, n := range outcomes {
				gauge(descOutcomes, float64(n), journey, outcome)
			}
		}
		for kind, n := range totals.Sends {
			gauge(descContacts, float64(n), kind)
		}
	}
	if !ok {
		gauge(descUp, 0)
		return
	}
	gauge(descUp, 1)
	gauge(descPending, float64(counts.Pending))
	lag := 0.0
	if !counts.OldestPending.IsZero() {
		lag = max(c.g.now().Sub(counts.OldestPending).Seconds(), 0)
	}
	gauge(descLag, lag)
	gauge(descStuck, float64(counts.Failing))
	gauge(descAside, float64(counts.DeadLetters))
	for journey, n := range counts.Open {
		gauge(descOpen, float64(n), journey)
	}
	gauge(descHandoffs, float64(counts.Handoffs))
	gauge(descPaused, float64(len(counts.PausedJourneys)))
}

// read gives what happens now, fresh or cached. A failure is cached too: a database in trouble is not asked more often.
func (c *countsCache) read() (store.Live, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if wall := c.g.wall(); c.at.IsZero() || wall.Sub(c.at) >= countsAge {
		ctx, cancel := context.WithTimeout(context.Background(), countsAge)
		defer cancel()
		live, err := c.g.cfg.Store.Live(ctx)
		if err != nil {
			c.g.log.Warn("the counts could not be read", zap.Error(err))
		}
		c.at, c.last, c.ok = wall, live, err == nil
	}
	return c.last, c.ok
}

// readTotals gives the totals as they were counted last, and has them counted anew in the background when it is
// time; false before the first time.
func (c *countsCache) readTotals() (store.Totals, bool) {
	c.totalsMu.Lock()
	due := !c.counting && !c.g.wall().Before(c.next)
	c.counting = c.counting || due
	c.totalsMu.Unlock()
	if due {
		done := make(chan struct{})
		go c.count(done)
		patience := time.NewTimer(countsAge / 10) // a small store has counted before anybody notices
		defer patience.Stop()
		select {
		case <-done:
		case <-patience.C:
		}
	}
	c.totalsMu.Lock()
	defer c.totalsMu.Unlock()
	return c.totals, c.counted
}

// count reads the totals.
func (c *countsCache) count(done chan<- struct{}) {
	defer close(done)
	ctx, cancel := context.WithTimeout(context.Background(), totalsTimeout)
	defer cancel()
	began := c.g.wall()
	totals, err := c.g.cfg.Store.Totals(ctx)
	took := c.g.wall().Sub(began)
	if err != nil {
		c.g.log.Warn("the totals could not be counted", zap.Error(err))
	}
	c.totalsMu.Lock()
	defer c.totalsMu.Unlock()
	if err == nil {
		c.totals, c.counted = totals, true
	}
	c.counting, c.next = false, began.Add(max(countsAge, time.Duration(float64(took)/totalsShare)))
}
