// Package gateway is tabi's HTTP server: the table of all routes, access control, health and metrics. The handlers are in its
// sub-packages: segment (events in), inbound (decisions and app messages), mail (links and provider reports), adminapi and pages.
// It answers 2xx to an event only after the store has committed it.
package gateway

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"golang.org/x/time/rate"

	"github.com/tabi-journeys/tabi/channel/webhook"
	"github.com/tabi-journeys/tabi/internal/audit"
	"github.com/tabi-journeys/tabi/internal/clock"
	"github.com/tabi-journeys/tabi/internal/gateway/adminapi"
	"github.com/tabi-journeys/tabi/internal/gateway/auth"
	"github.com/tabi-journeys/tabi/internal/gateway/figures"
	"github.com/tabi-journeys/tabi/internal/gateway/inbound"
	"github.com/tabi-journeys/tabi/internal/gateway/mail"
	"github.com/tabi-journeys/tabi/internal/gateway/pages"
	"github.com/tabi-journeys/tabi/internal/gateway/payloads"
	"github.com/tabi-journeys/tabi/internal/gateway/reports"
	"github.com/tabi-journeys/tabi/internal/gateway/scripts"
	"github.com/tabi-journeys/tabi/internal/gateway/segment"
	"github.com/tabi-journeys/tabi/internal/gateway/web"
	"github.com/tabi-journeys/tabi/internal/message"
	"github.com/tabi-journeys/tabi/internal/rejection"
	"github.com/tabi-journeys/tabi/internal/signedlink"
)

// AccessRoom has who may call: API keys and sessions.
type AccessRoom interface {
	auth.KeyRoom
	auth.Sessions
	adminapi.Sessions
}

// Rooms are the rooms that the gateway's parts use, together. All are required.
type Rooms struct {
	Access    AccessRoom
	Analytics interface {
		adminapi.Analytics
		figures.Analytics
		pages.Analytics
	}
	Audit   *audit.Room
	Catalog interface {
		adminapi.Catalog
		figures.Catalog
		inbound.Catalog
		mail.Catalog
		pages.Catalog
	}
	Customers interface {
		adminapi.Customers
		auth.Customers
		mail.Customers
		pages.Customers
		segment.Customers
	}
	Enrollments interface {
		adminapi.Enrollments
		pages.Enrollments
	}
	Erasure  adminapi.Erasure
	Handoffs pages.Handoffs
	Intake   interface {
		adminapi.Intake
		mail.Intake
		segment.Intake
	}
	Intents interface {
		adminapi.Intents
		pages.Intents
	}
	Messages interface {
		adminapi.Messages
		inbound.Messages
		mail.Messages
		pages.Messages
		reports.Messages
	}
	Offers interface {
		adminapi.Offers
		inbound.Offers
		pages.Offers
	}
	Outbox interface {
		adminapi.Outbox
		segment.Outbox
	}
	Rejections interface {
		adminapi.Rejections
		rejection.Keeper
	}
}

// Config of a Gateway.
type Config struct {
	Rooms Rooms
	Ping  func(context.Context) error // reports whether the database can be reached; required
	Clock clock.Clock                 // the zero clock is real time

	Keys   map[string]auth.Key // write keys
	Tokens []auth.Token        // of people and programs, with their roles
	// Secrets seal sessions and user tokens, LinkSecrets the links in mails. A link opens as long as the secret that sealed it is
	// in the list.
	Secrets, LinkSecrets     signedlink.Secrets
	OIDC                     *auth.OIDC    // a provider by which people sign in; nil: by tokens only
	SessionIdle, SessionLife time.Duration // limits of sessions; defaults of package auth
	SessionCheck             time.Duration // after which the provider is asked again; default of package auth; negative: never
	// PublicURL is how browsers and mail programs reach this gateway: https://tabi.example.com.
	PublicURL string

	// Dev answers only this machine (peer, Host and Origin must be loopback) and needs neither keys nor tokens.
	Dev bool
	// Insecure lets a gateway start without keys and tokens; what has none is open to everyone.
	Insecure bool
	// Door is where acts come in, as the audit log names it; default: audit.Page or audit.API, by the route.
	Door string

	// Proxies are the addresses of reverse proxies whose X-Forwarded-For is believed; none: the peer is who connects.
	Proxies []netip.Prefix
	// Origins are the sites whose pages may read answers: "https://shop.example.com", or "*" for all. None: see allowOrigin.
	Origins []string
	// WebRates bound the calls of web keys.
	WebRates segment.Rates

	// TemporalUI is a comma-separated list of addresses of the Temporal UI's list of workflows, such as
	// http://localhost:8233/namespaces/default/workflows: pages link to the first, and pages of all may call the codec server. Empty: none.
	TemporalUI string

	// Receivers read what providers report, by the provider's name; none: POST /v1/providers answers 404.
	Receivers map[string]webhook.Receiver
	// LineLinker asks LINE for the address at which a user confirms an account; nil: POST /v1/line/link answers 404.
	LineLinker reports.LineLinker

	// WebPushKey is the public key of web push, for the script of pages; empty: the script is not served.
	WebPushKey string

	// Codec encrypts and decrypts what Temporal keeps, for the codec server; nil: nothing is encrypted.
	Codec payloads.Codec

	// Render renders a message for a customer who is here (POST /v1/decide); nil: the answer has the message's name only.
	Render func(context.Context, inbound.Rendering) (map[string]string, error)

	// Gallery renders all that a message says (/messages/{name}); nil: there is no such page.
	Gallery pages.Gallery

	// Tests says how tests of messages are sent, and to whom.
	Tests adminapi.Tests

	Logger *zap.Logger // default: none
	// Ready reports whether Temporal can be reached, for /readyz and a metric; nil leaves it out of both.
	Ready func(context.Context) error
	// Restart begins lost enrollments again; nil: the gateway answers that it cannot.
	Restart adminapi.Restart
	// Gatherer's metrics are served at /metrics with the gateway's own; nil: none.
	Gatherer prometheus.Gatherer
	// DevHandlers are served in dev only, at their patterns of http.ServeMux; every path must begin with /dev/.
	DevHandlers map[string]http.Handler
	Limits      web.Limits
	// MaxPending is how many outbox entries may wait before the tracking API answers 429 with Retry-After; 0: any number. Inbox,
	// links, decisions and the admin API are not affected.
	MaxPending int
}

// Gateway serves HTTP.
type Gateway struct {
	*web.Env
	cfg      Config
	auth     *auth.Auth
	figures  *figures.Figures
	segment  *segment.Handlers
	inbound  *inbound.Handlers
	mail     *mail.Handlers
	reports  *reports.Reports
	scripts  *scripts.Scripts
	payloads *payloads.Handlers
	admin    *adminapi.Handlers
	pages    *pages.Pages
	openAPI  []byte
	registry *prometheus.Registry
	requests *prometheus.HistogramVec
	handler  http.Handler
	draining atomic.Bool // the process is about to stop
	refusals *refusedLog
	// strangers limits log lines about origins that are not listed.
	strangers *rate.Sometimes
	// transport is the value of Strict-Transport-Security; empty: none.
	transport string
}

// New checks the configuration and builds a Gateway. Outside Dev, and without Insecure, nobody gets in without a key or a token, also
// where there is none.
func New(cfg Config) (*Gateway, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	cfg.PublicURL = strings.TrimRight(cfg.PublicURL, "/")
	env := &web.Env{
		Now:  func() time.Time { return clock.Now(cfg.Clock) },
		Wall: clock.Wall, Log: cfg.Logger, Limits: cfg.Limits.WithDefaults(), Ping: cfg.Ping,
		Proxies: cfg.Proxies,
	}
	if env.Log == nil {
		env.Log = zap.NewNop()
	}
	g := &Gateway{
		Env: env, cfg: cfg, registry: prometheus.NewRegistry(), refusals: newRefusedLog(), strangers: newSometimes(),
		transport: strictTransport(cfg.PublicURL),
	}
	rooms := cfg.Rooms
	access := cfg.access()
	access.Stored = auth.NewKeys(rooms.Access, cfg.Secrets, func() time.Time { return env.Wall() }, env.Log)
	g.auth = auth.New(env, access, g.registry)
	env.Doors = rejection.NewRecorder(rooms.Rejections, env.Log, g.registry)
	g.figures = figures.New(env, figures.Rooms{Analytics: rooms.Analytics, Catalog: rooms.Catalog})
	uis, err := payloads.ParseUIs(cfg.TemporalUI)
	if err != nil {
		return nil, err
	}
	var devPatterns []string
	if cfg.Dev {
		devPatterns = slices.Collect(maps.Keys(cfg.DevHandlers))
	}
	if g.pages, err = pages.New(env, g.auth, g.figures, pages.Rooms{
		Analytics: rooms.Analytics, Audit: rooms.Audit, Catalog: rooms.Catalog, Customers: rooms.Customers,
		Enrollments: rooms.Enrollments, Handoffs: rooms.Handoffs, Intents: rooms.Intents, Messages: rooms.Messages, Offers: rooms.Offers,
	}, uis.Link, devPatterns, cfg.Gallery); err != nil {
		return nil, err
	}
	g.segment = segment.New(env, g.auth, segment.Rooms{
		Customers: rooms.Customers, Intake: rooms.Intake, Outbox: rooms.Outbox,
	}, cfg.Clock, cfg.MaxPending, cfg.WebRates, g.registry)
	g.inbound = inbound.New(env, g.auth, inbound.Rooms{
		Catalog: rooms.Catalog, Messages: rooms.Messages, Offers: rooms.Offers,
	}, cfg.Render)
	g.scripts = scripts.New(cfg.WebPushKey)
	g.reports = reports.New(env, reports.Rooms{Intake: rooms.Intake, Messages: rooms.Messages, People: rooms.Customers}, cfg.Receivers,
		cfg.LinkSecrets, cfg.LineLinker, g.registry)
	g.mail = mail.New(env, g.auth.Links, mail.Rooms{
		Catalog: rooms.Catalog, Customers: rooms.Customers, Intake: rooms.Intake, Messages: rooms.Messages,
	}, g.pages, g.reports)
	g.admin = adminapi.New(env, adminapi.Rooms{
		Analytics: rooms.Analytics, Audit: rooms.Audit, Catalog: rooms.Catalog, Customers: rooms.Customers,
		Enrollments: rooms.Enrollments, Erasure: rooms.Erasure, Handoffs: rooms.Handoffs, Intake: rooms.Intake, Intents: rooms.Intents,
		Messages: rooms.Messages, Offers: rooms.Offers,
		Outbox: rooms.Outbox, Rejections: rooms.Rejections, Keys: access.Stored, Sessions: rooms.Access,
	}, g.figures, cfg.Restart, g.auth.Standing, cfg.tests())
	g.payloads = payloads.New(env, cfg.Codec, uis, cfg.PublicURL)
	if g.openAPI, err = g.admin.OpenAPI(); err != nil {
		return nil, fmt.Errorf("gateway: the OpenAPI document: %w", err)
	}
	g.registerMetrics()
	g.handler = g.partWays(g.build())
	return g, nil
}

// AcceptMail stores what a mail to the bounce address says, as POST /v1/mail/bounces does. refused is why it is of no use. After an
// error the mail must come again.
func (g *Gateway) AcceptMail(ctx context.Context, raw []byte) (refused string, err error) {
	_, problem, err := g.reports.Mail(ctx, raw, nil)
	switch {
	case err != nil && message.IsInput(err):
		return err.Error(), nil
	case err != nil || problem == nil:
		return "", err
	}
	return problem.Message, nil
}

// Handler serves everything.
func (g *Gateway) Handler() http.Handler { return g.handler }

// tests returns how tests are sent: in dev to everybody, since all channels lead to its sinks.
func (c Config) tests() adminapi.Tests {
	tests := c.Tests
	tests.Anyone = tests.Anyone || c.Dev
	return tests
}

func (c Config) access() auth.Config {
	return auth.Config{
		Keys: c.Keys, Tokens: c.Tokens, Sessions: c.Rooms.Access, SessionIdle: c.SessionIdle, SessionLife: c.SessionLife,
		SessionCheck: c.SessionCheck, OIDC: c.OIDC,
		Secrets: c.Secrets, LinkSecrets: c.LinkSecrets, PublicURL: c.PublicURL,
		Dev: c.Dev, Insecure: c.Insecure, Customers: c.Rooms.Customers,
	}
}

// check reports everything that is wrong with the configuration.
func (c Config) check() error {
	problems := c.access().Check()
	add := func(format string, args ...any) { problems = append(problems, fmt.Errorf(format, args...)) }
	if c.Ping == nil {
		add("gateway: no database")
	}
	if u, err := url.Parse(c.PublicURL); err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		add("gateway: public URL %q is not an http or https address", c.PublicURL)
	}
	for _, origin := range c.Origins {
		if err := checkOrigin(origin); err != nil {
			problems = append(problems, err)
		}
	}
	if _, err := payloads.ParseUIs(c.TemporalUI); err != nil {
		add("gateway: TABI_TEMPORAL_UI: %w", err)
	}
	for pattern := range c.DevHandlers {
		path := pattern[strings.IndexByte(pattern, ' ')+1:]
		if !strings.HasPrefix(path, "/dev/") {
			add("gateway: dev handler %q is not under /dev/", pattern)
		}
	}
	return errors.Join(problems...)
}
