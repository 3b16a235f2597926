// Package offline is a gateway inside of a command, on the database itself.
package offline

import (
	"bytes"
	"context"
	"io"
	"net/http"

	"github.com/spf13/pflag"
	"go.uber.org/zap"

	"github.com/tabi-journeys/tabi/internal/access"
	"github.com/tabi-journeys/tabi/internal/app"
	"github.com/tabi-journeys/tabi/internal/audit"
	"github.com/tabi-journeys/tabi/internal/engine"
	"github.com/tabi-journeys/tabi/internal/gateway"
	"github.com/tabi-journeys/tabi/internal/gateway/auth"
)

// Gateway is for the first key of an installation, and where no key opens the admin API
// any more. It needs the settings of the database, by which its caller may do anything anyhow, and serves the same routes as
// a gateway, so that what it does is checked and recorded as there. It is a http.RoundTripper.
type Gateway struct {
	Token   app.Secret // opens it: of an admin with the name of the user of this machine
	store   *engine.Engine
	handler http.Handler
}

// Open opens the database that the environment names; dataDir is used where it names none. The caller closes it.
func Open(ctx context.Context, b app.Build, dataDir string, lookup func(string) (string, bool)) (*Gateway, error) {
	c := app.Config{Build: b}
	fs := pflag.NewFlagSet("offline", pflag.ContinueOnError)
	c.Register(fs, app.Storage)
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
	o := &Gateway{Token: app.Secret(access.NewSecret("offline_"))}
	if o.store, err = c.OpenStore(ctx, zap.NewNop()); err != nil {
		return nil, err
	}
	if err := c.CheckSecrets(ctx, o.store, seal, links); err != nil {
		_ = o.store.Close()
		return nil, err
	}
	g, err := gateway.New(gateway.Config{
		Rooms: app.GatewayRooms(o.store), Ping: o.store.Database.Ping, PublicURL: "http://localhost", Secrets: seal, LinkSecrets: links,
		Door:   audit.CLI,
		Tokens: []auth.Token{{Value: string(o.Token), Name: app.Whoami() + " (offline)", Role: access.Admin}},
	})
	if err != nil {
		_ = o.store.Close()
		return nil, err
	}
	o.handler = g.Handler()
	return o, nil
}

// Close closes the database.
func (o *Gateway) Close() error { return o.store.Close() }

// RoundTrip implements http.RoundTripper: it serves the request here.
func (o *Gateway) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body == nil {
		r.Body = http.NoBody
	}
	r.RemoteAddr, r.RequestURI = "127.0.0.1:0", r.URL.RequestURI()
	out := &answer{header: http.Header{}}
	o.handler.ServeHTTP(out, r)
	if out.status == 0 {
		out.status = http.StatusOK
	}
	return &http.Response{
		Status: http.StatusText(out.status), StatusCode: out.status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: out.header,
		Body: io.NopCloser(&out.body), ContentLength: int64(out.body.Len()), Request: r,
	}, nil
}

// answer is a http.ResponseWriter in memory.
type answer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (a *answer) Header() http.Header { return a.header }

func (a *answer) WriteHeader(status int) {
	if a.status == 0 {
		a.status = status
	}
}

func (a *answer) Write(data []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	return a.body.Write(data)
}
