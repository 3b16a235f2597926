package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"

	"go.temporal.io/sdk/worker"
	"go.uber.org/zap"

	"github.com/tabi-journeys/tabi/activities"
	"github.com/tabi-journeys/tabi/internal/access"
	"github.com/tabi-journeys/tabi/internal/app"
	"github.com/tabi-journeys/tabi/internal/background"
	"github.com/tabi-journeys/tabi/internal/gateway"
	"github.com/tabi-journeys/tabi/internal/gateway/auth"
	"github.com/tabi-journeys/tabi/internal/relay"
	"github.com/tabi-journeys/tabi/workflows"
	"github.com/tabi-journeys/tabi/workflows/contract"
)

// writeKey is the key of the bench's gateways.
const writeKey = "a-server-key-of-the-bench"

// httpClient is a client of a gateway on loopback.
type httpClient struct {
	url       string
	client    *http.Client
	onRequest atomic.Pointer[func(customer string)] // called first for each request
	stop      func()
}

// customerHeader carries the customer of a request, for onRequest.
const customerHeader = "X-Bench-Customer"

// gateway serves HTTP for the environment, for up to conns clients at a time.
func (w *environment) gateway(conns int) (*httpClient, error) {
	g, err := gateway.New(gateway.Config{
		Rooms: app.GatewayRooms(w.store), Ping: w.store.Database.Ping, Keys: map[string]auth.Key{writeKey: {Kind: auth.ServerKey}},
		Tokens:  []auth.Token{{Value: "an-admin-token-of-the-bench", Role: access.Admin}},
		Secrets: benchSecrets, LinkSecrets: benchSecrets, PublicURL: "http://127.0.0.1",
	})
	if err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	out := newHTTPClient("http://"+l.Addr().String(), conns)
	served := g.Handler()
	srv := gateway.Server(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if heed := out.onRequest.Load(); heed != nil {
			(*heed)(r.Header.Get(customerHeader))
		}
		served.ServeHTTP(rw, r)
	}), zap.NewNop())
	var serving sync.WaitGroup
	serving.Go(func() { _ = srv.Serve(l) })
	out.stop = func() {
		_ = srv.Close()
		serving.Wait()
	}
	return out, nil
}

// newHTTPClient returns a client of the gateway at url.
func newHTTPClient(url string, conns int) *httpClient {
	return &httpClient{
		url:    url,
		stop:   func() {},
		client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: conns, MaxConnsPerHost: conns}},
	}
}

// call is one call of Segment's tracking API.
type call struct {
	Type       string         `json:"type,omitempty"`
	MessageID  string         `json:"messageId,omitempty"`
	UserID     string         `json:"userId"`
	Event      string         `json:"event,omitempty"`
	Properties map[string]any `json:"properties,omitempty"`
	Traits     map[string]any `json:"traits,omitempty"`
}

// batch sends calls in one request.
func (g *httpClient) batch(ctx context.Context, calls []call) error {
	return g.post(ctx, "/v1/batch", "", map[string]any{"batch": calls})
}

// track sends one call.
func (g *httpClient) track(ctx context.Context, c call) error {
	return g.post(ctx, "/v1/track", c.UserID, c)
}

func (g *httpClient) post(ctx context.Context, path, customer string, body any) error {
	data, err := json.Marshal(body)
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, g.url+path, bytes.NewReader(data))
	if err != nil {
		return err
	}
	r.SetBasicAuth(writeKey, "")
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set(customerHeader, customer)
	answer, err := g.client.Do(r)
	if err != nil {
		return err
	}
	said, err := io.ReadAll(answer.Body)
	_ = answer.Body.Close()
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("POST %s: %s: %.300s", path, answer.Status, said)
	}
	return err
}

// runTabi runs all of tabi in this process, as `tabi dev` does: gateway, relay and worker, with the stub channel.
func (w *environment) runTabi(ctx context.Context, conns int) (*httpClient, error) {
	g, err := w.gateway(conns)
	if err != nil {
		return nil, err
	}
	if err := w.startWorker(contract.TaskQueue, func(k worker.Worker) {
		workflows.Register(k)
		activities.Register(k, w.acts)
	}); err != nil {
		g.stop()
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	var relaying sync.WaitGroup
	relaying.Go(func() {
		_ = relay.New(relay.Config{Outbox: w.store.Outbox, Enrollments: w.store.Enrollments, Committed: w.store.Units.Committed(),
			Client: w.temporal, Workers: w.config.RelayWorkers}).Run(ctx)
	})
	relaying.Go(func() {
		_ = background.New(background.Config{
			Enrollments: w.store.Enrollments, Schedules: w.store.Enrollments, Intents: w.store.Intents, Offers: w.store.Offers,
			Client: w.temporal,
		}).Run(ctx)
	})
	stop := g.stop
	g.stop = func() {
		stop()
		cancel()
		relaying.Wait()
	}
	return g, nil
}
