package gateway

import (
	"context"
	"net/http"
	"time"

	"go.uber.org/zap"
)

// readyTimeout bounds each check of /readyz (wall time).
const readyTimeout = 2 * time.Second

// healthz says that the process answers.
func (g *Gateway) healthz(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, map[string]string{"status": "ok"})
}

// readyz says what can be reached: 503 where something cannot. Why is in the log, for anyone may ask here.
func (g *Gateway) readyz(w http.ResponseWriter, r *http.Request) {
	type check struct {
		name string
		ask  func(context.Context) error
	}
	checks := []check{{"database", g.cfg.Store.Ping}}
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
			out[c.name], out["status"], status = "unreachable", "unready", http.StatusServiceUnavailable
			g.log.Warn("not ready", zap.String("part", c.name), zap.Error(err))
		}
	}
	writeJSON(w, status, out)
}
