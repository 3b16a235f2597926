package app

import (
	"bytes"
	"context"
	"io"
	"net/http"

	"github.com/spf13/pflag"
	"go.uber.org/zap"

	"github.com/tabi-journeys/tabi/internal/access"
	"github.com/tabi-journeys/tabi/internal/engine"
	"github.com/tabi-journeys/tabi/internal/gateway"
	"github.com/tabi-journeys/tabi/internal/gateway/auth"
)

// Offline is a gateway inside of a command, on the database itself: for the first key of an installation, and where no key opens the
// admin API any more. It needs the settings of the database, by which its caller may do anything anyhow, and serves the same routes as
// a gateway, so that what it does is checked and recorded as there. It is a http.RoundTripper.
type Offline struct {
	Token   Secret // opens it: of an admin with the name of the user of this machine
	store   *engine.Engine
	handler http.Handler
}

// OpenOffline opens the database that the environment names; dataDir is used where it names none. The caller closes it.
func (b Build) OpenOffline(ctx context.Context, dataDir string, lookup func(string) (string, bool)) (*Offline, error) {
	c := Config{Build: b}
	fs := pflag.NewFlagSet("offline", pflag.ContinueOnError)
	c.Register(fs, Storage)
	if err := c.Load(fs, lookup); err != nil {
		return nil, err
	}
	if dataDir != "" {
		c.DataDir = dataDir
	}
	seal, links, err := c.AllSecrets()
	if err != nil {
		return nil, err
	}
	o := &Offline{Token: Secret(access.NewSecret("offline_"))}
	if o.store, err = c.OpenStore(ctx, zap.NewNop()); err != nil {
		return nil, err
	}
	if err := c.checkSecrets(ctx, o.store, seal, links); err != nil {
		_ = o.store.Close()
		return nil, err
	}
	g, err := gateway.New(gateway.Config{
		Rooms: GatewayRooms(o.store), Ping: o.store.Database.Ping, PublicURL: "http://localhost", Secrets: seal, LinkSecrets: links,
		Tokens: []auth.Token{{Value: string(o.Token), Name: Whoami() + " (offline)", Role: access.Admin}},
	})
	if err != nil {
		_ = o.store.Close()
		return nil, err
	}
	o.handler = g.Handler()
	return o, nil
}

// Close closes the database.
func (o *Offline) Close() error { return o.store.Close() }

// RoundTrip implements http.RoundTripper: it serves the request here.
func (o *Offline) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body == nil {
		r.Body = http.NoBody
	}
	r.RemoteAddr, r.RequestURI = "127.0.0.1:0", r.URL.RequestURI()
	out := &offlineAnswer{header: http.Header{}}
	o.handler.ServeHTTP(out, r)
	if out.status == 0 {
		out.status = http.StatusOK
	}
	return &http.Response{
		Status: http.StatusText(out.status), StatusCode: out.status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: out.header,
		Body: io.NopCloser(&out.body), ContentLength: int64(out.body.Len()), Request: r,
	}, nil
}

// offlineAnswer is a http.ResponseWriter in memory.
type offlineAnswer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (a *offlineAnswer) Header() http.Header { return a.header }

func (a *offlineAnswer) WriteHeader(status int) {
	if a.status == 0 {
		a.status = status
	}
}

func (a *offlineAnswer) Write(data []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	return a.body.Write(data)
}
