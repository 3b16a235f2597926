package auth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"go.uber.org/zap"
)

// provider is what discovery has found, as soon as it has.
type provider struct {
	client *http.Client
	issuer string
	found  func(ctx context.Context) (*oidc.Provider, error)

	mu      sync.Mutex
	oidc    *oidc.Provider
	err     error
	tried   time.Time
	looking chan struct{} // closed when the look in progress ends; nil: there is none

	asking  sync.Mutex // by answers
	asked   time.Time
	answers bool
}

func newProvider(issuer string) *provider {
	client := &http.Client{
		Timeout:   providerTimeout,
		Transport: bounded{http.DefaultTransport},
		CheckRedirect: func(r *http.Request, via []*http.Request) error {
			if len(via) > 3 || r.URL.Scheme != via[0].URL.Scheme {
				return errors.New("too many redirects, or away from https")
			}
			return nil
		},
	}
	return &provider{client: client, issuer: issuer, found: func(ctx context.Context) (*oidc.Provider, error) {
		return oidc.NewProvider(ctx, issuer)
	}}
}

// TryProvider asks a provider for its configuration, as the gateway does, and checks that the issuer is the same.
func TryProvider(ctx context.Context, issuer string) error {
	p := newProvider(issuer)
	_, err := p.found(oidc.ClientContext(ctx, p.client))
	return err
}

// bounded cuts answers that are too long to be a provider's.
type bounded struct{ http.RoundTripper }

func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := b.RoundTripper.RoundTrip(r)
	if err == nil {
		res.Body = http.MaxBytesReader(nil, res.Body, providerBody)
	}
	return res, err
}

// get returns the provider, and looks for it if it was away so far, no more often than every providerRetry. It waits for patience at
// most.
func (p *provider) get(wall time.Time, log *zap.Logger, patience time.Duration) (*oidc.Provider, error) {
	p.mu.Lock()
	if p.oidc == nil && p.looking == nil && (p.err == nil || wall.Sub(p.tried) >= providerRetry) {
		p.looking = make(chan struct{})
		go p.look(wall, log, p.looking)
	}
	found, err, looking := p.oidc, p.err, p.looking
	p.mu.Unlock()
	if found != nil || looking == nil {
		return found, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	select {
	case <-looking:
		p.mu.Lock()
		defer p.mu.Unlock()
		return p.oidc, p.err
	case <-ctx.Done():
		return nil, ErrProviderAway
	}
}

func (p *provider) look(wall time.Time, log *zap.Logger, done chan struct{}) {
	defer close(done)
	// The provider keeps this context for its keys, so it is not that of a request; the client has a timeout.
	found, err := p.found(oidc.ClientContext(context.Background(), p.client))
	if err != nil {
		log.Warn("the identity provider cannot be reached; tokens work all the same", zap.Error(err))
		err = fmt.Errorf("%w: %w", ErrProviderAway, err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.oidc, p.err, p.tried, p.looking = found, err, wall, nil
}

// alive reports whether the provider answers now. It asks no more often than every providerRetry, and waits for PagePatience at most.
func (p *provider) alive(wall time.Time) bool {
	p.asking.Lock()
	defer p.asking.Unlock()
	if since := wall.Sub(p.asked); since >= 0 && since < providerRetry {
		return p.answers
	}
	ctx, cancel := context.WithTimeout(context.Background(), PagePatience)
	defer cancel()
	p.asked, p.answers = wall, false
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(p.issuer, "/")+"/.well-known/openid-configuration", nil)
	if err != nil {
		return false
	}
	res, err := p.client.Do(r)
	if err != nil {
		return false
	}
	_ = res.Body.Close()
	p.answers = res.StatusCode == http.StatusOK
	return p.answers
}
