package gateway

import (
	"context"
	"errors"
	"net/http"
	"time"

	"go.uber.org/zap"

	"github.com/tabi-journeys/tabi/internal/gateway/web"
)

// readyTimeout bounds each check of /readyz (wall time).
const readyTimeout = 2 * time.Second

// healthz answers as long as the process runs.
func (g *Gateway) healthz(w http.ResponseWriter, _ *http.Request) {
	web.WriteJSON(w, http.StatusOK, map[string]string{"status": "ok"})
}

// Drain makes /readyz say 503 from now on, because the process is about to stop. All other requests are served as before.
func (g *Gateway) Drain() { g.draining.Store(true) }

// partWays ends each connection with the answer to its next request once the gateway drains, so that no client has one open that the
// gateway closes while a request is on its way.
func (g *Gateway) partWays(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if g.draining.Load() {
			w.Header().Set("Connection", "close")
		}
		next.ServeHTTP(w, r)
	})
}

// readyz reports whether the gateway takes events: with 503 if the database cannot be reached, or if the process is about to
// stop. Temporal and the identity provider are reported too, but a gateway
// without them is ready: events wait in the outbox, and tokens work. The reason is only logged,
// because anyone may call it.
func (g *Gateway) readyz(w http.ResponseWriter, r *http.Request) {
	ask := func(name string, check func(context.Context) error) string {
		ctx, cancel := context.WithTimeout(r.Context(), readyTimeout)
		defer cancel()
		err := check(ctx)
		if err == nil {
			return "ok"
		}
		g.Log.Warn("a part cannot be reached", zap.String("part", name), zap.Error(err))
		return readiness(err)
	}
	out, status := map[string]string{"status": "ok"}, http.StatusOK
	if out["database"] = ask("database", g.Ping); out["database"] != "ok" {
		out["status"], status = "unready", http.StatusServiceUnavailable
	}
	if g.cfg.Ready != nil {
		out["temporal"] = ask("temporal", g.cfg.Ready)
	}
	if name, err := g.auth.Provider(0); name != "" { // without it tokens work, so the gateway is ready
		out["sign_in"] = "ok"
		if err != nil { // logged when it was tried
			out["sign_in"] = "unreachable"
		}
	}
	if g.draining.Load() {
		out["status"], status = "stopping", http.StatusServiceUnavailable
	}
	web.WriteJSON(w, status, out)
}

// readiness is the word of /readyz for a part that is not ready.
func readiness(err error) string {
	var named interface{ Readiness() string }
	if errors.As(err, &named) {
		return named.Readiness()
	}
	return "unreachable"
}
