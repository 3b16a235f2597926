package ratelimit

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tabi-journeys/tabi/internal/message"
)

const (
	// MaxPause is the longest pause that one Retry-After makes; the provider may ask again.
	MaxPause = time.Hour
	// horizon is how far ahead tokens are reserved; a send that would get a later one asks again.
	horizon = time.Hour
	// grace is how long a token stays valid. It bounds the burst of a worker that was down.
	grace = 10 * time.Second
	// fresh is the largest age of the cached pauses.
	fresh = time.Second
	// spread is the longest time over which the sends delayed by a pause come back.
	spread = 30 * time.Second
	// ahead is the time for which one statement takes tokens at high rates.
	ahead = 20 * time.Millisecond
)

// Store is the shared state of all processes.
type Store interface {
	TakeTokens(
		ctx context.Context,
		wall time.Time,
		bucket string,
		n int,
		p message.Pace,
		horizon time.Duration,
	) (at time.Time, taken bool, err error)
	Pause(ctx context.Context, wall time.Time, bucket string, until time.Time) error
	Pauses(ctx context.Context, wall time.Time) (map[string]time.Time, error)
}

// Lane is what a message is limited by: its provider, and a part of it.
type Lane struct {
	Provider string // channel, or Call
	Part     string // sender, or host; empty: none
	// Apart makes the part a provider of its own, such as the host of a webhook: only it is paused.
	Apart bool
}

// paused returns the bucket under which pauses of this lane's provider are stored.
func (l Lane) paused() string {
	if l.Apart {
		return Bucket(l.Provider, l.Part)
	}
	return l.Provider
}

// Answer says whether to go now.
type Answer struct {
	Wait   time.Duration // 0: go now
	Reason string        // for people
	// Token is the reserved moment; zero: none. It is valid from then on for grace.
	Token time.Time
}

// Limiter limits the sends and calls of one process. It is safe for concurrent use; a nil Limiter lets everything
// pass.
type Limiter struct {
	store   Store
	wall    func() time.Time
	rates   Rates
	buckets map[string]*bucket

	mu     sync.Mutex
	read   time.Time // when the pauses were read
	pauses map[string]time.Time

	waits  *prometheus.CounterVec
	asked  *prometheus.CounterVec
	paused prometheus.GaugeFunc
}

// bucket holds the tokens that this process has taken and not used.
type bucket struct {
	mu    sync.Mutex
	pace  message.Pace
	chunk int
	left  int
	at    time.Time // when the remaining tokens become valid
}

// New returns a Limiter. Metrics go to registry, unless it is nil.
func New(st Store, wall func() time.Time, rates Rates, registry prometheus.Registerer) *Limiter {
	l := &Limiter{store: st, wall: wall, rates: rates, buckets: map[string]*bucket{}}
	for name, pace := range rates {
		l.buckets[name] = &bucket{pace: pace, chunk: max(1, min(int(ahead/max(pace.Interval, 1)), pace.Burst))}
	}
	l.waits = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "tabi_rate_limited_total", Help: "Attempts that were delayed, by provider and reason: rate (no token) or pause " +
			"(Retry-After).",
	}, []string{"provider", "reason"})
	l.asked = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "tabi_provider_retry_after_total", Help: "Responses with a Retry-After that paused their provider.",
	}, []string{"provider"})
	l.paused = prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "tabi_providers_paused", Help: "Providers that are paused now, as far as this process knows; each host of webhooks and " +
			"calls is one.",
	}, func() float64 { return float64(l.open()) })
	if registry != nil {
		registry.MustRegister(l.waits, l.asked, l.paused)
	}
	return l
}

// Ask asks for n tokens. token is the moment that an earlier answer reserved, or zero. Without a configured rate it
// only looks at the pauses, which are read from the database at most once a second, and only while something is sent.
func (l *Limiter) Ask(ctx context.Context, lane Lane, n int, token time.Time) (Answer, error) {
	return l.ask(ctx, lane, n, token, horizon)
}

// Try is Ask for callers that cannot keep a reserved moment: it takes tokens only if they are valid now.
func (l *Limiter) Try(ctx context.Context, lane Lane, n int) (Answer, error) {
	a, err := l.ask(ctx, lane, n, time.Time{}, 0)
	if a.Wait > 0 { // spread out, since the callers would all come back at the same time
		a.Wait, a.Token = a.Wait+rand.N(min(a.Wait, spread)+time.Millisecond), time.Time{}
	}
	return a, err
}

func (l *Limiter) ask(ctx context.Context, lane Lane, n int, token time.Time, horizon time.Duration) (Answer, error) {
	if l == nil {
		return Answer{}, nil
	}
	now := l.wall()
	if !token.IsZero() && token.After(now) { // it is early
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
	if lane.Part != "" { // the part first: if it has no tokens left, none of the provider's are taken
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

// Reasons for waiting.
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

// Pause makes every process wait for the lane's provider for as long as it asked, at most MaxPause.
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
	if !until.After(known.Add(fresh)) { // concurrent answers ask for the same pause
		return nil
	}
	return l.store.Pause(ctx, now, lane.paused(), until)
}

// pause returns until when a bucket is paused.
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

// open counts the known pauses.
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

// take returns n of the tokens left from the last statement, or runs another one. Concurrent callers wait for that
// statement.
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
