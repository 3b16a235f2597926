package segment

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/tabi-journeys/tabi/internal/gateway/web"
)

const (
	// depthAge is the largest age of the known depth of the outbox (wall time).
	depthAge = time.Second
	// depthTimeout bounds reading the depth (wall time).
	depthTimeout = 5 * time.Second
	// retryAfter is how long clients are asked to wait, in seconds.
	retryAfter = 5
)

// backpressure refuses Segment calls while the outbox is too deep.
type backpressure struct {
	*web.Env
	outbox   Outbox
	limit    int // outbox entries; 0: any number
	rejected prometheus.Counter

	mu      sync.Mutex
	at      time.Time // wall, of the latest reading; zero: none
	reading bool
	deep    bool
}

// check refuses a Segment call while more outbox entries than the limit wait. It asks the database at most once a second, for a
// count that ends at the limit, and only the first call waits for the answer: the known depth may be a second old.
func (p *backpressure) check() *web.Error {
	limit := p.limit
	if limit <= 0 {
		return nil
	}
	p.mu.Lock()
	if first := p.at.IsZero(); !p.reading && (first || p.Wall().Sub(p.at) >= depthAge) {
		p.reading = true
		if first {
			p.mu.Unlock()
			p.read(limit)
			p.mu.Lock()
		} else {
			go p.read(limit)
		}
	}
	deep := p.deep
	p.mu.Unlock()
	if !deep {
		return nil
	}
	p.rejected.Inc()
	return &web.Error{
		Status: http.StatusTooManyRequests, Code: "too_many_pending", Retry: retryAfter,
		Message: fmt.Sprintf("more than %d events wait for delivery to journeys; nothing was stored, send it again in %d seconds",
			limit, retryAfter),
	}
}

// read reads the depth. If the database does not answer, the known depth stays: ingest itself will fail.
func (p *backpressure) read(limit int) {
	ctx, cancel := context.WithTimeout(context.Background(), depthTimeout)
	defer cancel()
	n, err := p.outbox.Depth(ctx, limit+1)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.at, p.reading = p.Wall(), false
	if err != nil {
		p.Log.Warn("could not read the depth of the outbox", zap.Error(err))
		return
	}
	was := p.deep
	p.deep = n > limit
	switch {
	case p.deep && !was:
		p.Log.Error(
			"the outbox is too deep: the tracking API answers 429 until it shrinks; is Temporal unreachable, or are there too few "+
				"workers?",
			zap.Int("limit", limit),
		)
	case was && !p.deep:
		p.Log.Info("the outbox is short enough again: the tracking API accepts calls")
	}
}
