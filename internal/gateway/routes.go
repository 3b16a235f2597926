package gateway

import (
	"fmt"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"github.com/tabi-journeys/tabi/internal/api"
	"go.uber.org/zap"
)

// access is what a route asks of who calls it.
type access int

const (
	anyone access = iota // reads nothing of a customer, changes nobody; or the link itself is the permission
	writer               // a write key; the handler looks at it, for it may stand in the body
	reader               // a server key, or a token of the user whose messages are read, or for whom is decided; the handler looks
	secret               // a server write key
	page                 // an agent: session or bearer; browsers are sent to sign in
	form                 // as page, and the form's own token
	watch                // an agent's or admin's bearer token, or session: metrics
	admin                // an admin's bearer token
	devAny               // in Dev alone
)

// route is one line of the table.
type route struct {
	method string
	path   string // pattern of http.ServeMux, without method
	access access
	cors   bool // may be called from pages of other sites
	handle http.HandlerFunc
}

// routes are all that this gateway serves.
func (g *Gateway) routes() []route {
	table := []route{
		{"GET", "/{$}", page, false, g.home},
		{"GET", "/login", anyone, false, g.loginPage},
		{"POST", "/login", anyone, false, g.login},
		{"POST", "/logout", form, false, g.logout},
		{"GET", "/static/style.css", anyone, false, g.stylesheet},
		{"GET", "/inbox", page, false, g.inbox},
		{"GET", "/inbox/{id}", page, false, g.handoff},
		{"POST", "/inbox/{id}/claim", form, false, g.claim},
		{"POST", "/inbox/{id}/resolve", form, false, g.resolve},
		{"GET", "/journeys", page, false, g.journeys},
		{"GET", "/journeys/{name}", page, false, g.journey},
		{"GET", "/customers", page, false, g.customers},
		{"GET", "/customers/{id}", page, false, g.customer},
		{"GET", "/report", page, false, g.reportPage},

		{"GET", "/u/{token}", anyone, false, g.unsubscribePage},
		{"POST", "/u/{token}", anyone, false, g.unsubscribe},
		{"POST", "/v1/mail/events", secret, false, g.mailEvents},
		{"GET", "/v1/inbox/{user}", reader, true, g.appMessages},
		{"POST", "/v1/inbox/{user}/token", secret, false, g.userToken},
		{"POST", "/v1/decide", reader, true, g.decide},

		{"POST", api.AdminStart, admin, false, g.adminStart},
		{"POST", api.AdminCommand, admin, false, g.adminCommand},
		{"POST", api.AdminPause, admin, false, g.adminPause},
		{"GET", api.AdminEnrollments, admin, false, g.adminEnrollments},
		{"GET", api.AdminStatus, admin, false, g.adminStatus},
		{"GET", api.AdminCounts, admin, false, g.adminCounts},
		{"GET", api.AdminJourneys + "/{name}", admin, false, g.adminJourney},
		{"GET", api.AdminStanding, admin, false, g.adminStanding},
		{"POST", api.AdminMigrate, admin, false, g.adminMigrate},
		{"GET", api.AdminMoves, admin, false, g.adminMoves},
		{"GET", api.AdminAside, admin, false, g.adminAside},
		{"POST", api.AdminRetry, admin, false, g.adminRetry},
		{"GET", api.AdminDecide, admin, false, g.adminDecide},
		{"GET", api.AdminReport, admin, false, g.adminReport},

		{"GET", "/healthz", anyone, false, g.healthz},
		{"GET", "/readyz", anyone, false, g.readyz},
		{"GET", "/metrics", watch, false, g.metrics},
	}
	for _, call := range []struct{ kind, short string }{
		{typeTrack, "t"}, {typeIdentify, "i"}, {typePage, "p"}, {typeScreen, "s"}, {typeAlias, "a"}, {typeGroup, "g"}, {"batch", "b"},
	} {
		kind := call.kind
		if kind == "batch" {
			kind = ""
		}
		table = append(table,
			route{"POST", "/v1/" + call.kind, writer, true, g.track(kind)},
			route{"POST", "/v1/" + call.short, writer, true, g.track(kind)})
	}
	if g.cfg.Dev {
		for pattern, h := range g.cfg.DevHandlers {
			method, path, ok := strings.Cut(pattern, " ")
			if !ok {
				method, path = "", pattern
			}
			table = append(table, route{method, path, devAny, false, h.ServeHTTP})
		}
	}
	return table
}

// build makes the one handler of the table.
func (g *Gateway) build() http.Handler {
	mux := http.NewServeMux()
	preflight := map[string]bool{}
	for _, r := range g.routes() {
		mux.Handle(strings.TrimSpace(r.method+" "+r.path), g.guard(r))
		if r.cors && !preflight[r.path] {
			preflight[r.path] = true
			mux.Handle("OPTIONS "+r.path, http.HandlerFunc(g.preflight))
		}
	}
	return g.outer(mux)
}

// guard puts a route's access rule before its handler.
func (g *Gateway) guard(r route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if r.cors {
			g.allowOrigin(w, req)
		}
		switch r.access {
		case secret:
			if f := g.serverKey(req); f != nil {
				g.refuse(w, req, f)
				return
			}
		case admin, watch:
			p := g.identify(req)
			if p.session != nil && r.access == admin {
				p = person{role: g.openTo()} // the API is for programs: a cookie opens pages alone
			}
			least := roleAgent
			if r.access == admin {
				least = roleAdmin
			}
			if p.role < least {
				g.refuse(w, req, unauthorized("this needs a token: Authorization: Bearer <token>"))
				return
			}
			req = withPerson(req, p)
		case page, form:
			p := g.identify(req)
			if p.role < roleAgent {
				g.askToSignIn(w, req)
				return
			}
			req = withPerson(req, p)
			if r.access == form {
				req.Body = http.MaxBytesReader(w, req.Body, 64<<10)
				if f := g.checkForm(req); f != nil {
					g.problemPage(w, req, f.Status, "This was not done", f.Message)
					return
				}
			}
		case anyone, writer, reader, devAny:
		}
		r.handle(w, req)
	})
}

// outer is around everything: headers, the dev guard, 404 and 405 in the form the path speaks, panics, one log line.
func (g *Gateway) outer(mux *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := g.wall()
		rec := &recorder{ResponseWriter: w}
		_, pattern := mux.Handler(r)
		defer func() {
			if broke := recover(); broke != nil {
				if broke == http.ErrAbortHandler {
					panic(broke)
				}
				g.log.Error(
					"a handler broke",
					zap.String("route", pattern),
					zap.String("panic", fmt.Sprintf("%T", broke)),
					zap.ByteString("stack", debug.Stack()),
				)
				if rec.status == 0 {
					g.refuse(
						rec,
						r,
						&fail{
							Status:  http.StatusInternalServerError,
							Code:    "internal",
							Message: "this request broke the handler; the log says where",
						},
					)
				}
			}
			took := g.wall().Sub(began)
			g.requests.WithLabelValues(label(pattern), method(r.Method), fmt.Sprint(rec.status)).Observe(took.Seconds())
			g.log.Debug(
				"request",
				zap.String("method", method(r.Method)),
				zap.String("route", label(pattern)),
				zap.Int("status", rec.status),
				zap.Duration("took", took),
			)
		}()
		head := rec.Header()
		head.Set("X-Content-Type-Options", "nosniff")
		head.Set("Cache-Control", "no-store")
		head.Set("Referrer-Policy", "same-origin") // under no-referrer a browser sends its own forms with Origin: null
		head.Set("X-Frame-Options", "DENY")
		if !strings.HasPrefix(r.URL.Path, "/dev/") {
			head.Set("Content-Security-Policy", "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'")
		}
		if strings.HasPrefix(g.cfg.PublicURL, "https:") {
			head.Set("Strict-Transport-Security", "max-age=31536000")
		}
		if g.cfg.Dev {
			if f := g.devOnly(r); f != nil {
				g.refuse(rec, r, f)
				return
			}
		}
		if pattern == "" {
			g.unrouted(rec, r, mux)
			return
		}
		mux.ServeHTTP(rec, r)
	})
}

// unrouted says 404 or 405.
func (g *Gateway) unrouted(w http.ResponseWriter, r *http.Request, mux *http.ServeMux) {
	probe := &header{head: http.Header{}}
	mux.ServeHTTP(probe, r)
	f := &fail{Status: http.StatusNotFound, Code: "not_found", Message: "there is nothing at this path"}
	if probe.status == http.StatusMethodNotAllowed {
		f = &fail{Status: probe.status, Code: "method_not_allowed", Message: "this path takes " + probe.head.Get("Allow")}
		w.Header().Set("Allow", probe.head.Get("Allow"))
	}
	if strings.HasPrefix(r.URL.Path, "/v1/") || f.Status != http.StatusNotFound {
		g.refuse(w, r, f)
		return
	}
	g.problemPage(w, r, f.Status, "Nothing here", "There is nothing at this address.")
}

// allowOrigin lets pages of other sites call with a write key; in Dev, of this machine only (the guard saw to that).
func (g *Gateway) allowOrigin(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Origin") == "" {
		return
	}
	w.Header().Set("Access-Control-Allow-Origin", "*")
	if g.cfg.Dev {
		w.Header().Set("Access-Control-Allow-Origin", r.Header.Get("Origin"))
		w.Header().Add("Vary", "Origin")
	}
	w.Header().Set("Access-Control-Expose-Headers", "Retry-After")
}

func (g *Gateway) preflight(w http.ResponseWriter, r *http.Request) {
	g.allowOrigin(w, r)
	w.Header().Set("Access-Control-Allow-Methods", "GET, POST, OPTIONS")
	w.Header().Set("Access-Control-Allow-Headers", "Authorization, Content-Type, Content-Encoding")
	w.Header().Set("Access-Control-Max-Age", "7200")
	w.WriteHeader(http.StatusNoContent)
}

// label keeps the metric's labels few.
func label(pattern string) string {
	if pattern == "" {
		return "none"
	}
	return pattern[strings.IndexByte(pattern, ' ')+1:]
}

func method(m string) string {
	switch m {
	case http.MethodGet, http.MethodPost, http.MethodHead, http.MethodOptions:
		return m
	}
	return "other"
}

// recorder remembers the status.
type recorder struct {
	http.ResponseWriter
	status int
}

func (r *recorder) WriteHeader(status int) {
	if r.status == 0 {
		r.status = status
	}
	r.ResponseWriter.WriteHeader(status)
}

func (r *recorder) Write(data []byte) (int, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	return r.ResponseWriter.Write(data)
}

// Unwrap serves http.ResponseController.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

// header takes an answer's status and headers and drops its body.
type header struct {
	head   http.Header
	status int
}

func (h *header) Header() http.Header { return h.head }
func (h *header) WriteHeader(s int)   { h.status = s }
func (h *header) Write(b []byte) (int, error) {
	return len(b), nil
}

// shutdownGrace is how long requests under way may take once the server is told to stop (wall time).
const shutdownGrace = 8 * time.Second
