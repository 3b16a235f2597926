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

// readyz reports whether the database and Temporal can be reached, with 503 if not. The reason is only logged, because anyone may
// call it.
func (g *Gateway) readyz(w http.ResponseWriter, r *http.Request) {
	type check struct {
		name string
		ask  func(context.Context) error
	}
	checks := []check{{"database", g.Ping}}
	if g.cfg.Ready != nil {
		checks = append(checks, check{"temporal", g.cfg.Ready})
	}
	out, status := map[string]string{"status": "ok"}, http.StatusOK
	for _, c := range checks {
		ctx, cancel := context.WithTimeout(r.Context(), readyTimeout)
		err := c.ask(ctx)
		cancel()
		out[c.name] = "ok"
		if err != nil {
			out[c.name], out["status"], status = readiness(err), "unready", http.StatusServiceUnavailable
			g.Log.Warn("not ready", zap.String("part", c.name), zap.Error(err))
		}
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
