package gateway

import (
	"net/http"
	"strings"

	"github.com/tabi-journeys/tabi/internal/gateway/web"
)

// routes returns the table of all routes with the access that each needs. Security reviews start here.
func (g *Gateway) routes() []web.Route {
	const (
		anyone, writeKey, reader, serverKey = web.Anyone, web.WriteKey, web.Reader, web.ServerKey
		page, form, metrics, admin          = web.Page, web.Form, web.Metrics, web.Admin
		sites, same                         = true, false // called from pages of other sites, or of this one only
	)
	type row struct {
		method, path string
		access       web.Access
		sites        bool
		handle       http.HandlerFunc
	}
	var table []web.Route
	for _, r := range []row{
		{"GET", "/{$}", page, same, g.pages.Home},
		{"GET", "/login", anyone, same, g.pages.LoginPage},
		{"POST", "/login", anyone, same, g.pages.Login},
		{"POST", "/logout", form, same, g.pages.Logout},
		{"GET", "/static/style.css", anyone, same, g.pages.Stylesheet},
		{"GET", "/inbox", page, same, g.pages.Inbox},
		{"GET", "/inbox/{id}", page, same, g.pages.Handoff},
		{"POST", "/inbox/{id}/claim", form, same, g.pages.Claim},
		{"POST", "/inbox/{id}/take-over", form, same, g.pages.TakeOver},
		{"POST", "/inbox/{id}/release", form, same, g.pages.Release},
		{"POST", "/inbox/{id}/resolve", form, same, g.pages.Resolve},
		{"GET", "/journeys", page, same, g.pages.Journeys},
		{"GET", "/journeys/{name}", page, same, g.pages.Journey},
		{"GET", "/customers", page, same, g.pages.Customers},
		{"GET", "/customers/{id}", page, same, g.pages.Customer},
		{"GET", "/report", page, same, g.pages.Report},

		{"GET", "/u/{token}", anyone, same, g.mail.UnsubscribePage},
		{"POST", "/u/{token}", anyone, same, g.mail.Unsubscribe},
		{"POST", "/v1/mail/events", serverKey, same, g.mail.Events},

		{"GET", "/v1/inbox/{user}", reader, sites, g.inbound.AppMessages},
		{"POST", "/v1/inbox/{user}/token", serverKey, same, g.inbound.UserToken},
		{"POST", "/v1/decide", reader, sites, g.inbound.Decide},

		{"POST", "/v1/track", writeKey, sites, g.segment.Track("track")},
		{"POST", "/v1/t", writeKey, sites, g.segment.Track("track")},
		{"POST", "/v1/identify", writeKey, sites, g.segment.Track("identify")},
		{"POST", "/v1/i", writeKey, sites, g.segment.Track("identify")},
		{"POST", "/v1/page", writeKey, sites, g.segment.Track("page")},
		{"POST", "/v1/p", writeKey, sites, g.segment.Track("page")},
		{"POST", "/v1/screen", writeKey, sites, g.segment.Track("screen")},
		{"POST", "/v1/s", writeKey, sites, g.segment.Track("screen")},
		{"POST", "/v1/alias", writeKey, sites, g.segment.Track("alias")},
		{"POST", "/v1/a", writeKey, sites, g.segment.Track("alias")},
		{"POST", "/v1/group", writeKey, sites, g.segment.Track("group")},
		{"POST", "/v1/g", writeKey, sites, g.segment.Track("group")},
		{"POST", "/v1/batch", writeKey, sites, g.segment.Track("")},
		{"POST", "/v1/b", writeKey, sites, g.segment.Track("")},

		{"POST", "/v1/admin/enrollments", admin, same, g.admin.ServeHTTP},
		{"GET", "/v1/admin/enrollments", admin, same, g.admin.ServeHTTP},
		{"GET", "/v1/admin/enrollments/{id}", admin, same, g.admin.ServeHTTP},
		{"POST", "/v1/admin/enrollments/{id}/commands", admin, same, g.admin.ServeHTTP},
		{"POST", "/v1/admin/pause", admin, same, g.admin.ServeHTTP},
		{"POST", "/v1/admin/restart", admin, same, g.admin.ServeHTTP},
		{"GET", "/v1/admin/counts", admin, same, g.admin.ServeHTTP},
		{"GET", "/v1/admin/journeys/{name}", admin, same, g.admin.ServeHTTP},
		{"GET", "/v1/admin/step-counts", admin, same, g.admin.ServeHTTP},
		{"POST", "/v1/admin/migrations", admin, same, g.admin.ServeHTTP},
		{"GET", "/v1/admin/migrations", admin, same, g.admin.ServeHTTP},
		{"GET", "/v1/admin/dead-letters", admin, same, g.admin.ServeHTTP},
		{"POST", "/v1/admin/dead-letters/retry", admin, same, g.admin.ServeHTTP},
		{"POST", "/v1/admin/dead-letters/drop", admin, same, g.admin.ServeHTTP},
		{"POST", "/v1/admin/customers/{id}/split", admin, same, g.admin.ServeHTTP},
		{"GET", "/v1/admin/handoffs", admin, same, g.admin.ServeHTTP},
		{"POST", "/v1/admin/handoffs/{id}/acts", admin, same, g.admin.ServeHTTP},
		{"GET", "/v1/admin/addresses", admin, same, g.admin.ServeHTTP},
		{"POST", "/v1/admin/addresses/revive", admin, same, g.admin.ServeHTTP},
		{"GET", "/v1/admin/rejected-calls", admin, same, g.admin.ServeHTTP},
		{"GET", "/v1/admin/rejected-calls/{id}", admin, same, g.admin.ServeHTTP},
		{"POST", "/v1/admin/rejected-calls/drop", admin, same, g.admin.ServeHTTP},
		{"GET", "/v1/admin/decide", admin, same, g.admin.ServeHTTP},
		{"GET", "/v1/admin/report", admin, same, g.admin.ServeHTTP},

		{"GET", "/v1/openapi.yaml", anyone, same, g.serveOpenAPI},
		{"GET", "/healthz", anyone, same, g.healthz},
		{"GET", "/readyz", anyone, same, g.readyz},
		{"GET", "/metrics", metrics, same, g.metrics},
	} {
		table = append(table, web.Route{Method: r.method, Path: r.path, Access: r.access, CORS: r.sites, Handle: r.handle})
	}
	if g.cfg.Dev {
		for pattern, h := range g.cfg.DevHandlers {
			method, path, ok := strings.Cut(pattern, " ")
			if !ok {
				method, path = "", pattern
			}
			table = append(table, web.Route{Method: method, Path: path, Access: web.DevOnly, Handle: h.ServeHTTP})
		}
	}
	return table
}

// serveOpenAPI serves the contract of all endpoints for programs, which is docs/openapi.yaml too.
func (g *Gateway) serveOpenAPI(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/yaml")
	_, _ = w.Write(g.openAPI)
}

// build makes the handler of all routes.
func (g *Gateway) build() http.Handler {
	mux := http.NewServeMux()
	preflight := map[string]bool{}
	for _, r := range g.routes() {
		mux.Handle(strings.TrimSpace(r.Method+" "+r.Path), g.guard(r))
		if r.CORS && !preflight[r.Path] {
			preflight[r.Path] = true
			mux.Handle("OPTIONS "+r.Path, http.HandlerFunc(g.preflight))
		}
	}
	return g.outer(mux)
}
