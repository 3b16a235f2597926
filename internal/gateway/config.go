// Package gateway is tabi's HTTP side: events in (Segment's tracking API), the agents' inbox, links in mails,
// app messages, the admin API, health and metrics. It answers 2xx to an event only once the store has committed
// it.
package gateway

import (
	"context"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/tabi-journeys/tabi/internal/clock"
	"github.com/tabi-journeys/tabi/internal/signedlink"
	"github.com/tabi-journeys/tabi/internal/store"
)

// Kinds of write keys.
const (
	ServerKey = "server" // secret, held by back ends: every event, every trait
	WebKey    = "web"    // public, shipped in pages and apps: listed events and traits only
)

// Key is what a write key may do.
type Key struct {
	Kind   string   // ServerKey or WebKey
	Events []string // web: the names it may track
	Traits []string // web: the top-level traits it may set; never a protected one
}

// Token is a secret that opens pages or the admin API.
type Token struct {
	Value string
	Name  string // who holds it, shown on what they do; empty: agents name themselves when they sign in
}

// Limits of what is taken in. Zero values take the defaults.
type Limits struct {
	Body  int64 // bytes of a request body, before and after decompression; default 512 KiB
	Event int   // bytes of one call; default 32 KiB
	Batch int   // calls in a batch; default 1000
	Depth int   // nesting of JSON; default 64
}

// Config of a Gateway.
type Config struct {
	Store *store.Store // required
	Clock clock.Clock  // the zero clock is real time

	Keys        map[string]Key // write keys
	AgentTokens []Token        // open the inbox and metrics
	AdminTokens []Token        // open the admin API too
	// Secret signs links, sessions and user tokens; at least 16 bytes. A change makes the links in mails
	// already sent invalid.
	Secret []byte
	// PublicURL is how browsers and mail programs reach this gateway, without a trailing slash:
	// https://tabi.example.com.
	PublicURL string

	// Dev answers this machine alone (peer, Host and Origin must be loopback) and needs neither keys nor tokens.
	Dev bool
	// Insecure lets a gateway start without keys and tokens; what has none is open to everyone.
	Insecure bool

	// TemporalUI is the address of the Temporal UI's list of workflows, for links in pages:
	// http://localhost:8233/namespaces/default/workflows. Empty: no links.
	TemporalUI string

	// Render makes a message for a customer who is here (POST /v1/decide); nil: its name is answered alone.
	Render func(context.Context, Rendering) (map[string]string, error)

	Logger *zap.Logger // default: none
	// Ready reports whether Temporal can be reached; nil leaves it out of /readyz.
	Ready func(context.Context) error
	// Gatherer's metrics are served at /metrics beside the gateway's own; nil: none.
	Gatherer prometheus.Gatherer
	// DevHandlers are served in Dev alone, under their patterns of http.ServeMux; every path must begin with /dev/.
	DevHandlers map[string]http.Handler
	Limits      Limits
	// MaxPending is how many deliveries may wait before the tracking API answers 429 with Retry-After; 0: any
	// number. Inbox, links, decisions and the admin API go on.
	MaxPending int
}

// protected traits are addresses and permissions: only a server key may set them.
var protected = map[string]bool{"email": true, "phone": true, "push_token": true, "consent": true}

// protectedEvents change what a customer may be sent: only a server key may track them.
var protectedEvents = map[string]bool{Unsubscribed: true, emailBounced: true, emailSpam: true}

// Gateway serves HTTP.
type Gateway struct {
	cfg            Config
	log            *zap.Logger
	now            func() time.Time // virtual
	wall           func() time.Time
	keys           []namedKey
	sealer         sealer
	links          signedlink.Links
	pages          *template.Template
	registry       *prometheus.Registry
	requests       *prometheus.HistogramVec
	calls          *prometheus.CounterVec
	counts         *countsCache
	pressure       *pressure
	pushedBack     prometheus.Counter
	journeyNumbers numbersCache
	handler        http.Handler
}

// New checks the configuration and builds a Gateway. Outside Dev it fails without write keys, agent and admin tokens,
// unless Insecure.
func New(cfg Config) (*Gateway, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	cfg.Limits = cfg.Limits.defaults()
	cfg.PublicURL = strings.TrimRight(cfg.PublicURL, "/")
	g := &Gateway{
		cfg:    cfg,
		log:    cfg.Logger,
		now:    func() time.Time { return clock.Now(cfg.Clock) },
		wall:   clock.Wall,
		keys:   digestKeys(cfg.Keys),
		sealer: newSealer(cfg.Secret),
		links:  signedlink.Links{PublicURL: cfg.PublicURL, Secret: cfg.Secret},
	}
	if g.log == nil {
		g.log = zap.NewNop()
	}
	pages, err := parsePages()
	if err != nil {
		return nil, err
	}
	g.pages = pages
	g.pressure = &pressure{g: g}
	g.setUpMetrics()
	g.handler = g.build()
	return g, nil
}

// Handler serves everything.
func (g *Gateway) Handler() http.Handler { return g.handler }

func (c Config) check() error {
	var problems []error
	add := func(format string, args ...any) { problems = append(problems, fmt.Errorf(format, args...)) }
	if c.Store == nil {
		add("gateway: no store")
	}
	if len(c.Secret) < 16 {
		add("gateway: the secret has %d bytes; give at least 16 (TABI_SECRET)", len(c.Secret))
	}
	if u, err := url.Parse(c.PublicURL); err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		add("gateway: public URL %q is not an http or https address", c.PublicURL)
	}
	if !c.Dev && !c.Insecure {
		if len(c.Keys) == 0 {
			add("gateway: no write keys; give some (TABI_WRITE_KEYS), or --insecure to let everyone in")
		}
		if len(c.AgentTokens) == 0 {
			add("gateway: no agent token; give one (TABI_AGENT_TOKENS), or --insecure")
		}
		if len(c.AdminTokens) == 0 {
			add("gateway: no admin token; give one (TABI_ADMIN_TOKENS), or --insecure")
		}
	}
	for _, t := range append(append([]Token{}, c.AgentTokens...), c.AdminTokens...) {
		if t.Value == "" || !c.Dev && !c.Insecure && len(t.Value) < 16 {
			add("gateway: a token has %d bytes; give at least 16", len(t.Value))
		}
	}
	for name, k := range c.Keys {
		problems = append(problems, k.check(name)...)
	}
	for pattern := range c.DevHandlers {
		path := pattern[strings.IndexByte(pattern, ' ')+1:]
		if !strings.HasPrefix(path, "/dev/") {
			add("gateway: dev handler %q is not under /dev/", pattern)
		}
	}
	return errors.Join(problems...)
}

func (k Key) check(name string) (problems []error) {
	shown := name
	if len(shown) > 4 {
		shown = shown[:4] + "…" // a server key is a secret
	}
	if name == "" {
		problems = append(problems, errors.New("gateway: a write key is empty"))
	}
	if k.Kind != ServerKey && k.Kind != WebKey {
		problems = append(problems, fmt.Errorf("gateway: write key %s has kind %q; it is %q or %q", shown, k.Kind, ServerKey, WebKey))
	}
	for _, e := range k.Events {
		if protectedEvents[e] {
			problems = append(problems, fmt.Errorf("gateway: write key %s lists event %q, which only server keys may track", shown, e))
		}
	}
	for _, t := range k.Traits {
		if protected[t] {
			problems = append(problems, fmt.Errorf("gateway: write key %s lists trait %q, which only server keys may set", shown, t))
		}
	}
	return problems
}

func (l Limits) defaults() Limits {
	if l.Body <= 0 {
		l.Body = 512 << 10
	}
	if l.Event <= 0 {
		l.Event = 32 << 10
	}
	if l.Batch <= 0 {
		l.Batch = 1000
	}
	if l.Depth <= 0 {
		l.Depth = 64
	}
	return l
}
