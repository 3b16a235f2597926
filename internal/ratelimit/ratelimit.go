package ratelimit

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tabi-journeys/tabi/internal/store"
)

const (
	// MaxPause is the longest that a provider keeps everybody away at once; it may ask again.
	MaxPause = time.Hour
	// horizon is how far ahead tokens are given out; who would come later asks again.
	horizon = time.Hour
	// grace is how long after its moment a token is good. It bounds what a worker that was away sends at once.
	grace = 10 * time.Second
	// fresh is how old the known pauses may be.
	fresh = time.Second
	// spread is the longest time over which those come back who were kept away by a pause.
	spread = 30 * time.Second
	// ahead is for how much time one statement takes tokens where a rate is high.
	ahead = 20 * time.Millisecond
)

// Store is what all processes share.
type Store interface {
	TakeTokens(
		ctx context.Context,
		wall time.Time,
		bucket string,
		n int,
		p store.Pace,
		horizon time.Duration,
	) (at time.Time, taken bool, err error)
	Pause(ctx context.Context, wall time.Time, bucket string, until time.Time) error
	Pauses(ctx context.Context, wall time.Time) (map[string]time.Time, error)
}

// Lane is the way of a message to its provider.
type Lane struct {
	Provider string // channel, or Call
	Part     string // sender, or host; empty: none
	// Apart makes the part a provider of its own, as the host of a webhook: it is paused alone.
	Apart bool
}

// paused is the bucket that a pause of this lane's provider is kept under.
func (l Lane) paused() string {
	if l.Apart {
		return Bucket(l.Provider, l.Part)
	}
	return l.Provider
}

// Answer says whether to go on.
type Answer struct {
	Wait   time.Duration // 0: go on
	Reason string        // of waiting, for people
	// Token is the moment that is this one's own; zero: none was taken. It is good from then on for a short time.
	Token time.Time
}

// Limiter answers for one process. It may be used by many at once; a nil Limiter lets everything pass.
type Limiter struct {
	store   Store
	wall    func() time.Time
	rates   Rates
	buckets map[string]*bucket

	mu     sync.Mutex
	read   time.Time // when pauses were read
	pauses map[string]time.Time

	waits  *prometheus.CounterVec
	asked  *prometheus.CounterVec
	paused prometheus.GaugeFunc
}

// bucket is what this process has taken and not given out.
type bucket struct {
	mu    sync.Mutex
	pace  store.Pace
	chunk int
	left  int
	at    time.Time // when the tokens that are left may be used
}

// New makes a Limiter. Metrics go to registry, unless it is nil.
func New(st Store, wall func() time.Time, rates Rates, registry prometheus.Registerer) *Limiter {
	l := &Limiter{store: st, wall: wall, rates: rates, buckets: map[string]*bucket{}}
	for name, pace := range rates {
		l.buckets[name] = &bucket{pace: pace, chunk: max(1, min(int(ahead/max(pace.Interval, 1)), pace.Burst))}
	}
	l.waits = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "tabi_provider_waits_total", Help: "Attempts that were put off, by provider and why: rate (no token) or pause (the provider asked to be left alone).",
	}, []string{"provider", "why"})
	l.asked = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "tabi_provider_pauses_total", Help: "Answers by which a provider asked to be left alone (Retry-After).",
	}, []string{"provider"})
	l.paused = prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "tabi_providers_paused", Help: "Providers, hosts of webhooks and calls counted each, that are left alone now, as this process knows.",
	}, func() float64 { return float64(l.open()) })
	if registry != nil {
		registry.MustRegister(l.waits, l.asked, l.paused)
	}
	return l
}

// Ask asks for n tokens. token is the moment an answer before gave this one, or zero. Where no rate is
// configured it costs nothing but a look at the pauses, which are read from the store once a second, and only
// while something is sent.
func (l *Limiter) Ask(ctx context.Context, lane Lane, n int, token time.Time) (Answer, error) {
	return l.ask(ctx, lane, n, token, horizon)
}

// Try is Ask for those who cannot keep a moment of their own: tokens are taken only where they are there at once.
func (l *Limiter) Try(ctx context.Context, lane Lane, n int) (Answer, error) {
	a, err := l.ask(ctx, lane, n, time.Time{}, 0)
	if a.Wait > 0 { // apart from each other, for they come back at once
		a.Wait, a.Token = a.Wait+rand.N(min(a.Wait, spread)+time.Millisecond), time.Time{}
	}
	return a, err
}

func (l *Limiter) ask(ctx context.Context, lane Lane, n int, token time.Time, horizon time.Duration) (Answer, error) {
	if l == nil {
		return Answer{}, nil
	}
	now := l.wall()
	if !token.IsZero() && token.After(now) { // it came early
		return l.wait(lane, Answer{Wait: token.Sub(now), Reason: reasonRate, Token: token}), nil
	}
	until, err := l.pause(ctx, lane.paused(), now)
	if err != nil {
		return Answer{}, err
	}
	if until.After(now) {
		rest := until.Sub(now)
		return l.wait(lane, Answer{Wait: rest + rand.N(min(rest, spread)+time.Millisecond), Reason: reasonPause}), nil
	}
	if !token.IsZero() && now.Sub(token) <= grace {
		return Answer{Token: token}, nil
	}
	a := Answer{}
	names := []string{lane.Provider}
	if lane.Part != "" { // the part first: where it has none left, the others lose nothing
		names = []string{Bucket(lane.Provider, lane.Part), lane.Provider}
	}
	for _, name := range names {
		b := l.buckets[name]
		if b == nil {
			continue
		}
		at, taken, err := b.take(ctx, l.store, name, n, now, horizon)
		if err != nil {
			return Answer{}, err
		}
		if !taken {
			return l.wait(lane, Answer{Wait: max(at.Sub(now)-horizon, time.Millisecond), Reason: reasonRate}), nil
		}
		if at.After(a.Token) {
			a.Token = at
		}
	}
	if a.Token.After(now) {
		a.Wait, a.Reason = a.Token.Sub(now), reasonRate
		return l.wait(lane, a), nil
	}
	return a, nil
}

// Reasons of waiting.
const (
	reasonRate  = "it waits its turn: the rate of its provider is used up"
	reasonPause = "the provider asked to be left alone"
)

func (l *Limiter) wait(lane Lane, a Answer) Answer {
	why := "rate"
	if a.Reason == reasonPause {
		why = "pause"
	}
	l.waits.WithLabelValues(lane.Provider, why).Inc()
	return a
}

// Pause keeps everybody from the lane's provider for as long as it asked, at most MaxPause.
func (l *Limiter) Pause(ctx context.Context, lane Lane, wish time.Duration) error {
	if l == nil || wish <= 0 {
		return nil
	}
	now := l.wall()
	until := now.Add(min(wish, MaxPause))
	l.asked.WithLabelValues(lane.Provider).Inc()
	l.mu.Lock()
	known := l.pauses[lane.paused()]
	if l.pauses == nil {
		l.pauses = map[string]time.Time{}
	}
	if until.After(known) {
		l.pauses[lane.paused()] = until
	}
	l.mu.Unlock()
	if !until.After(known.Add(fresh)) { // many answers at once say the same
		return nil
	}
	return l.store.Pause(ctx, now, lane.paused(), until)
}

// pause is until when a bucket is paused.
func (l *Limiter) pause(ctx context.Context, name string, now time.Time) (time.Time, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now.Sub(l.read) < fresh {
		return l.pauses[name], nil
	}
	read, err := l.store.Pauses(ctx, now)
	if err != nil {
		return time.Time{}, err
	}
	l.read, l.pauses = now, read
	return read[name], nil
}

// open counts the pauses that are known.
func (l *Limiter) open() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	n, now := 0, l.wall()
	for _, until := range l.pauses {
		if until.After(now) {
			n++
		}
	}
	return n
}

// take gives n tokens from what is left of the last statement, or makes the next. Those who wait for the
// statement wait as long as it takes, no longer.
func (b *bucket) take(ctx context.Context, st Store, name string, n int, now time.Time, horizon time.Duration) (time.Time, bool, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.left >= n && b.at.Sub(now) <= horizon && now.Sub(b.at) < time.Second {
		b.left -= n
		return b.at, true, nil
	}
	ask := max(n, b.chunk)
	at, taken, err := st.TakeTokens(ctx, now, name, ask, b.pace, horizon)
	if err == nil && taken {
		b.left, b.at = ask-n, at
	}
	return at, taken, err
}
