package segment

import (
	"fmt"
	"math"
	"net/http"
	"net/netip"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/time/rate"

	"github.com/tabi-journeys/tabi/internal/gateway/auth"
	"github.com/tabi-journeys/tabi/internal/gateway/web"
)

// Rates bound what web keys may send, in Segment calls a second; a batch counts as many as it has. 0 takes the default, and a negative
// rate is none. Who sends less saves up as many calls as 20 seconds allow, at least a batch. Server keys have no limit.
type Rates struct {
	Key  int // of one web key, from all addresses together; default 1000
	Peer int // of one address, by all web keys together; default 50. An address of IPv6 is its network of 64 bits
}

const (
	keyRate, peerRate = 1000, 50
	savedSeconds      = 20
	// maxBuckets is how many keys or addresses a process remembers. One that is forgotten begins with a full bucket.
	maxBuckets = 16 << 10
)

// rateLimits refuses the calls of web keys that come too fast. Each process counts its own.
type rateLimits struct {
	*web.Env
	key, peer *buckets // nil: no limit
	rejected  *prometheus.CounterVec
}

func newLimits(env *web.Env, r Rates) *rateLimits {
	return &rateLimits{
		Env: env, key: newBuckets(r.Key, keyRate, env.Limits.Batch), peer: newBuckets(r.Peer, peerRate, env.Limits.Batch),
		rejected: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tabi_web_key_rejections_total",
			Help: "Requests of the tracking API that were answered 429 because a web key (key) or an address (peer) sent too many calls.",
		}, []string{"limit"}),
	}
}

// ready refuses a request of an address that has used up its calls, before its body is read.
func (l *rateLimits) ready(peer netip.Addr) *web.Error {
	if wait := l.peer.wait(l.Wall(), network(peer), 1, false); wait > 0 {
		return l.refuse("peer", wait)
	}
	return nil
}

// take counts n calls of a web key, or refuses them all. An unknown key has no space, and counts for its address only.
func (l *rateLimits) take(key auth.Key, peer netip.Addr, n int) *web.Error {
	now, n := l.Wall(), max(n, 1)
	if key.Space != "" {
		if wait := l.key.wait(now, key.Space, n, false); wait > 0 {
			return l.refuse("key", wait)
		}
	}
	if wait := l.peer.wait(now, network(peer), n, true); wait > 0 {
		return l.refuse("peer", wait)
	}
	if key.Space != "" {
		if wait := l.key.wait(now, key.Space, n, true); wait > 0 { // others were faster
			return l.refuse("key", wait)
		}
	}
	return nil
}

func (l *rateLimits) refuse(limit string, wait time.Duration) *web.Error {
	l.rejected.WithLabelValues(limit).Inc()
	seconds := int(math.Ceil(wait.Seconds()))
	whose := "this web key"
	if limit == "peer" {
		whose = "this address"
	}
	return &web.Error{
		Status: http.StatusTooManyRequests, Code: "rate_limited", Retry: seconds,
		Message: fmt.Sprintf("%s sends too many calls; nothing was stored, send them again in %d seconds", whose, seconds),
	}
}

// network returns the name of an address in a bucket.
func network(peer netip.Addr) string {
	if peer.Is6() {
		if p, err := peer.Prefix(64); err == nil {
			return p.String()
		}
	}
	return peer.String()
}

// buckets are token buckets by name.
type buckets struct {
	rate  rate.Limit
	burst int
	of    *lru.Cache[string, *rate.Limiter]
}

func newBuckets(perSecond, fallback, batch int) *buckets {
	if perSecond == 0 {
		perSecond = fallback
	}
	if perSecond < 0 {
		return nil
	}
	cache, err := lru.New[string, *rate.Limiter](maxBuckets)
	if err != nil {
		panic(err) // only for a size below 1
	}
	return &buckets{rate: rate.Limit(perSecond), burst: max(perSecond*savedSeconds, batch), of: cache}
}

// wait returns how long the owner of a bucket must wait before n calls; 0: they may come now, and with take they are counted.
func (b *buckets) wait(now time.Time, name string, n int, take bool) time.Duration {
	if b == nil {
		return 0
	}
	limiter, known := b.of.Get(name)
	if !known {
		limiter = rate.NewLimiter(b.rate, b.burst)
		if was, there, _ := b.of.PeekOrAdd(name, limiter); there {
			limiter = was
		}
	}
	r := limiter.ReserveN(now, min(n, b.burst))
	wait := r.DelayFrom(now)
	if wait > 0 || !take {
		r.CancelAt(now)
	}
	return wait
}
