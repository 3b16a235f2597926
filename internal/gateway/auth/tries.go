package auth

import (
	"context"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"golang.org/x/time/rate"

	"github.com/tabi-journeys/tabi/internal/access"
	"github.com/tabi-journeys/tabi/internal/gateway/web"
)

// Limits of failed tries to identify oneself, by the sign-in form, the identity provider and bearer tokens together. This process knows
// its own ones only.
const (
	peerTries    = 10               // of one peer at once
	peerEvery    = 6 * time.Second  // one more
	allTries     = 200              // of all peers at once
	allEvery     = time.Second / 2  // one more
	peersKept    = 20_000           // peers that are remembered, the latest
	failedLately = 15 * time.Minute // how long a peer counts as one that has failed
)

// Doors of tries.
const (
	byForm   = "form"
	byBearer = "bearer"
	byOIDC   = "oidc"
)

// tries bounds guessing. A peer that has failed too often is refused without a look at what it sends. If all peers together have failed
// too often, those that have failed lately are refused, and others are not: a good token from another peer always opens.
type tries struct {
	log    *zap.Logger
	failed *prometheus.CounterVec
	mu     sync.Mutex
	peers  *simplelru.LRU[netip.Prefix, *peerTried]
	all    *rate.Limiter
	logged time.Time // of refused tries
	unsaid int
}

type peerTried struct {
	limit *rate.Limiter
	last  time.Time
}

func newTries(log *zap.Logger, metrics prometheus.Registerer) *tries {
	peers, _ := simplelru.NewLRU[netip.Prefix, *peerTried](peersKept, nil) // fails for no size only
	t := &tries{
		log: log, peers: peers, all: rate.NewLimiter(rate.Every(allEvery), allTries),
		failed: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tabi_sign_in_failures_total",
			Help: "Tries to sign in or to use a bearer token that failed, by door and reason; throttled: too many before.",
		}, []string{"door", "reason"}),
	}
	metrics.MustRegister(t.failed)
	return t
}

// network returns what counts as one peer: an address, or the /64 network of IPv6 that one customer of a provider has.
func network(peer netip.Addr) netip.Prefix {
	bits := 32
	if peer.Is6() {
		bits = 64
	}
	p, _ := peer.Prefix(bits) // the zero address: the zero prefix, which is one peer too
	return p
}

// refused returns the error for a peer that must wait; nil: it may try.
func (t *tries) refused(peer netip.Addr, door string, now time.Time) *web.Error {
	t.mu.Lock()
	defer t.mu.Unlock()
	tried, known := t.peers.Get(network(peer))
	if !known {
		return nil
	}
	lacking := 1 - tried.limit.TokensAt(now)
	wait := time.Duration(lacking * float64(peerEvery))
	if lacking <= 0 {
		if t.all.TokensAt(now) >= 1 || now.Sub(tried.last) >= failedLately {
			return nil
		}
		wait = peerEvery
	}
	t.failed.WithLabelValues(door, "throttled").Inc()
	t.unsaid++
	if now.Sub(t.logged) >= time.Second {
		t.log.Info("tries to sign in were refused: too many have failed", zap.Int("tries", t.unsaid), zap.String("door", door),
			zap.Stringer("peer", peer))
		t.logged, t.unsaid = now, 0
	}
	return &web.Error{
		Status: http.StatusTooManyRequests, Code: "too_many_tries", Retry: int(wait/time.Second) + 1,
		Message: "too many tries to sign in have failed from this address; wait a moment",
	}
}

// fail counts a failed try.
func (t *tries) fail(peer netip.Addr, door, reason string, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.failed.WithLabelValues(door, reason).Inc()
	tried, known := t.peers.Get(network(peer))
	if !known {
		tried = &peerTried{limit: rate.NewLimiter(rate.Every(peerEvery), peerTries)}
		t.peers.Add(network(peer), tried)
	}
	tried.last = now
	tried.limit.AllowN(now, 1)
	if t.all.AllowN(now, 1) { // a line each, unless there are too many
		t.log.Info("a try to sign in failed", zap.String("door", door), zap.String("reason", reason), zap.Stringer("peer", peer))
		return
	}
	t.unsaid++
}

// Credential is a token of the configuration or of the store that opens pages.
type Credential struct {
	Principal
	way string // access.ByToken or access.ByKey
	ref string // what names it in a session, without being it
}

// Try looks the token of the sign-in form up. An error: it is not looked at, or unknown.
func (a *Auth) Try(r *http.Request, token string) (Credential, *web.Error) {
	return a.try(r, byForm, token)
}

func (a *Auth) try(r *http.Request, door, token string) (Credential, *web.Error) {
	peer, now := a.env.Peer(r), a.env.Wall()
	if err := a.tries.refused(peer, door, now); err != nil {
		return Credential{}, err
	}
	found, err := a.credential(r.Context(), token)
	if err != nil {
		return Credential{}, a.unreadable(r, err)
	}
	if found.Role == access.Nobody {
		a.tries.fail(peer, door, "unknown_token", now)
		return Credential{}, web.Unauthorized("this token is unknown")
	}
	return found, nil
}

// credential looks a token up in the configuration, then in the store; the zero Credential: it is unknown.
func (a *Auth) credential(ctx context.Context, token string) (Credential, error) {
	if token == "" {
		return Credential{}, nil
	}
	digest := a.digest(token)
	if t := a.tokenOf(digest); t != nil {
		return Credential{t.principal(KindToken), access.ByToken, digest}, nil
	}
	stored, err := a.Stored.find(ctx, token)
	if err != nil || stored == nil || stored.Kind != access.TokenKey {
		return Credential{}, err
	}
	return Credential{stored.principal(KindKey), access.ByKey, stored.ID}, nil
}
