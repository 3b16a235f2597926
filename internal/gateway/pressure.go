package gateway

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"go.uber.org/zap"
)

const (
	// depthAge is how old the known depth of the outbox may be (wall time).
	depthAge = time.Second
	// depthTimeout bounds its reading (wall time).
	depthTimeout = 5 * time.Second
	// pressureRetry is how long clients are asked to wait, in seconds.
	pressureRetry = 5
)

// pressure knows whether the outbox is too deep to take more.
type pressure struct {
	g       *Gateway
	mu      sync.Mutex
	at      time.Time // wall, of the last reading; zero: none
	reading bool
	deep    bool
}

// check refuses a call of the tracking API while more deliveries wait than Config.MaxPending. It asks the
// database at most once a second, for a count that ends at the limit, and only the first call waits for it:
// what is known may be a second old.
func (p *pressure) check() *fail {
	limit := p.g.cfg.MaxPending
	if limit <= 0 {
		return nil
	}
	p.mu.Lock()
	if first := p.at.IsZero(); !p.reading && (first || p.g.wall().Sub(p.at) >= depthAge) {
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
	p.g.pushedBack.Inc()
	return &fail{Status: http.StatusTooManyRequests, Code: "too_many_pending", Retry: pressureRetry,
		Message: fmt.Sprintf(
			"more than %d deliveries to journeys wait to be done; nothing was stored, send it again in %d seconds",
			limit,
			pressureRetry,
		)}
}

// read asks the store. Where it does not answer, what is known stays: the call itself will tell.
func (p *pressure) read(limit int) {
	ctx, cancel := context.WithTimeout(context.Background(), depthTimeout)
	defer cancel()
	n, err := p.g.cfg.Store.Depth(ctx, limit+1)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.at, p.reading = p.g.wall(), false
	if err != nil {
		p.g.log.Warn("the depth of the outbox could not be read", zap.Error(err))
		return
	}
	was := p.deep
	p.deep = n > limit
	switch {
	case p.deep && !was:
		p.g.log.Error(
			"too many deliveries wait: the tracking API answers 429 until there are fewer; is Temporal away, or are there too few workers?",
			zap.Int("limit", limit),
		)
	case was && !p.deep:
		p.g.log.Info("the outbox is short enough again: the tracking API takes calls")
	}
}
