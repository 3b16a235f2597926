package gateway

import (
	"net/http"
	"strings"

	"github.com/tabi-journeys/tabi/internal/access"
	"github.com/tabi-journeys/tabi/internal/gateway/web"
)

// routes returns the table of all routes with the access and the permission that each needs. Security reviews start here; which
// role has which permission is in internal/access/roles.go. A route of people or of the admin API without a permission fails the
// tests, and is refused to everybody.
func (g *Gateway) routes() []web.Route {
	const (
		anyone, writeKey, reader, serverKey = web.Anyone, web.WriteKey, web.Reader, web.ServerKey
		page, form, program, scrape         = web.Page, web.Form, web.Program, web.Scrape
		none                                = access.Permission("")
		sites, same                         = true, false // called from pages of other sites, or of this one only
	)
	type row struct {
		method, path string
		access       web.Access
		needs        access.Permission
		sites        bool
		handle       http.HandlerFunc
	}
	var table []web.Route
	for _, r := range []row{
		{"GET", "/{$}", page, access.SignedIn, same, g.pages.Home},
		{"GET", "/login", anyone, none, same, g.pages.LoginPage},
		{"POST", "/login", anyone, none, same, g.pages.Login},
		{"POST", "/logout", form, access.SignedIn, same, g.pages.Logout},
		{"GET", "/login/oidc", anyone, none, same, g.pages.LoginByProvider},
		{"GET", "/login/callback", anyone, none, same, g.pages.LoginCallback},
		{"POST", "/login/backchannel", anyone, none, same, g.pages.LogoutByProvider},
		{"GET", "/sessions", page, access.SignedIn, same, g.pages.Sessions},
		{"POST", "/sessions/end", form, access.SignedIn, same, g.pages.EndSessions},
		{"GET", "/static/style.css", anyone, none, same, g.pages.Stylesheet},
		{"GET", "/inbox", page, access.HandoffsWork, same, g.pages.Inbox},
		{"GET", "/inbox/{id}", page, access.HandoffsWork, same, g.pages.Handoff},
		{"POST", "/inbox/{id}/claim", form, access.HandoffsWork, same, g.pages.Claim},
		{"POST", "/inbox/{id}/take-over", form, access.HandoffsWork, same, g.pages.TakeOver},
		{"POST", "/inbox/{id}/release", form, access.HandoffsWork, same, g.pages.Release},
		{"POST", "/inbox/{id}/resolve", form, access.HandoffsWork, same, g.pages.Resolve},
		{"GET", "/journeys", page, access.JourneysRead, same, g.pages.Journeys},
		{"GET", "/journeys/{name}", page, access.JourneysRead, same, g.pages.Journey},
		{"GET", "/customers", page, access.CustomersRead, same, g.pages.Customers},
		{"POST", "/customers", form, access.CustomersRead, same, g.pages.FindCustomer},
		{"GET", "/customers/{id}", page, access.CustomersRead, same, g.pages.Customer},
		{"GET", "/messages/{name}", page, access.JourneysRead, same, g.pages.Message},
		{"GET", "/report", page, access.JourneysRead, same, g.pages.Report},
		{"GET", "/messages", page, access.JourneysRead, same, g.pages.Messages},
		{"GET", "/channels", page, access.JourneysRead, same, g.pages.Channels},

		{"GET", "/u/{token}", anyone, none, same, g.mail.UnsubscribePage},
		{"POST", "/u/{token}", anyone, none, same, g.mail.Unsubscribe},
		{"GET", "/p/{token}", anyone, none, same, g.mail.PreferencesPage},
		{"POST", "/p/{token}", anyone, none, same, g.mail.Preferences},
		{"GET", "/confirm/{token}", anyone, none, same, g.mail.ConfirmPage},
		{"POST", "/confirm/{token}", anyone, none, same, g.mail.Confirm},
		{"GET", "/t/{token}", anyone, none, same, g.mail.Click},
		{"GET", "/o/{token}", anyone, none, same, g.mail.Pixel},
		{"GET", "/web-push/page.js", anyone, none, same, g.scripts.Page},
		{"GET", "/web-push/worker.js", anyone, none, same, g.scripts.Worker},
		{"GET", "/v1/providers/{name}", anyone, none, same, g.reports.Provider},
		{"POST", "/v1/providers/{name}", anyone, none, same, g.reports.Provider},
		{"POST", "/v1/line/link", serverKey, none, same, g.reports.LinkLine},
		{"POST", "/v1/mail/events", serverKey, none, same, g.mail.Events},
		{"POST", "/v1/mail/bounces", serverKey, none, same, g.reports.Bounce},

		{"GET", "/v1/inbox/{user}", reader, none, sites, g.inbound.AppMessages},
		{"POST", "/v1/inbox/{user}/token", serverKey, none, same, g.inbound.UserToken},
		{"POST", "/v1/decide", reader, none, sites, g.inbound.Decide},

		{"POST", "/v1/track", writeKey, none, sites, g.segment.Track("track")},
		{"POST", "/v1/t", writeKey, none, sites, g.segment.Track("track")},
		{"POST", "/v1/identify", writeKey, none, sites, g.segment.Track("identify")},
		{"POST", "/v1/i", writeKey, none, sites, g.segment.Track("identify")},
		{"POST", "/v1/page", writeKey, none, sites, g.segment.Track("page")},
		{"POST", "/v1/p", writeKey, none, sites, g.segment.Track("page")},
		{"POST", "/v1/screen", writeKey, none, sites, g.segment.Track("screen")},
		{"POST", "/v1/s", writeKey, none, sites, g.segment.Track("screen")},
		{"POST", "/v1/alias", writeKey, none, sites, g.segment.Track("alias")},
		{"POST", "/v1/a", writeKey, none, sites, g.segment.Track("alias")},
		{"POST", "/v1/group", writeKey, none, sites, g.segment.Track("group")},
		{"POST", "/v1/g", writeKey, none, sites, g.segment.Track("group")},
		{"POST", "/v1/batch", writeKey, none, sites, g.segment.Track("")},
		{"POST", "/v1/b", writeKey, none, sites, g.segment.Track("")},

		{"POST", "/v1/admin/enrollments", program, access.EnrollmentsAct, same, g.admin.ServeHTTP},
		{"GET", "/v1/admin/enrollments", program, access.CustomersList, same, g.admin.ServeHTTP},
		{"GET", "/v1/admin/enrollments/{id}", program, access.CustomersList, same, g.admin.ServeHTTP},
		{"POST", "/v1/admin/enrollments/{id}/commands", program, access.EnrollmentsAct, same, g.admin.ServeHTTP},
		{"POST", "/v1/admin/pause", program, access.JourneysPause, same, g.admin.ServeHTTP},
		{"POST", "/v1/admin/restart", program, access.EnrollmentsAct, same, g.admin.ServeHTTP},
		{"GET", "/v1/admin/counts", program, access.JourneysRead, same, g.admin.ServeHTTP},
		{"GET", "/v1/admin/journeys/{name}", program, access.JourneysRead, same, g.admin.ServeHTTP},
		{"GET", "/v1/admin/step-counts", program, access.JourneysRead, same, g.admin.ServeHTTP},
		{"POST", "/v1/admin/migrations", program, access.JourneysMigrate, same, g.admin.ServeHTTP},
		{"GET", "/v1/admin/migrations", program, access.CustomersList, same, g.admin.ServeHTTP},
		{"GET", "/v1/admin/dead-letters", program, access.CustomersList, same, g.admin.ServeHTTP},
		{"POST", "/v1/admin/dead-letters/retry", program, access.EnrollmentsAct, same, g.admin.ServeHTTP},
		{"POST", "/v1/admin/dead-letters/drop", program, access.EnrollmentsAct, same, g.admin.ServeHTTP},
		{"GET", "/v1/admin/backlogs", program, access.CustomersList, same, g.admin.ServeHTTP},
		{"POST", "/v1/admin/customers/{id}/drop-backlog", program, access.EnrollmentsAct, same, g.admin.ServeHTTP},
		{"POST", "/v1/admin/customers/{id}/split", program, access.CustomersChange, same, g.admin.ServeHTTP},
		{"GET", "/v1/admin/customers/{id}/export", program, access.CustomersExport, same, g.admin.ServeHTTP},
		{"POST", "/v1/admin/customers/{id}/forget", program, access.CustomersForget, same, g.admin.ServeHTTP},
		{"POST", "/v1/admin/customers/{id}/remember", program, access.CustomersForget, same, g.admin.ServeHTTP},
		{"GET", "/v1/admin/forget-requests", program, access.CustomersForget, same, g.admin.ServeHTTP},
		{"GET", "/v1/admin/forget-requests/{id}", program, access.CustomersForget, same, g.admin.ServeHTTP},
		{"GET", "/v1/admin/handoffs", program, access.CustomersList, same, g.admin.ServeHTTP},
		{"POST", "/v1/admin/handoffs/{id}/acts", program, access.HandoffsAssign, same, g.admin.ServeHTTP},
		{"GET", "/v1/admin/addresses", program, access.CustomersChange, same, g.admin.ServeHTTP},
		{"POST", "/v1/admin/addresses/revive", program, access.CustomersChange, same, g.admin.ServeHTTP},
		{"GET", "/v1/admin/rejected-calls", program, access.RejectedCalls, same, g.admin.ServeHTTP},
		{"GET", "/v1/admin/rejected-calls/{id}", program, access.RejectedCalls, same, g.admin.ServeHTTP},
		{"POST", "/v1/admin/rejected-calls/drop", program, access.RejectedCalls, same, g.admin.ServeHTTP},
		{"POST", "/v1/admin/keys", program, access.KeysManage, same, g.admin.ServeHTTP},
		{"GET", "/v1/admin/keys", program, access.KeysManage, same, g.admin.ServeHTTP},
		{"POST", "/v1/admin/keys/{key}/rotate", program, access.KeysManage, same, g.admin.ServeHTTP},
		{"POST", "/v1/admin/keys/{key}/revoke", program, access.KeysManage, same, g.admin.ServeHTTP},
		{"GET", "/v1/admin/sessions", program, access.SessionsManage, same, g.admin.ServeHTTP},
		{"POST", "/v1/admin/sessions/end", program, access.SessionsManage, same, g.admin.ServeHTTP},
		{"GET", "/v1/admin/messages/{name}/samples/{customer}", program, access.CustomersPersonal, same, g.admin.ServeHTTP},
		{"POST", "/v1/admin/messages/{name}/tests", program, access.MessagesTest, same, g.admin.ServeHTTP},
		{"GET", "/v1/admin/decide", program, access.CustomersList, same, g.admin.ServeHTTP},
		{"GET", "/v1/admin/audit", program, access.AuditRead, same, g.admin.ServeHTTP},
		{"GET", "/v1/admin/report", program, access.JourneysRead, same, g.admin.ServeHTTP},
		{"GET", "/v1/admin/results/messages", program, access.JourneysRead, same, g.admin.ServeHTTP},
		{"GET", "/v1/admin/results/messages/{name}", program, access.JourneysRead, same, g.admin.ServeHTTP},
		{"GET", "/v1/admin/results/channels", program, access.JourneysRead, same, g.admin.ServeHTTP},
		{"GET", "/v1/admin/results/journeys/{name}/splits", program, access.JourneysRead, same, g.admin.ServeHTTP},

		{"POST", "/v1/codec/decode", scrape, access.PayloadsDecode, same, g.payloads.Decode},
		{"POST", "/v1/codec/encode", scrape, access.PayloadsDecode, same, g.payloads.Encode},

		{"GET", "/v1/openapi.yaml", anyone, none, same, g.serveOpenAPI},
		{"GET", "/healthz", anyone, none, same, g.healthz},
		{"GET", "/readyz", anyone, none, same, g.readyz},
		{"GET", "/metrics", scrape, access.Metrics, same, g.metrics},
	} {
		table = append(table, web.Route{Method: r.method, Path: r.path, Access: r.access, Needs: r.needs, CORS: r.sites, Handle: r.handle})
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
	w.Header().Set("Content-Type", "application/yaml; charset=utf-8")
	_, _ = w.Write(g.openAPI)
}

// build makes the handler of all routes.
func (g *Gateway) build() http.Handler {
	mux := http.NewServeMux()
	preflight := map[string]bool{}
	for _, r := range g.routes() {
		handler := g.audit(r, g.guard(r))
		if strings.HasPrefix(r.Path, "/v1/codec/") { // called from the pages of the Temporal UI
			handler = g.payloads.CORS(handler, wasRefused)
			mux.Handle("OPTIONS "+r.Path, handler)
		}
		mux.Handle(strings.TrimSpace(r.Method+" "+r.Path), handler)
		if r.CORS && !preflight[r.Path] {
			preflight[r.Path] = true
			mux.Handle("OPTIONS "+r.Path, g.preflight(r.Access))
		}
	}
	return g.outer(mux)
}
