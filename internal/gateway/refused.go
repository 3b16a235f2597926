package gateway

import (
	"context"
	"net/http"
	"sync"
	"time"

	"go.uber.org/zap"
	"golang.org/x/time/rate"

	"github.com/tabi-journeys/tabi/internal/gateway/auth"
	"github.com/tabi-journeys/tabi/internal/gateway/web"
)

// Limits of log lines about refused callers, since strangers cause them: this many at once, and one more each second.
const refusedLines = 50

// refusedLog writes a line for each request that was refused for who sent it (401 and 403), and counts those that it leaves out.
type refusedLog struct {
	mu     sync.Mutex
	lines  *rate.Limiter
	unsaid int
}

func newRefusedLog() *refusedLog {
	return &refusedLog{lines: rate.NewLimiter(rate.Every(time.Second), refusedLines)}
}

type recorderKey struct{}

// callerIs notes for the log who sent a request.
func callerIs(ctx context.Context, caller auth.Principal) {
	if rec, ok := ctx.Value(recorderKey{}).(*recorder); ok {
		rec.caller = caller
	}
}

// wasRefused notes a status that a request was refused with, where the answer has words instead.
func wasRefused(ctx context.Context, status int) {
	if rec, ok := ctx.Value(recorderKey{}).(*recorder); ok {
		rec.refused = status
	}
}

// refused logs a request that was refused for who sent it. Nothing of what was sent is in the line.
func (g *Gateway) refused(r *http.Request, route string, rec *recorder, now time.Time) {
	if rec.result() != http.StatusUnauthorized && rec.result() != http.StatusForbidden {
		return
	}
	g.refusals.mu.Lock()
	defer g.refusals.mu.Unlock()
	if !g.refusals.lines.AllowN(now, 1) {
		g.refusals.unsaid++
		return
	}
	g.Log.Info("a caller was refused",
		zap.String("method", method(r.Method)), zap.String("route", route), zap.Int("status", rec.result()),
		zap.String("subject", rec.caller.Subject), zap.String("role", string(rec.caller.Role)),
		zap.String("peer", g.peer(r)), zap.Int("left_out_before", g.refusals.unsaid), web.Logged(r.Context()))
	g.refusals.unsaid = 0
}
