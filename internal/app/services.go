package app

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"net"
	"net/http"
	"strings"
	"time"

	"go.temporal.io/sdk/client"
	"go.uber.org/zap"

	"github.com/tabi-journeys/tabi/activities"
	"github.com/tabi-journeys/tabi/internal/api"
	"github.com/tabi-journeys/tabi/internal/background"
	"github.com/tabi-journeys/tabi/internal/clock"
	"github.com/tabi-journeys/tabi/internal/cluster"
	"github.com/tabi-journeys/tabi/internal/engine"
	"github.com/tabi-journeys/tabi/internal/gateway"
	"github.com/tabi-journeys/tabi/internal/gateway/adminapi"
	"github.com/tabi-journeys/tabi/internal/gateway/inbound"
	"github.com/tabi-journeys/tabi/internal/gateway/segment"
	"github.com/tabi-journeys/tabi/internal/mailbox"
	"github.com/tabi-journeys/tabi/internal/ratelimit"
	"github.com/tabi-journeys/tabi/internal/rejection"
	"github.com/tabi-journeys/tabi/internal/relay"
	"github.com/tabi-journeys/tabi/internal/retention"
	"github.com/tabi-journeys/tabi/internal/signedlink"
	"github.com/tabi-journeys/tabi/internal/slack"
	"github.com/tabi-journeys/tabi/internal/sqldb"
	"github.com/tabi-journeys/tabi/internal/tracing"
	"github.com/tabi-journeys/tabi/internal/webpush"
)

// Services are the parts of one process of tabi, connected and ready to run.
type Services struct {
	Config   *Config
	Log      *zap.Logger
	Store    *engine.Engine
	Temporal client.Client
	Home     *cluster.Guard // whether Temporal is the one that the database belongs to
	Clock    clock.Clock    // of the installation
	// Secrets seal sessions and user tokens; a worker may have none. LinkSecrets seal the links in mails.
	Secrets, LinkSecrets signedlink.Secrets

	metrics *metrics
	untrace func(context.Context) error // ends the export of traces
	limits  *ratelimit.Limiter
	doors   *rejection.Recorder // of what comes over Temporal
	// returned is the mailbox of bounces, which a process with a gateway reads; nil: none.
	returned *mailbox.Mailbox

	options       client.Options // of Temporal
	temporalWords string         // where Temporal is, for the log
}

// Connect connects to the database, then to Temporal, and refuses a Temporal that the database does not belong to. The
// caller closes the Services.
func (c *Config) Connect(ctx context.Context, log *zap.Logger) (*Services, error) {
	s, err := c.ConnectAny(ctx, log)
	if err != nil {
		return nil, err
	}
	if err := c.CheckSecrets(ctx, s.Store, s.Secrets, s.LinkSecrets); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	claiming, cancel := context.WithTimeout(sqldb.WithoutLast(ctx), tryTimeout)
	defer cancel()
	err = s.Home.Claim(claiming)
	switch {
	case err == nil:
		return s, nil
	case cluster.IsStranger(err):
		err = Usage("%w", err)
	default:
		err = Unreachable("%w", err)
	}
	return nil, errors.Join(err, s.Close())
}

// ConnectAny is Connect for any Temporal, whether or not the database belongs to it.
func (c *Config) ConnectAny(ctx context.Context, log *zap.Logger) (*Services, error) {
	seal, links, err := c.AllSecrets()
	if err != nil {
		return nil, err
	}
	rates, err := c.rates()
	if err != nil {
		return nil, err
	}
	s := &Services{Config: c, Log: log, Secrets: seal, LinkSecrets: links}
	if s.Store, err = c.OpenStore(ctx, log); err != nil {
		return nil, err
	}
	if s.Clock, err = s.Store.Database.Clock(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	if s.untrace, err = tracing.Begin(ctx, c.processName(), Version); err != nil {
		return nil, errors.Join(Usage("traces (OTEL_EXPORTER_OTLP_ENDPOINT): %w", err), s.Close())
	}
	if s.metrics, err = newMetrics(log); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	s.metrics.registry.MustRegister(brainMetrics{s.Store})
	s.limits = ratelimit.New(s.Store.Messages, clock.Wall, rates, s.metrics.registry)
	s.doors = rejection.NewRecorder(s.Store.Rejections, s.Log.Named("doors"), s.metrics.registry)
	s.Store.Units.OnRefused = s.doors.Entries
	if err := c.useKeys(ctx, s.Store); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	var opts client.Options
	if s.Temporal, opts, err = c.DialTemporal(ctx, log, s.metrics.handler); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	s.options = opts
	s.temporalWords = opts.HostPort + ", namespace " + opts.Namespace
	s.Home = cluster.NewGuard(s.Temporal, opts.Namespace, s.Store.Database, c.connections, log)
	s.metrics.registry.MustRegister(s.Home)
	return s, nil
}

// processName is the name of this process in traces.
func (c *Config) processName() string {
	if c.sends {
		return "tabi-worker"
	}
	return "tabi"
}

// closeTimeout bounds the last writes when a process ends.
const closeTimeout = 2 * time.Second

// Close ends all connections.
func (s *Services) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	var errs []error
	if s.Temporal != nil {
		s.Temporal.Close()
	}
	if s.untrace != nil {
		errs = append(errs, s.untrace(ctx))
	}
	if s.metrics != nil {
		errs = append(errs, s.metrics.close(ctx))
	}
	if s.Store != nil {
		errs = append(errs, s.Store.Close())
	}
	return errors.Join(errs...)
}

// TemporalReady reports whether Temporal answers, and is the one that the database belongs to.
func (s *Services) TemporalReady(ctx context.Context) error {
	if _, err := s.Temporal.CheckHealth(ctx, &client.CheckHealthRequest{}); err != nil {
		return err
	}
	return s.Home.Verified(ctx)
}

// Relay returns the relay of this process.
func (s *Services) Relay() *relay.Relay {
	return relay.New(relay.Config{
		Outbox: s.Store.Outbox, Enrollments: s.Store.Enrollments, Committed: s.Store.Units.Committed(),
		Client: s.Temporal, Home: s.Home, Clock: s.Clock, Logger: s.Log.Named("relay"), Workers: s.Config.RelayWorkers,
	})
}

// Background returns the background jobs of this process.
func (s *Services) Background() *background.Jobs {
	keep, err := retention.Parse(s.Config.Retention)
	if err != nil { // the configuration was checked
		keep = nil
		s.Log.Error("nothing is deleted: the retention cannot be read", zap.Error(err))
	}
	cfg := background.Config{
		Enrollments: s.Store.Enrollments, Starts: s.Store.Outbox, Home: s.Home,
		Schedules: s.Store.Enrollments, Intents: s.Store.Intents, Offers: s.Store.Offers,
		Audit: s.Store.Audit, AuditLog: s.Log.Named("audit"),
		Hits: s.Store.Messages, Intake: s.Store.Intake, Profiles: s.Store.Customers,
		Forgets: s.Store.Erasure, Sessions: s.Store.Access,
		Handoffs: s.Store.Handoffs, HandoffReturn: s.Config.HandoffReturn,
		Client: s.Temporal, Clock: s.Clock, Logger: s.Log.Named("background"),
		Keep: keep, Retention: s.retention(),
	}
	if s.returned != nil {
		cfg.Mailbox = s.returned
	}
	if n, err := slack.New(s.Config.Channels.Keys, s.Store.Handoffs, s.Config.PublicURL, s.Log.Named("slack")); err != nil {
		s.Log.Error("the staff is not told of hand-offs in Slack", zap.Error(err))
	} else if n != nil {
		cfg.Notices = n
	}
	jobs := background.New(cfg)
	s.metrics.registry.MustRegister(jobs)
	return jobs
}

// Reconciler returns the reconciler that `tabi reconcile` runs once.
func (s *Services) Reconciler() *background.Reconciler {
	return background.NewReconciler(background.ReconcilerConfig{
		Enrollments: s.Store.Enrollments, Starts: s.Store.Outbox, Client: s.Temporal, Home: s.Home, Clock: s.Clock,
	})
}

// restart begins a page of lost enrollments again, for the admin API.
func (s *Services) restart(ctx context.Context, in api.RestartRequest) (api.RestartPage, error) {
	o := background.RestartOptions{Journey: in.Journey, Since: in.Since, DryRun: in.DryRun}
	return s.Reconciler().RestartPage(ctx, o, in.After)
}

// Gateway builds the HTTP server. In dev, it accepts requests without keys and serves the pages of dev.
func (s *Services) Gateway(dev bool, pages map[string]http.Handler) (*gateway.Gateway, error) {
	c := s.Config
	keys, err := c.Keys()
	if err != nil {
		return nil, err
	}
	provider, err := c.SignIn.OIDC()
	if err != nil {
		return nil, err
	}
	tokens, err := ParseTokens("tokens", string(c.Tokens))
	if err != nil {
		return nil, err
	}
	proxies, err := parseProxies(c.Proxies)
	if err != nil {
		return nil, err
	}
	receivers, _, err := c.Receivers()
	if err != nil {
		return nil, err
	}
	if dev {
		maps.Copy(receivers, c.DevReceivers)
	}
	var push webpush.Key
	if private := c.Provided(webpush.KeyVariable); private != "" {
		if push, err = webpush.ParseKey(private); err != nil {
			return nil, Usage("%s: %w", webpush.KeyVariable, err)
		}
	}
	g, err := gateway.New(gateway.Config{
		Rooms: GatewayRooms(
			s.Store,
		), Ping: s.Store.Database.Ping, Clock: s.Clock, Keys: keys, Tokens: tokens,
		OIDC: provider, SessionIdle: c.SignIn.Idle, SessionLife: c.SignIn.Life, SessionCheck: cmp.Or(c.SignIn.Check, -1),
		Secrets: s.Secrets, LinkSecrets: s.LinkSecrets,
		PublicURL:  c.PublicURL,
		TemporalUI: c.TemporalUI,
		Dev:        dev, Insecure: c.Insecure, Logger: s.Log.Named("gateway"), Gatherer: s.metrics.registry,
		Ready: s.TemporalReady, Restart: s.restart,
		DevHandlers: pages, Render: c.Build.render, Gallery: c.Build.gallery,
		Tests:      adminapi.Tests{Recipients: c.Testers, Channels: c.Build.Specs(), Start: s.startTest},
		MaxPending: c.MaxPending, Proxies: proxies, Origins: c.Origins,
		WebRates: segment.Rates{Key: orNone(c.WebKeyRate), Peer: orNone(c.WebPeerRate)},
		Codec:    s.payloadCodec(), Receivers: receivers, LineLinker: c.lineLinker(), WebPushKey: push.Public,
	})
	if err != nil {
		return nil, &ExitError{Code: ExitUsage, Err: err}
	}
	address, err := c.Mailbox()
	if err != nil {
		return nil, err
	}
	if address != nil {
		s.returned = mailbox.New(address, g.AcceptMail, s.Store.Database, s.Log.Named("mailbox"))
	}
	return g, nil
}

// render renders the message of an action for a customer who is present.
func (b Build) render(ctx context.Context, r inbound.Rendering) (map[string]string, error) {
	return activities.RenderNow(ctx, b.registry().Spec(r.Channel), r.Message, r.Tone, r.Language, r.Vars)
}

// ListenHTTP listens on the gateway's address, with TLS if there is a certificate, and sets PublicURL if it is empty. Without TLS and
// without an address it listens on this machine only, for a proxy.
func (c *Config) ListenHTTP(log *zap.Logger) (net.Listener, error) {
	address := c.Listen
	if address == "" {
		if address = "127.0.0.1:8080"; c.TLSCert != "" {
			address = ":8080"
		}
	}
	l, err := listen(address, "listen", "tls", c.TLSCert, c.TLSKey, log)
	if err != nil {
		return nil, err
	}
	own := LocalURL(l.Addr())
	if c.TLSCert != "" {
		own = strings.Replace(own, "http:", "https:", 1)
	}
	if c.PublicURL == "" {
		c.PublicURL = own
	}
	return l, nil
}

// ListenMetrics listens on the address of the worker's health and metrics, with TLS if there is a certificate; nil: there is no address.
func (c *Config) ListenMetrics(log *zap.Logger) (net.Listener, error) {
	if c.MetricsListen == "" {
		return nil, nil
	}
	return listen(c.MetricsListen, "metrics-listen", "metrics-tls", c.MetricsTLSCert, c.MetricsTLSKey, log)
}

// listen listens on an address, with TLS if there is a certificate. The flags are named in errors.
func listen(address, flag, tls, certFile, keyFile string, log *zap.Logger) (net.Listener, error) {
	var certificate *gateway.Certificate
	if certFile != "" {
		var err error
		if certificate, err = gateway.LoadCertificate(certFile, keyFile, log); err != nil {
			return nil, Usage("--%s-cert and --%s-key: %w", tls, tls, err)
		}
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, Unreachable("cannot listen on %s: %w; choose another address with --%s", address, err, flag)
	}
	if certificate != nil {
		l = certificate.Listener(l)
	}
	return l, nil
}

// LocalURL returns the address at which a listener is reached from this machine.
func LocalURL(a net.Addr) string {
	host, port, err := net.SplitHostPort(a.String())
	if err != nil {
		return "http://" + a.String()
	}
	if ip := net.ParseIP(host); ip == nil || ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return "http://" + net.JoinHostPort(host, port)
}

// RunAll runs parts side by side until ctx ends or a part returns. Then it stops all parts and waits for them.
func RunAll(ctx context.Context, parts ...func(context.Context) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan error, len(parts))
	for _, part := range parts {
		go func() {
			defer cancel()
			ended <- part(ctx)
		}()
	}
	var errs []error
	for range parts {
		if err := <-ended; err != nil && !errors.Is(err, context.Canceled) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
