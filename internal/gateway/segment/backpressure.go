package segment

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/tabi-journeys/tabi/internal/gateway/auth"
	"github.com/tabi-journeys/tabi/internal/gateway/web"
)

const (
	// depthAge is the largest age of the known depth of the outbox (wall time).
	depthAge = time.Second
	// depthTimeout bounds reading the depth (wall time).
	depthTimeout = 5 * time.Second
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
	depth   int // at most one more than the limit
}

// share returns how many outbox entries may wait before calls with a kind of key are refused: the last fifth is for server keys, so
// that nobody who has a public key can stop the back ends.
func (p *backpressure) share(kind string) int {
	if kind == auth.ServerKey {
		return p.limit
	}
	return p.limit - p.limit/5
}

// check refuses a Segment call while more outbox entries wait than the share of its kind of key. It asks the database at most once a
// second, for a count that ends at the limit, and only the first call waits for the answer: the known depth may be a second old.
func (p *backpressure) check(kind string) *web.Error {
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
	depth, share := p.depth, p.share(kind)
	p.mu.Unlock()
	if depth <= share {
		return nil
	}
	p.rejected.Inc()
	return &web.Error{
		Status: http.StatusTooManyRequests, Code: "too_many_pending", Retry: web.RetryAfter,
		Message: fmt.Sprintf("more than %d events wait for delivery to journeys; nothing was stored, send it again in %d seconds",
			share, web.RetryAfter),
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
	was := p.depth
	p.depth = n
	for _, kind := range []string{auth.WebKey, auth.ServerKey} {
		switch share := p.share(kind); {
		case n > share && was <= share:
			p.Log.Error(
				"the outbox is too deep: the tracking API answers 429 until it shrinks; is Temporal unreachable, are there too few "+
					"workers, or does one customer cause very much (tabi customer drop-backlog)?",
				zap.String("keys", kind), zap.Int("limit", share),
			)
		case was > share && n <= share:
			p.Log.Info("the outbox is short enough again: the tracking API accepts calls", zap.String("keys", kind))
		}
	}
}
