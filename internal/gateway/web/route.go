// Package web has what the parts of the gateway share: routes with their access, errors, and reading of request bodies within
// limits.
package web

import (
	"net/http"

	"github.com/tabi-journeys/tabi/internal/access"
)

// Access is how a route identifies its caller. The gateway checks it before the handler runs, except where noted.
type Access int

// The kinds of access.
const (
	Anyone    Access = iota // shows and changes no customer; or the link itself is the permission
	WriteKey                // a write key, which may be in the body: the handler checks it
	Reader                  // a server key, or a token of the user in the request: the handler checks it
	ServerKey               // a server key in the headers
	Page                    // a session or a bearer token, with the permission; browsers are sent to sign in
	Form                    // as Page, and the request must not come from another site
	Program                 // a bearer token with the permission; no session
	Scrape                  // a bearer token or a session, with the permission; no browser is sent to sign in
	DevOnly                 // served in dev only
)

// Asks reports whether the route needs a permission of a role.
func (a Access) Asks() bool { return a == Page || a == Form || a == Program || a == Scrape }

// Route is one line of the table of routes.
type Route struct {
	Method string
	Path   string // pattern of http.ServeMux, without the method
	Access Access
	Needs  access.Permission // of the caller's role; set where Access asks for it
	CORS   bool              // may be called from pages of other sites
	Handle http.HandlerFunc
}
