// Package devmode runs tabi on a designer's own machine, in one process, with Temporal as a child: tabi dev.
package devmode

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"go.uber.org/zap"

	"github.com/tabi-journeys/tabi/activities/channels/chatapi"
	"github.com/tabi-journeys/tabi/channel/webhook"
	"github.com/tabi-journeys/tabi/internal/app"
	"github.com/tabi-journeys/tabi/internal/clock"
	"github.com/tabi-journeys/tabi/internal/cluster"
	"github.com/tabi-journeys/tabi/internal/devsinks"
	"github.com/tabi-journeys/tabi/internal/gateway"
	"github.com/tabi-journeys/tabi/internal/journey/lint"
	"github.com/tabi-journeys/tabi/internal/journey/source"
	"github.com/tabi-journeys/tabi/internal/webpush"
)

// Dev runs everything in one process, with Temporal as a child process, on a designer's own machine.
type Dev struct {
	Config   *app.Config
	Temporal DevServerOptions
	Journeys string // folder that is linted and published at start and on each save; empty: none
	Log      *zap.Logger
	// Linted is called after every check of the folder, Published after every release, Refused if the store refuses one.
	Linted    func([]lint.File, source.Diagnostics)
	Published func(app.Published)
	Refused   func(error)
	Ready     func(Running)
	Activity  func(string) // gets a line for each entry and send; nil: nobody asks
}

// readyTimeout bounds the wait from the start of all parts until the gateway reports that it is ready.
const readyTimeout = time.Minute

// Run starts everything and runs until ctx ends. When it returns, everything it started has ended.
func (d *Dev) Run(ctx context.Context) (err error) {
	defer app.StopWithin(ctx, d.Log)()
	c := d.Config
	c.TemporalTrusted = true // as every request counts as one with a server key
	if err := loopback(c.Listen); err != nil {
		return err
	}
	unlock, err := lockDev(ctx, c.DataDir)
	if err != nil {
		return err
	}
	defer unlock()
	listener, err := c.ListenHTTP(d.Log)
	if err != nil {
		return err
	}
	defer func() { _ = listener.Close() }()
	if err := c.MakeMasterKey(); err != nil {
		return err
	}
	d.Temporal.CodecEndpoint = app.LocalURL(listener.Addr()) + "/v1/codec"
	server, err := StartDevServer(d.Temporal)
	if err != nil {
		return err
	}
	defer server.Stop()
	if c.TemporalUI == "" {
		c.TemporalUI = server.UI
	}
	c.TemporalAddr, c.TemporalNS = server.Address, "default"
	for _, name := range []string{"TEMPORAL_PROFILE", "TEMPORAL_CONFIG_FILE", "TEMPORAL_API_KEY", "TEMPORAL_TLS"} {
		if err := os.Unsetenv(name); err != nil { // the child needs none of it
			return err
		}
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() {
		if err := server.Watch(ctx); err != nil {
			cancel(err)
		}
	}()
	err = d.serve(ctx, listener, server)
	if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, context.Canceled) {
		return cause
	}
	return app.Stopped(ctx, err)
}

// serve runs the parts beside the server.
func (d *Dev) serve(ctx context.Context, listener net.Listener, server *DevServer) (err error) {
	c := d.Config
	sinks, err := devsinks.Start(devsinks.Options{Dir: filepath.Join(c.DataDir, "sinks")})
	if err != nil {
		return fmt.Errorf("cannot start the sinks for messages: %w", err)
	}
	defer func() { err = errors.Join(err, sinks.Close()) }()
	if err := useSinks(c, sinks); err != nil {
		return err
	}
	st, err := c.OpenStore(ctx, d.Log)
	if err != nil {
		return err
	}
	if err := errors.Join(c.SetClock(ctx, st), st.Close()); err != nil {
		return err
	}
	s, err := c.ConnectAny(ctx, d.Log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	if err := d.home(ctx, s); err != nil {
		return err
	}
	folder := &folder{dev: d, services: s}
	if err := folder.first(ctx); err != nil {
		return err
	}
	sinks.SetClock(s.Clock)
	pages := sinks.Handler()
	c.DevReceivers = map[string]webhook.Receiver{}
	for name, r := range sinks.Receivers() {
		c.DevReceivers[name] = r
	}
	sinks.SetPlay(d.play(s, folder, app.LocalURL(listener.Addr())))
	g, err := s.Gateway(true, map[string]http.Handler{"/dev/": pages})
	if err != nil {
		return err
	}
	running := Running{
		URL:      app.LocalURL(listener.Addr()),
		Temporal: server.Address,
		UI:       server.UI,
		SMTP:     sinks.SMTPAddress(),
		Clock:    s.Clock,
		PID:      os.Getpid(),
	}
	return app.RunAll(ctx,
		func(ctx context.Context) error {
			return gateway.Serve(ctx, gateway.Server(g.Handler(), s.Log), listener)
		},
		s.RunWorker,
		s.Relay().Run,
		s.Background().Run,
		folder.watch,
		func(ctx context.Context) error { return d.follow(ctx, s) },
		func(ctx context.Context) error { return d.announce(ctx, running) },
	)
}

// home makes the Temporal that dev has started the one that the database belongs to. Its file may have been deleted,
// which loses the runs; the database of an installation is refused.
func (d *Dev) home(ctx context.Context, s *app.Services) error {
	err := s.Home.Claim(ctx)
	if !cluster.IsStranger(err) || d.Config.Postgres() {
		return err
	}
	found, err := s.Home.Ask(ctx)
	if err != nil {
		return err
	}
	d.Log.Warn("Temporal's file in the data folder is not of this database, and is used from now on: `tabi reconcile --dry-run` lists " +
		"enrollments without runs and runs without enrollments, `tabi restart --lost` begins enrollments again where they were")
	return cluster.Adopt(ctx, s.Store.Database, found)
}

// announce waits until the gateway is ready, writes the file of addresses for other commands, calls Ready, and removes
// the file at the end.
func (d *Dev) announce(ctx context.Context, running Running) error {
	began := clock.Wall()
	client := http.Client{Timeout: app.RetryPause}
	for !answers(ctx, &client, running.URL+"/readyz") {
		if clock.Wall().Sub(began) > readyTimeout {
			return app.Unreachable("not ready after %s: see %s/readyz for what is missing", readyTimeout, running.URL)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(app.RetryPause / 10):
		}
	}
	remove, err := running.write(d.Config.DataDir)
	if err != nil {
		return app.Unreachable("cannot write to the data folder: %w; choose another one with --data-dir", err)
	}
	defer remove()
	if d.Ready != nil {
		d.Ready(running)
	}
	<-ctx.Done()
	return nil
}

func answers(ctx context.Context, client *http.Client, url string) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return false
	}
	answer, err := client.Do(req)
	if err != nil {
		return false
	}
	_ = answer.Body.Close()
	return answer.StatusCode == http.StatusOK
}

// useSinks points the channels that are not configured at the sinks.
func useSinks(c *app.Config, s *devsinks.Sink) error {
	ch := &c.Channels
	if ch.EmailURL == "" {
		ch.EmailURL = s.SMTPURL()
		if ch.MailFrom == "" {
			ch.MailFrom = "tabi <tabi@example.com>"
		}
	}
	if ch.FCMCredentials == "" {
		account, err := s.ServiceAccount()
		if err != nil {
			return err
		}
		ch.FCMCredentials, ch.FCMURL = string(account), s.FCMURL()
	}
	if ch.SMSURL == "" && ch.SMSSecret == "" {
		ch.SMSURL, ch.SMSSecret = s.SMSURL(), s.SMSSecret()
	}
	if c.Provided(chatapi.LineToken) == "" {
		c.Provide(chatapi.LineToken, s.ChatToken())
		c.Provide(chatapi.LineURL, s.LineURL())
		c.Provide(chatapi.LineSecret, s.ChatSecret())
	}
	if c.Provided(chatapi.WhatsAppToken) == "" && c.Provided(chatapi.WhatsAppPhone) == "" {
		c.Provide(chatapi.WhatsAppToken, s.ChatToken())
		c.Provide(chatapi.WhatsAppPhone, s.WhatsAppPhone())
		c.Provide(chatapi.WhatsAppURL, s.WhatsAppURL())
		c.Provide(chatapi.WhatsAppSecret, s.ChatSecret()+"-whatsapp")
		c.Provide(chatapi.WhatsAppVerify, s.ChatSecret()+"-verify")
	}
	ch.WebhookAllowPrivate = true
	if c.Provided(webpush.KeyVariable) != "" {
		return nil
	}
	key, err := webPushKey(c.DataDir)
	if err != nil {
		return err
	}
	s.SetWebPushKey(key.Public)
	c.Provide(webpush.KeyVariable, key.Private)
	c.Provide(webpush.URLVariable, s.WebPushURL())
	if c.Provided(webpush.ContactVariable) == "" {
		c.Provide(webpush.ContactVariable, "tabi@example.com")
	}
	return nil
}

// webPushKey returns the key pair of web push in a data folder, and makes it the first time: browsers stay subscribed at the next start.
func webPushKey(dir string) (webpush.Key, error) {
	path := filepath.Join(dir, "web-push-key")
	text, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		key, err := webpush.NewKey()
		if err == nil {
			err = os.WriteFile(path, []byte(key.Private+"\n"), 0o600)
		}
		if err != nil {
			return key, app.Unreachable("cannot make a key for web push: %w", err)
		}
		return key, nil
	}
	if err != nil {
		return webpush.Key{}, app.Unreachable("cannot read the key for web push: %w", err)
	}
	key, err := webpush.ParseKey(string(text))
	if err != nil {
		return key, app.Usage("%s %w; delete it for a new one", path, err)
	}
	return key, nil
}

// loopback refuses addresses that other machines can reach, because dev does not authenticate requests.
func loopback(address string) error {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return app.Usage("--listen is %q: give host:port", address)
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return app.Usage(
			"--listen is %q: dev does not authenticate requests, so it listens on this machine only (127.0.0.1:8080); use serve for "+
				"other addresses",
			address,
		)
	}
	return nil
}
